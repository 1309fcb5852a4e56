"""The options of a VPN connection at the EC2 door: those in force are read, every other one is refused by name.

Some options may be given with the value that is in force anyway, because clients send it without being asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any, Final, TypeVar

from landbridge.api.aws.ec2.door import Params
from landbridge.api.aws.ec2.params import network
from landbridge.api.aws.ec2.vpn_option_values import ML_KEM, check_connection, check_tunnel
from landbridge.control.tunnels import TunnelWish, Wishes
from landbridge.model.crypto import Encryption, Group, IkeVersion, Integrity, PhaseOptions
from landbridge.model.errors import Invalid, Unsupported
from landbridge.model.secret import Secret
from landbridge.model.vpn import ANYWHERE, NO_LOG, DpdAction, LogFormat, StartupAction, TunnelLog, TunnelOptions

E = TypeVar("E", DpdAction, StartupAction)
A = TypeVar("A", IkeVersion, Encryption, Integrity, Group)

OUTSIDE_TYPE: Final = "PublicIpv4"
INSIDE_VERSION: Final = "ipv4"
BANDWIDTH: Final = "standard"
TUNNELS: Final = 2

CONNECTION_ANYWAY: Final[Mapping[str, object]] = {
    "EnableAcceleration": False,
    "TunnelInsideIpVersion": INSIDE_VERSION,
    "OutsideIpAddressType": OUTSIDE_TYPE,
    "TunnelBandwidth": BANDWIDTH,
}
"""Options of a connection that may be given with the value that is in force anyway."""
_CONNECTION_READ: Final = frozenset(
    {"StaticRoutesOnly", "TunnelOptions", "LocalIpv4NetworkCidr", "RemoteIpv4NetworkCidr"}
)
_TUNNEL_READ: Final = frozenset(
    {
        "TunnelInsideCidr",
        "PreSharedKey",
        "DPDTimeoutSeconds",
        "DPDTimeoutAction",
        "StartupAction",
        "ReplayWindowSize",
        "IKEVersions",
        "RekeyMarginTimeSeconds",
        "RekeyFuzzPercentage",
        "LogOptions",
        "EnableTunnelLifecycleControl",
        *(
            f"Phase{phase}{name}"
            for phase in (1, 2)
            for name in ("EncryptionAlgorithms", "IntegrityAlgorithms", "DHGroupNumbers", "LifetimeSeconds")
        ),
    }
)


def wishes_of(options: Params) -> Wishes:
    """Both tunnels' wishes; one that is not given wishes for nothing.

    Raises:
        Invalid: a value that the option cannot have, or more than two tunnels.
        Combination: values that do not go together.
        Unsupported: an option that is not in force.
    """
    given = options.get("TunnelOptions") or []
    if len(given) > TUNNELS:
        raise Invalid("TunnelOptions", f"A VPN connection has two tunnels; there are options for {len(given)}.")
    check_connection(options)
    for tunnel in given:
        check_tunnel(tunnel)
    for name, value in options.items():
        if name in _CONNECTION_READ or value in ([], {}):
            continue
        if name not in CONNECTION_ANYWAY:
            raise Unsupported(f"landbridge does not support the connection option {name} yet. Leave it out.")
        if value != CONNECTION_ANYWAY[name]:
            raise Unsupported(
                f"landbridge does not support this value of the connection option {name} yet. "
                f"Leave it out, or use {_shown(CONNECTION_ANYWAY[name])}."
            )
    for tunnel in given:
        check_in_force(tunnel)
    first, second = (wish_of(given[n]) if n < len(given) else TunnelWish() for n in range(TUNNELS))
    return first, second


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_in_force(options: Params) -> None:
    """Whether all options of a tunnel that are given are in force.

    Raises:
        Unsupported.
    """
    for name, value in options.items():
        if name not in _TUNNEL_READ and not _anyway(name, value):
            raise Unsupported(f"landbridge does not support the tunnel option {name} yet. Leave it out.")


def selector(options: Params, name: str) -> IPv4Network:
    """One side's traffic selector.

    Raises:
        Invalid.
    """
    return network(options[name], name) if name in options else ANYWHERE


def wish_of(options: Params) -> TunnelWish:
    """What the options of one tunnel wish for, of those that are in force.

    Raises:
        Invalid, Combination: a value that an option cannot have, in force or not.
        Unsupported: a key exchange that endpoints do not have.
    """
    check_tunnel(options)
    for phase in (1, 2):
        _check_groups(options, f"Phase{phase}DHGroupNumbers")
    inside, key = options.get("TunnelInsideCidr"), options.get("PreSharedKey")
    return TunnelWish(
        inside=None if inside is None else _inside(inside),
        psk=None if key is None else Secret(key),
        others=TunnelOptions(
            dpd_timeout_seconds=options.get("DPDTimeoutSeconds"),
            dpd_timeout_action=_choice(DpdAction, options, "DPDTimeoutAction"),
            startup_action=_choice(StartupAction, options, "StartupAction"),
            replay_window_size=options.get("ReplayWindowSize"),
            ike_versions=_several(IkeVersion, options, "IKEVersions"),
            phase1=_phase(options, 1),
            phase2=_phase(options, 2),
            rekey_margin_seconds=options.get("RekeyMarginTimeSeconds"),
            rekey_fuzz_percentage=options.get("RekeyFuzzPercentage"),
            log=_log(options, "Log"),
            bgp_log=_log(options, "BgpLog"),
            lifecycle_control=options.get("EnableTunnelLifecycleControl"),
        ),
    )


def _phase(options: Params, number: int) -> PhaseOptions:
    return PhaseOptions(
        encryption=_several(Encryption, options, f"Phase{number}EncryptionAlgorithms"),
        integrity=_several(Integrity, options, f"Phase{number}IntegrityAlgorithms"),
        groups=_several(Group, options, f"Phase{number}DHGroupNumbers"),
        lifetime_seconds=options.get(f"Phase{number}LifetimeSeconds"),
    )


def _several(kind: type[A], options: Params, name: str) -> tuple[A, ...] | None:
    """Those that were named, once each and in their order; an empty list names none."""
    found = {item["Value"] for item in options.get(name) or ()}
    return tuple(each for each in kind if each.value in found) or None


def _check_groups(options: Params, name: str) -> None:
    for item in options.get(name) or ():
        if item["Value"] in ML_KEM:
            raise Unsupported(
                f"landbridge does not support the value {item['Value']} of {name} (ML-KEM) yet: its strongSwan has no "
                "such key exchange. Leave it out."
            )


def _anyway(name: str, value: Any) -> bool:
    """Whether the option asks for nothing that is not so anyway."""
    return value in ([], {})


def _log(options: Params, kind: str) -> TunnelLog | None:
    """One of a tunnel's logs. `kind`: `Log` or `BgpLog`, with which its members begin."""
    logs: Params = (options.get("LogOptions") or {}).get("CloudWatchLogOptions") or {}
    written = logs.get(f"{kind}OutputFormat")
    log = TunnelLog(
        enabled=logs.get(f"{kind}Enabled"),
        group_arn=logs.get(f"{kind}GroupArn"),
        output_format=None if written is None else LogFormat(written),
    )
    return None if log == NO_LOG else log


def _inside(text: str) -> IPv4Network:
    """Unlike other prefixes, this one is not put right where host bits are set: what was meant is unclear."""
    cidr = network(text, "TunnelInsideCidr")
    if not text.startswith(f"{cidr.network_address}/"):
        raise Invalid(
            "TunnelInsideCidr",
            f"Value ({text}) for parameter TunnelInsideCidr is invalid. The network is {cidr}: give that.",
        )
    return cidr


def _choice(kind: type[E], options: Params, name: str) -> E | None:
    text = options.get(name)
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        valid = ", ".join(kind)
        raise Invalid(name, f"Value ({text[:40]}) for parameter {name} is invalid. Use one of: {valid}.") from None
