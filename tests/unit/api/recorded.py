"""Requests as clients sent them, recorded on the wire: the AWS SDKs for Go (inside of Terraform) and for JavaScript.

Signed with the key of AWS's documentation. User agents are left out where they are not signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

TEXT = 'a "b" <c> & é ☃ +%*~'
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@dataclass(frozen=True)
class Recorded:
    """A whole request: when it was signed, its headers, its body, and what it says."""

    at: datetime
    headers: str
    body: bytes
    action: str
    params: dict[str, Any]

    @property
    def header_list(self) -> list[tuple[bytes, bytes]]:
        """The headers as a server gets them."""
        pairs = (line.split(": ", 1) for line in self.headers.strip().splitlines())
        return [(name.lower().encode(), value.encode()) for name, value in pairs]


# Terraform 1.11.4, provider aws 5.100.0 (aws-sdk-go-v2/1.36.3): keys sorted, blanks as `+`, no charset.
GO = Recorded(
    at=datetime(2026, 11, 24, 19, 4, 54, tzinfo=UTC),
    headers="""
Host: 127.0.0.1:47831
Content-Length: 130
Amz-Sdk-Invocation-Id: 4c652467-3055-4755-ba0d-505bd51cd180
Amz-Sdk-Request: attempt=1; max=1
Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261124/eu-central-1/ec2/aws4_request, \
SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-date, \
Signature=023094543814fe6d99e35214f1e4e84975dc94f58bea2b392cb46d1ef2cc5472
Content-Type: application/x-www-form-urlencoded
X-Amz-Date: 20261124T190454Z
Accept-Encoding: gzip
""",
    body=b"Action=DescribeVpcs&Filter.1.Name=tag%3AName&Filter.1.Value.1="
    b"a+%22b%22+%3Cc%3E+%26+%C3%A9+%E2%98%83+%2B%25%2A~&Version=2016-11-15",
    action="DescribeVpcs",
    params={"Filters": [{"Name": "tag:Name", "Values": [TEXT]}]},
)

# @aws-sdk/client-ec2 3.1169.0 on Node 20: in the order given, blanks as `%20`, the body's hash as a header.
JS = Recorded(
    at=datetime(2026, 11, 24, 19, 4, 21, tzinfo=UTC),
    headers="""
content-type: application/x-www-form-urlencoded
content-length: 202
x-amz-user-agent: aws-sdk-js/3.1168.0
host: 127.0.0.1:47831
amz-sdk-invocation-id: 6996c935-2e59-4850-9ce8-6a87a00fa6c3
amz-sdk-request: attempt=1; max=1
x-amz-date: 20261124T190421Z
x-amz-content-sha256: 9ad404ade01e809a4c17775b2ff540e52f7a531291180cf376e3cc050f43af80
authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261124/eu-central-1/ec2/aws4_request, \
SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-content-sha256;x-amz-date;\
x-amz-user-agent, Signature=f8eb2edd80dac16a6787f0909dec28aef9796c2d7e5721680c47dfa477ea9a75
Connection: keep-alive
""",
    body=b"Action=CreateTags&Version=2016-11-15&ResourceId.1=vpc-0123456789abcdef0&Tag.1.Key=Name&Tag.1.Value="
    b"a%20%22b%22%20%3Cc%3E%20%26%20%C3%A9%20%E2%98%83%20%2B%25%2A~&Tag.2.Key=empty&Tag.2.Value=&DryRun=false",
    action="CreateTags",
    params={
        "Resources": ["vpc-0123456789abcdef0"],
        "Tags": [{"Key": "Name", "Value": TEXT}, {"Key": "empty", "Value": ""}],
        "DryRun": False,
    },
)

# Bodies of a whole life of a VPN, in the order they came.
GO_BODIES = """
Action=CreateCustomerGateway&BgpAsn=65010&IpAddress=203.0.113.77&Type=ipsec.1&Version=2016-11-15
Action=CreateVpc&AmazonProvidedIpv6CidrBlock=false&CidrBlock=10.0.0.0%2F16&InstanceTenancy=default&\
TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=Name&\
TagSpecification.1.Tag.1.Value=a+%22name%22%3B+with+%7Beverything%7D&Version=2016-11-15
Action=DescribeVpcAttribute&Attribute=enableDnsHostnames&Version=2016-11-15&VpcId={vpc}
Action=DescribeNetworkAcls&Filter.1.Name=default&Filter.1.Value.1=true&Filter.2.Name=vpc-id&Filter.2.Value.1={vpc}&\
Version=2016-11-15
Action=DescribeRouteTables&Filter.1.Name=association.main&Filter.1.Value.1=true&Filter.2.Name=vpc-id&\
Filter.2.Value.1={vpc}&Version=2016-11-15
Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=default&Filter.2.Name=vpc-id&\
Filter.2.Value.1={vpc}&Version=2016-11-15
Action=CreateVpnGateway&AmazonSideAsn=64600&AvailabilityZone=&Type=ipsec.1&Version=2016-11-15
Action=DescribeCustomerGateways&CustomerGatewayId.1={cgw}&Version=2016-11-15
Action=DescribeVpnGateways&Version=2016-11-15&VpnGatewayId.1={vgw}
Action=DescribeVpnConnections&Version=2016-11-15&VpnConnectionId.1={vpn}
Action=DescribeVpnConnections&Filter.1.Name=route.destination-cidr-block&Filter.1.Value.1=192.168.0.0%2F16&\
Filter.2.Name=vpn-connection-id&Filter.2.Value.1={vpn}&Version=2016-11-15
Action=DescribeNetworkInterfaces&Filter.1.Name=subnet-id&Filter.1.Value.1={subnet}&Version=2016-11-15
Action=DeleteVpnConnectionRoute&DestinationCidrBlock=192.168.0.0%2F16&Version=2016-11-15&VpnConnectionId={vpn}
Action=DeleteVpnConnection&Version=2016-11-15&VpnConnectionId={vpn}
""".strip().splitlines()

JS_BODIES = """
Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=tag%3AName&Filter.1.Value.1=a%2A&Filter.1.Value.2=b&\
Filter.2.Name=state&Filter.2.Value.1=available&MaxResults=5
Action=DescribeVpcs&Version=2016-11-15
Action=ModifyVpcAttribute&Version=2016-11-15&VpcId={vpc}&EnableDnsHostnames.Value=true
Action=CreateVpnGateway&Version=2016-11-15&Type=ipsec.1&AvailabilityZone=&AmazonSideAsn=64600
Action=CreateVpnConnection&Version=2016-11-15&CustomerGatewayId={spare_cgw}&Type=ipsec.1&VpnGatewayId={vgw}&\
Options.TunnelOptions.1.TunnelInsideCidr=169.254.10.0%2F30&Options.TunnelOptions.1.PreSharedKey=A_key.of_the_user&\
Options.TunnelOptions.1.DPDTimeoutSeconds=40&Options.StaticRoutesOnly=true
Action=CreateVpnConnectionRoute&Version=2016-11-15&DestinationCidrBlock=192.168.60.0%2F24&VpnConnectionId={vpn}
Action=CreateTags&Version=2016-11-15&ResourceId.1={vpc}&Tag.1.Key=k&Tag.1.Value=
Action=DeleteTags&Version=2016-11-15&ResourceId.1={vpc}&Tag.1.Key=k
Action=DeleteVpc&Version=2016-11-15&VpcId={spare_vpc}&DryRun=false
""".strip().splitlines()
