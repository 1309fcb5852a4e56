"""What the options of a VPN connection and of its tunnels may be at AWS (VpnTunnelOptionsSpecification).

A value that is none of these is refused as such, whether the option is in force here or not.

How those that are in force go together is checked by control/tunnel_options.py, and what else there is by
control/tunnels.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Network
from typing import Any, Final

from landbridge.api.aws.ec2.door import Params
from landbridge.api.aws.ec2.params import network
from landbridge.control.tunnel_options import RANGES, check_range
from landbridge.model.crypto import PHASE_1, PHASE_2, Encryption, IkeVersion, Integrity
from landbridge.model.errors import Combination, Invalid

OUTSIDE_TYPES: Final = ("PublicIpv4", "PrivateIpv4", "Ipv6")
STORAGES: Final = ("Standard", "SecretsManager")

ML_KEM: Final = (35, 36, 37)
"""Key exchanges that hold against quantum computers, by IANA's number: AWS has them, strongSwan before 6.0 has not."""
_GROUPS: Final = (*PHASE_1.groups, ML_KEM[0])
_LISTS: Final[Mapping[str, tuple[object, ...]]] = {
    "Phase1EncryptionAlgorithms": tuple(Encryption),
    "Phase2EncryptionAlgorithms": tuple(Encryption),
    "Phase1IntegrityAlgorithms": tuple(Integrity),
    "Phase2IntegrityAlgorithms": tuple(Integrity),
    "Phase1DHGroupNumbers": _GROUPS,
    "Phase2DHGroupNumbers": (*PHASE_2.groups, *ML_KEM),
    "IKEVersions": tuple(IkeVersion),
}
_ROUNDS: Final = ("Phase1AdditionalKeyExchanges", "Phase2AdditionalKeyExchanges")
_REQUIREMENTS: Final = ("required", "optional")
_FORMATS: Final = ("json", "text")
_LOG_GROUP: Final = re.compile(r"arn:[a-z-]+:logs:[a-z0-9-]+:[0-9]{12}:log-group:[A-Za-z0-9_./#-]{1,512}(?::\*)?")
_INSIDE_V6: Final = IPv6Network("fd00::/8")
_INSIDE_V6_PREFIX: Final = 126


def check_connection(options: Params) -> None:
    """The options of a connection, those of its tunnels left aside.

    Raises:
        Invalid.
    """
    for name in ("LocalIpv4NetworkCidr", "RemoteIpv4NetworkCidr"):
        if name in options:
            network(options[name], name)
    for name in ("LocalIpv6NetworkCidr", "RemoteIpv6NetworkCidr"):
        if name in options:
            _network_v6(options[name], name)
    _one_of(options, "OutsideIpAddressType", OUTSIDE_TYPES)


def check_tunnel(options: Params) -> None:
    """The options of one tunnel.

    Raises:
        Invalid, Combination: never with a key in its message.
    """
    for name in RANGES:
        check_range(name, options.get(name))
    for name, known in _LISTS.items():
        for item in options.get(name) or ():
            if item.get("Value") not in known:
                raise _invalid(name, item.get("Value"), f"Use any of: {_listed(known)}")
    if "TunnelInsideIpv6Cidr" in options:
        cidr = _network_v6(options["TunnelInsideIpv6Cidr"], "TunnelInsideIpv6Cidr")
        if cidr.prefixlen != _INSIDE_V6_PREFIX or not cidr.subnet_of(_INSIDE_V6):
            raise _invalid("TunnelInsideIpv6Cidr", cidr, f"Use a /{_INSIDE_V6_PREFIX} within {_INSIDE_V6}")
    versions = {item.get("Value") for item in options.get("IKEVersions") or ()}
    for name in _ROUNDS:
        _check_rounds(name, options.get(name) or (), only_ikev1=versions == {"ikev1"})
    _check_logs(options)


def _check_rounds(name: str, rounds: Iterable[Params], *, only_ikev1: bool) -> None:
    seen: set[int] = set()
    methods: set[int] = set()
    for each in rounds:
        number: int = each["AdditionalKeyExchangeRound"]  # 1 to 7, says the model
        if number in seen:
            raise _invalid(name, number, "Two rounds have this number: give each its own")
        seen.add(number)
        _one_of(each, "Requirement", _REQUIREMENTS)
        if each.get("Requirement", "required") == "optional":
            continue
        if only_ikev1:
            raise Combination(f"{name} can be required with IKEv2 only. Add ikev2 to IKEVersions.")
        mine = {item["Value"] for item in each.get("KeyExchangeMethods") or () if "Value" in item}
        if mine & methods:
            raise _invalid(name, min(mine & methods), "Each required round has key exchange methods of its own")
        methods |= mine


def _check_logs(options: Params) -> None:
    logs: Params = (options.get("LogOptions") or {}).get("CloudWatchLogOptions") or {}
    for kind in ("Log", "BgpLog"):
        _one_of(logs, f"{kind}OutputFormat", _FORMATS)
        arn = logs.get(f"{kind}GroupArn")
        if arn is not None and _LOG_GROUP.fullmatch(arn) is None:
            raise _invalid(f"{kind}GroupArn", arn, "Use the ARN of a log group")


def _network_v6(text: str, name: str) -> IPv6Network:
    try:
        return IPv6Network(text)
    except ValueError:
        raise _invalid(name, text, "This is not a valid IPv6 CIDR block") from None


def _one_of(options: Params, name: str, known: tuple[str, ...]) -> None:
    if name in options and options[name] not in known:
        raise _invalid(name, options[name], f"Use one of: {_listed(known)}")


def _listed(known: Iterable[object]) -> str:
    return ", ".join(map(str, known))


def _invalid(name: str, value: Any, instead: str) -> Invalid:
    return Invalid(name, f"Value ({str(value)[:100]}) for parameter {name} is invalid. {instead}.")
