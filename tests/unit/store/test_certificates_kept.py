"""Certificates at rest: read back as they were, their keys sealed. State from before there were any is read, too."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

from cryptography.fernet import Fernet
from support import Cloud

from landbridge.control.certificates import IssueDeviceCertificate, RevokeDeviceCertificate
from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.model.certificates import Authority
from landbridge.model.vpn import CustomerGateway, VpnConnection
from landbridge.store.codec import NAMES, Codec
from pki import REQUEST

CODEC = Codec(Fernet.generate_key())


def test_they_come_back_as_they_were_and_no_key_is_readable() -> None:
    cloud = Cloud()
    device = cloud.run(IssueDeviceCertificate(REQUEST, "office.example.net"))
    customer = cloud.run(CreateCustomerGateway(None, 65010, certificate_arn=device.id))
    cloud.run(CreateVpnConnection(cloud.run(CreateVpnGateway()).id, customer.id))
    cloud.run(RevokeDeviceCertificate(device.id))
    for kinds in cloud.snapshot.kinds.values():
        for resource in kinds.values():
            text = CODEC.encode(resource)
            assert CODEC.decode(NAMES[type(resource)], text) == resource
            assert "PRIVATE KEY" not in text
    [authority] = cloud.snapshot.all(Authority)
    assert authority.key.reveal().startswith("-----BEGIN EC PRIVATE KEY-----")


def test_state_from_before_certificates_is_read() -> None:
    cloud = Cloud()
    customer = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.7"), 65010))
    connection = cloud.run(CreateVpnConnection(cloud.run(CreateVpnGateway()).id, customer.id))
    body = json.loads(CODEC.encode(customer))
    del body["certificate_arn"]
    assert CODEC.decode(NAMES[CustomerGateway], json.dumps(body)) == customer
    body = json.loads(CODEC.encode(connection))
    for tunnel in body["tunnels"]:
        del tunnel["certificate"]
    assert CODEC.decode(NAMES[VpnConnection], json.dumps(body)) == connection
