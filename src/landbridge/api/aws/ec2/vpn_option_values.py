"""What the options of a VPN connection and of its tunnels may be at AWS (VpnTunnelOptionsSpecification).

A value that is none of these is refused as such, whether the option is in force here or not.

Those that are in force are checked once more, and with all that there is, by control/tunnels.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Network
from typing import Any, Final

from landbridge.api.aws.ec2.door import Params
from landbridge.api.aws.ec2.params import network
from landbridge.model.errors import Combination, Invalid

PHASE_1_LIFETIME: Final = 28_800
PHASE_2_LIFETIME: Final = 3_600
OUTSIDE_TYPES: Final = ("PublicIpv4", "PrivateIpv4", "Ipv6")
STORAGES: Final = ("Standard", "SecretsManager")

_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "Phase1LifetimeSeconds": (900, PHASE_1_LIFETIME),
    "Phase2LifetimeSeconds": (900, PHASE_2_LIFETIME),
    "RekeyMarginTimeSeconds": (60, PHASE_2_LIFETIME // 2),
    "RekeyFuzzPercentage": (0, 100),
    "ReplayWindowSize": (64, 2048),
}
_ENCRYPTION: Final = ("AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16")
_INTEGRITY: Final = ("SHA1", "SHA2-256", "SHA2-384", "SHA2-512")
_GROUPS: Final = (2, *range(14, 25), 35)
_LISTS: Final[Mapping[str, tuple[object, ...]]] = {
    "Phase1EncryptionAlgorithms": _ENCRYPTION,
    "Phase2EncryptionAlgorithms": _ENCRYPTION,
    "Phase1IntegrityAlgorithms": _INTEGRITY,
    "Phase2IntegrityAlgorithms": _INTEGRITY,
    "Phase1DHGroupNumbers": _GROUPS,
    "Phase2DHGroupNumbers": (5, *_GROUPS, 36, 37),
    "IKEVersions": ("ikev1", "ikev2"),
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
    for name, (least, most) in _RANGES.items():
        value = options.get(name)
        if value is not None and not least <= value <= most:
            raise _invalid(name, value, f"Use {least} to {most}")
    for name, known in _LISTS.items():
        for item in options.get(name) or ():
            if item.get("Value") not in known:
                raise _invalid(name, item.get("Value"), f"Use any of: {_listed(known)}")
    _check_lifetimes(options)
    if "TunnelInsideIpv6Cidr" in options:
        cidr = _network_v6(options["TunnelInsideIpv6Cidr"], "TunnelInsideIpv6Cidr")
        if cidr.prefixlen != _INSIDE_V6_PREFIX or not cidr.subnet_of(_INSIDE_V6):
            raise _invalid("TunnelInsideIpv6Cidr", cidr, f"Use a /{_INSIDE_V6_PREFIX} within {_INSIDE_V6}")
    versions = {item.get("Value") for item in options.get("IKEVersions") or ()}
    for name in _ROUNDS:
        _check_rounds(name, options.get(name) or (), only_ikev1=versions == {"ikev1"})
    _check_logs(options)


def _check_lifetimes(options: Params) -> None:
    first = options.get("Phase1LifetimeSeconds", PHASE_1_LIFETIME)
    second = options.get("Phase2LifetimeSeconds", PHASE_2_LIFETIME)
    if ("Phase1LifetimeSeconds" in options or "Phase2LifetimeSeconds" in options) and second >= first:
        raise _invalid("Phase2LifetimeSeconds", second, f"Phase 1 has {first} seconds: use fewer")
    margin = options.get("RekeyMarginTimeSeconds")
    if margin is not None and margin > second // 2:
        raise _invalid("RekeyMarginTimeSeconds", margin, f"Use 60 to half of Phase2LifetimeSeconds, {second // 2}")


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
