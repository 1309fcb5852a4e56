"""vici's list-sa messages as values, with what only the kernel knows of the SAs. Pure.

Fields: strongSwan's src/libcharon/plugins/vici/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any, Final

from landbridge.drivers.strongswan.sas import AntiReplay
from landbridge.model.crypto import IkeVersion
from landbridge.observe.ike import ChildSaStatus, ChildState, IkeSaStatus, IkeState

LIBIPSEC_REPLAY: Final = AntiReplay(window=128, esn=False)
"""libipsec's own, whatever is asked for (esp_context.c)."""


def _text(message: Mapping[str, Any], key: str) -> str:
    value = message.get(key, b"")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _number(message: Mapping[str, Any], key: str) -> int:
    text = _text(message, key)
    return int(text) if text.isdecimal() else 0


def _maybe(message: Mapping[str, Any], key: str) -> int | None:
    return _number(message, key) if key in message else None


def _texts(message: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(item.decode("utf-8", "replace") for item in message.get(key, ()))


def _suite(message: Mapping[str, Any]) -> str:
    """Algorithms as strongSwan's own tools write them: `AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256`."""
    parts = []
    for algorithm, size in (
        ("encr-alg", "encr-keysize"),
        ("integ-alg", "integ-keysize"),
        ("prf-alg", ""),
        ("dh-group", ""),
    ):
        name = _text(message, algorithm)
        if name:
            keysize = _text(message, size) if size else ""
            parts.append(f"{name}-{keysize}" if keysize else name)
    return "/".join(parts)


def child_sa(message: Mapping[str, Any]) -> ChildSaStatus:
    """One CHILD SA."""
    return ChildSaStatus(
        name=_text(message, "name"),
        unique_id=_number(message, "uniqueid"),
        state=ChildState(_text(message, "state")),
        spi_in=_text(message, "spi-in"),
        spi_out=_text(message, "spi-out"),
        suite=_suite(message),
        udp=_text(message, "encap") == "yes",
        if_id=int(_text(message, "if-id-in") or "0", 16),
        bytes_in=_number(message, "bytes-in"),
        packets_in=_number(message, "packets-in"),
        bytes_out=_number(message, "bytes-out"),
        packets_out=_number(message, "packets-out"),
        installed=_number(message, "install-time"),
        rekey_in=_maybe(message, "rekey-time"),
        expires_in=_maybe(message, "life-time"),
        local_ts=_texts(message, "local-ts"),
        remote_ts=_texts(message, "remote-ts"),
    )


def ike_sa(name: str, message: Mapping[str, Any]) -> IkeSaStatus:
    """One IKE SA with its CHILD SAs."""
    return IkeSaStatus(
        connection=name,
        unique_id=_number(message, "uniqueid"),
        state=IkeState(_text(message, "state")),
        initiator=_text(message, "initiator") == "yes",
        local=_address(message, "local-host"),
        local_port=_number(message, "local-port"),
        local_id=_text(message, "local-id"),
        remote=_address(message, "remote-host"),
        remote_port=_number(message, "remote-port"),
        remote_id=_text(message, "remote-id"),
        nat_local=_text(message, "nat-local") == "yes",
        nat_remote=_text(message, "nat-remote") == "yes",
        nat_fake=_text(message, "nat-fake") == "yes",
        suite=_suite(message),
        spi_initiator=_text(message, "initiator-spi"),
        spi_responder=_text(message, "responder-spi"),
        established=_maybe(message, "established"),
        rekey_in=_maybe(message, "rekey-time"),
        version=IkeVersion.IKEV1 if _text(message, "version") == "1" else IkeVersion.IKEV2,
        children=tuple(child_sa(child) for child in message.get("child-sas", {}).values()),
    )


def with_replay(sas: tuple[IkeSaStatus, ...], replay_of: Callable[[str], AntiReplay | None]) -> tuple[IkeSaStatus, ...]:
    """The same, with what their inbound SAs have against replayed packets. `replay_of`: by SPI; None if it is gone."""

    def child(one: ChildSaStatus) -> ChildSaStatus:
        found = replay_of(one.spi_in)
        return replace(one, esn=found.esn, replay_window=found.window) if found is not None else one

    return tuple(replace(sa, children=tuple(map(child, sa.children))) for sa in sas)


def _address(message: Mapping[str, Any], key: str) -> IPv4Address:
    text = _text(message, key)
    # An SA that is just being made says %any.
    return IPv4Address(text) if text and not text.startswith("%") else IPv4Address(0)
