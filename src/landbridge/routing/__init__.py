"""The route decisions of VPC route tables and gateways, made in this one place."""
