"""CloudWatch's metrics of VPN connections, namespace AWS/VPN: read-only, and so for every role."""
