"""What the customer gateway offers: the suites that its device file names, if its crypto policy admits them.

AWS's files name the least that AWS takes, AES-128-CBC with SHA1 and group 2, unless options said otherwise. With a
policy that does not admit what a phase's suite names, everything is offered for that phase that the policy does admit.
"""

from __future__ import annotations

from landbridge.desired.device_file import DeviceFile, DeviceTunnel, Suite
from landbridge.model.crypto import PHASE_1, PHASE_2, Algorithm, CryptoPolicy, Transforms, admits, admitted, title
from landbridge.model.errors import Unsupported


def ike(tunnel: DeviceTunnel, policy: CryptoPolicy) -> Transforms:
    """Of phase 1."""
    return _offered(tunnel.ike, policy, PHASE_1)


def esp(tunnel: DeviceTunnel, policy: CryptoPolicy) -> Transforms:
    """Of phase 2."""
    return _offered(tunnel.esp, policy, PHASE_2)


def _offered(suite: Suite, policy: CryptoPolicy, every: Transforms) -> Transforms:
    named: tuple[Algorithm, ...] = (suite.encryption, *suite.transforms.integrity, suite.group)
    return suite.transforms if all(admits(policy, each) for each in named) else admitted(policy, every)


def check(file: DeviceFile, policy: CryptoPolicy) -> None:
    """Whether there is anything to offer.

    Raises:
        Unsupported: the file asks for a version of IKE that the policy does not admit.
    """
    for tunnel in file.tunnels:
        if not admits(policy, tunnel.ike_version):
            raise Unsupported(
                f"The device file asks for {title(tunnel.ike_version)}, which the crypto policy {policy} does not "
                "admit. Make the VPN connection with ikev2 in its IKEVersions, or leave --crypto-policy out."
            )
