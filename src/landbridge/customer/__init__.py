"""The customer gateway: a device file in, the other end of a VPN connection out."""
