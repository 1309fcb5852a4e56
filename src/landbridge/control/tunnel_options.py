"""What a tunnel's options may be by themselves: ranges, relations, what endpoints can do, what the policy admits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.model.crypto import Algorithm, CryptoPolicy, IkeVersion, admits, named, title
from landbridge.model.errors import Combination, Invalid, Unsupported
from landbridge.model.vpn import StartupAction, TunnelOptions

MIN_DPD_TIMEOUT: Final = 30
MAX_DPD_TIMEOUT: Final = 86_400
"""AWS names no greatest value; a day is ours."""

RANGES: Final[Mapping[str, tuple[int, int, str]]] = {
    "DPDTimeoutSeconds": (MIN_DPD_TIMEOUT, MAX_DPD_TIMEOUT, "seconds"),
    "ReplayWindowSize": (64, 2_048, "packets"),
    "Phase1LifetimeSeconds": (900, 28_800, "seconds"),
    "Phase2LifetimeSeconds": (900, 3_600, "seconds"),
    "RekeyMarginTimeSeconds": (60, 1_800, "seconds"),
    "RekeyFuzzPercentage": (0, 100, "per cent"),
}
"""Least, most and unit by EC2's name (VpnTunnelOptionsSpecification)."""


def check(options: TunnelOptions) -> None:
    """Whether these can go together at all.

    Raises:
        Invalid, Combination, Unsupported.
    """
    for name, value in _numbers(options):
        check_range(name, value)
    _check_lifetimes(options)
    for name, log in (("LogGroupArn", options.log), ("BgpLogGroupArn", options.bgp_log)):
        if log is not None and log.enabled and log.group_arn is None:
            raise Combination(f"A log that is enabled needs a log group. Give its ARN as {name}.")
    if options.ike_versions == (IkeVersion.IKEV1,):
        if options.startup_action is StartupAction.START:
            raise Combination(
                "StartupAction start needs IKEv2. Add ikev2 to IKEVersions, or leave the start to the customer gateway."
            )
        chosen = options.phase1.encryption
        if chosen is not None and all(each.authenticates for each in chosen):
            raise Unsupported(
                "IKEv1 has no AES-GCM for phase 1 (RFC 5282 is about IKEv2). Add AES128 or AES256 to "
                "Phase1EncryptionAlgorithms, or ikev2 to IKEVersions."
            )


def check_range(name: str, value: int | None) -> None:
    """Whether a number is in its range.

    Raises:
        Invalid.
    """
    least, most, unit = RANGES[name]
    if value is not None and not least <= value <= most:
        raise Invalid(name, f"Value ({value}) for parameter {name} is invalid. Use {least} to {most} {unit}.")


def _numbers(options: TunnelOptions) -> tuple[tuple[str, int | None], ...]:
    return (
        ("DPDTimeoutSeconds", options.dpd_timeout_seconds),
        ("ReplayWindowSize", options.replay_window_size),
        ("Phase1LifetimeSeconds", options.phase1.lifetime_seconds),
        ("Phase2LifetimeSeconds", options.phase2.lifetime_seconds),
        ("RekeyMarginTimeSeconds", options.rekey_margin_seconds),
        ("RekeyFuzzPercentage", options.rekey_fuzz_percentage),
    )


def _check_lifetimes(options: TunnelOptions) -> None:
    first, second, margin = options.phase1_lifetime, options.phase2_lifetime, options.rekey_margin_seconds
    if second >= first:
        raise Invalid(
            "Phase2LifetimeSeconds",
            f"Value ({second}) for parameter Phase2LifetimeSeconds is invalid. Phase 1 has {first} seconds: use fewer.",
        )
    if margin is not None and margin > second // 2:
        raise Invalid(
            "RekeyMarginTimeSeconds",
            f"Value ({margin}) for parameter RekeyMarginTimeSeconds is invalid. Use 60 to half of "
            f"Phase2LifetimeSeconds, {second // 2}.",
        )


def refused(policy: CryptoPolicy, options: TunnelOptions) -> tuple[Algorithm, ...]:
    """What the options name and the policy does not admit."""
    chosen = (*(options.ike_versions or ()), *named(options.phase1), *named(options.phase2))
    return tuple(dict.fromkeys(each for each in chosen if not admits(policy, each)))


def check_policy(policy: CryptoPolicy, options: TunnelOptions) -> None:
    """Whether the service's crypto policy admits all that is named.

    Raises:
        Unsupported.
    """
    weak = refused(policy, options)
    if weak:
        raise Unsupported(
            f"This service has the crypto policy {policy}, which does not admit {listed(weak)}. Name others, or none "
            "to get all that the policy admits."
        )


def listed(algorithms: tuple[Algorithm, ...]) -> str:
    """Them in a sentence."""
    return ", ".join(map(title, algorithms))
