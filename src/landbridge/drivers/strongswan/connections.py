"""The driver of IkeConnection: what charon accepts and offers, loaded over vici, never written to a file."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Address
from typing import Final

from landbridge.desired.ike import IkeConnection
from landbridge.desired.links import DataPlane
from landbridge.desired.objects import HostObject, Key, Seen
from landbridge.drivers.strongswan import sas
from landbridge.drivers.strongswan.endpoints import Endpoints
from landbridge.drivers.strongswan.identity import (
    AGREEING,
    ENDING,
    FORCED,
    connection_digest,
    digest_of,
    name_of,
    proofs,
    same_settings,
    secret_id,
)
from landbridge.drivers.strongswan.proposals import esp_proposals, ike_proposals
from landbridge.drivers.strongswan.succession import succeed
from landbridge.drivers.strongswan.vici import CharonSilentError, Loaded, Vici
from landbridge.drivers.strongswan.watch import IkeWatcher
from landbridge.model.crypto import IkeVersion, Transforms
from landbridge.model.secret import Secret
from landbridge.observe.ike import ChildState, IkeSaStatus
from landbridge.observe.negotiated import negotiated
from landbridge.reconcile.driver import DriverError

INCOMPLETE: Final = "incomplete"
"""The fingerprint of a connection without its secret, with more than one, or of a secret without its connection."""

OUTDATED: Final = "its SAs were made under another setting"
"""The fingerprint of a connection whose SAs have ESP in UDP and should not, or the other way round."""

LOST: Final = "lost its SAs"
"""The fingerprint of a connection whose SAs charon believes in and the kernel does not have."""

log = logging.getLogger(__name__)

AGREED_WITHIN: Final = 5.0
"""Seconds in which a peer has to answer before SAs that should be replaced are told as a fault."""
_LOOK_EVERY: Final = 0.02

_ANY: Final = "%any"
_VERSIONS: Final[Mapping[tuple[IkeVersion, ...], str]] = {
    (IkeVersion.IKEV1,): "1",
    (IkeVersion.IKEV2,): "2",
    tuple(IkeVersion): "0",
}
_EARLIEST: Final = 0.9
"""Randomness takes away no more than this part of the time until new keys are due."""


def connection_message(wanted: IkeConnection) -> dict[str, object]:
    """The connection in vici's terms (swanctl.conf(5))."""
    dpd = wanted.dpd_delay if wanted.dpd_action != "none" else 0
    insists = _insists(wanted)
    persistent = insists or wanted.dpd_action == "restart"
    initiates = wanted.initiate or persistent
    return {
        "version": _VERSIONS[wanted.versions],
        "local_addrs": [str(wanted.local)],
        "remote_addrs": [str(wanted.remote) if wanted.remote is not None else _ANY],
        "proposals": ike_proposals(wanted.ike, wanted.versions, initiates=initiates),
        "mobike": "no",
        "fragmentation": "yes",
        **({"encap": "yes"} if wanted.force_udp else {}),
        "unique": "replace",
        "keyingtries": "0" if persistent else "1",
        "dpd_delay": f"{dpd}s",
        # IKEv1's alone: how long a probe may be unanswered.
        **({"dpd_timeout": f"{max(1, wanted.dpd_timeout - dpd)}s"} if IkeVersion.IKEV1 in wanted.versions else {}),
        "reauth_time": "0s",
        **_lifetime(wanted, wanted.ike_lifetime, hard="over_time"),
        **_interface(wanted),
        **authentication(wanted),
        "children": {
            wanted.name: {
                "mode": "tunnel",
                "local_ts": list(map(str, wanted.local_ts)),
                "remote_ts": list(map(str, wanted.remote_ts)),
                # The kernel has extended sequence numbers (RFC 4304), libipsec has not.
                "esp_proposals": esp_proposals(
                    wanted.esp, wanted.versions, initiates=initiates, extended=bool(wanted.if_id)
                ),
                **({"replay_window": str(wanted.replay_window)} if wanted.if_id else {}),
                "dpd_action": "restart" if persistent else "clear",
                # Not `start`: the secret is loaded after the connection, and replacing a connection whose children
                # start by themselves would close its live SAs.
                "start_action": "none",
                "close_action": "start" if insists else "none",
                **_lifetime(wanted, wanted.child_lifetime, hard="life_time"),
            }
        },
    }


def authentication(wanted: IkeConnection) -> dict[str, object]:
    """How both ends prove who they are, in vici's terms.

    A pinned certificate is the only one taken, whoever has signed another. Without a pin, the peer's identity has to be
    in its certificate.
    """
    local, remote = (
        {"id": str(identity)} if identity is not None else {} for identity in (wanted.local_id, wanted.remote_id)
    )
    certified = wanted.certified
    if certified is None:
        return {"local": {"auth": "psk", **local}, "remote": {"auth": "psk", **remote}}
    believed = {"cacerts": [certified.authority]} if certified.pinned is None else {"certs": [certified.pinned]}
    return {
        # Asked for or not: a device that knows us by our authority alone need not ask.
        "send_cert": "always",
        "local": {"auth": "pubkey", "certs": [certified.certificate], **local},
        "remote": {"auth": "pubkey", **believed, **remote},
    }


def _insists(wanted: IkeConnection) -> bool:
    """Whether charon itself starts again what the peer closes."""
    return wanted.initiate and not wanted.yields


def _interface(wanted: IkeConnection) -> dict[str, str]:
    """To which XFRM interface the kernel's SAs belong."""
    return {"if_id_in": str(wanted.if_id), "if_id_out": str(wanted.if_id)} if wanted.if_id else {}


def _lifetime(wanted: IkeConnection, lifetime: int, *, hard: str) -> dict[str, str]:
    """New keys `rekey_margin` seconds before the end, or up to `rekey_fuzz` per cent of that earlier, at random."""
    soft = max(lifetime - wanted.rekey_margin, lifetime // 2)
    fuzz = min(wanted.rekey_margin * wanted.rekey_fuzz // 100, int(soft * _EARLIEST))
    return {
        "rekey_time": f"{soft}s",
        "rand_time": f"{fuzz}s",
        hard: f"{lifetime if hard == 'life_time' else lifetime - soft}s",
    }


def _same_peers(loaded: Loaded, wanted: IkeConnection) -> bool:
    """Whether SAs made with the loaded connection are between the wanted ends."""

    def one(address: IPv4Address | None) -> tuple[str, ...]:
        return (str(address) if address is not None else _ANY,)

    return (
        loaded.local == one(wanted.local)
        and loaded.remote == one(wanted.remote)
        and wanted.local_id in (None, _address(loaded.local_id))
        and wanted.remote_id in (None, _address(loaded.remote_id))
    )


def _address(identity: str) -> IPv4Address | None:
    try:
        return IPv4Address(identity)
    except ValueError:
        return None


def fits(sa: IkeSaStatus, wanted: IkeConnection) -> bool:
    """Whether what an IKE SA and its CHILD SAs have negotiated could be negotiated with the wanted connection."""

    def within(suite: str, transforms: Transforms) -> bool:
        found = negotiated(suite)
        return (
            found.encryption in (None, *transforms.encryption)
            and found.integrity in (None, *transforms.integrity)
            and found.group in (None, *transforms.groups)
        )

    return (
        sa.version in wanted.versions
        and within(sa.suite, wanted.ike)
        and all(within(child.suite, wanted.esp) for child in sa.children)
    )


def _missing(believed: Iterable[IkeSaStatus], there: sas.Installed) -> frozenset[tuple[str, str, str]]:
    """(connection, both SPIs) of CHILD SAs that charon believes in and the kernel has not, or not wholly."""
    return frozenset(
        (ike.connection, child.spi_in, child.spi_out)
        for ike in believed
        for child in ike.children
        # One that is being rekeyed is about to get new ones.
        if child.state is ChildState.INSTALLED
        and (not {child.spi_in, child.spi_out} <= there.spis or child.if_id not in there.if_ids)
    )


def outdated(sas: Iterable[IkeSaStatus], *, forced: bool) -> bool:
    """Whether a connection is up with ESP in UDP against its setting, or without. A NAT is reason enough for UDP."""
    up = [sa for sa in sas if sa.up]
    if forced:
        return bool(up) and not any(child.udp for sa in up for child in sa.children if child.carries)
    return bool(up) and all(sa.nat_fake for sa in up)


def _mark(vici: Vici, identity: str) -> None:
    """A secret that nobody has and no connection asks for: with certificates only its id is needed."""
    vici.load_secret(identity, Secret(secrets.token_urlsafe(32)), (identity,))


class IkeConnectionDriver:
    """Loads and unloads connections. `key` makes the digests; it is the instance's own and secret."""

    kinds: frozenset[type[HostObject]] = frozenset({IkeConnection})

    def __init__(self, endpoints: Endpoints, key: bytes, watcher: IkeWatcher) -> None:
        self._endpoints = endpoints
        self._key = key
        self._watcher = watcher

    def read(self, namespaces: Collection[str]) -> Iterable[HostObject]:
        """The connections that the charons of these namespaces have loaded.

        A charon that has to be replaced anyway has none; one that does not answer has none that could be relied on.
        """
        seen: list[Seen] = []
        for namespace in namespaces:
            if self._endpoints.socket(namespace).exists() and self._endpoints.charon(namespace) is not None:
                try:
                    vici = self._endpoints.vici(namespace)
                    seen += self._read(namespace, vici)
                except CharonSilentError:
                    continue
        return seen

    def _read(self, namespace: str, vici: Vici) -> Iterable[Seen]:
        known = vici.secrets()
        names = {loaded.name for loaded in vici.connections()}
        lost = self._lost(namespace, vici)
        for name in sorted(names | {name_of(secret) for secret in known}):
            own = [secret for secret in known if name_of(secret) == name]
            whole = name in names and len(own) == 1
            found = digest_of(own[0]) if whole else INCOMPLETE
            if name in lost:
                found = LOST
            elif whole and self._outdated(namespace, name, forced=found.endswith(FORCED), vici=vici):
                found = OUTDATED
            key: Key = ("ike", namespace, name)
            yield Seen(
                namespace=namespace,
                kind=IkeConnection,
                what=key,
                requires=(("charon", namespace),),
                fingerprint=found,
            )

    def _lost(self, namespace: str, vici: Vici) -> dict[str, list[str]]:
        """Connections with a CHILD SA that is not in the kernel, and the SPIs of all such.

        A rekeying may come between the two questions, so what is missing has to be missing twice.
        """
        running = self._endpoints.charon(namespace)
        if running is None or running.data_plane is not DataPlane.KERNEL:
            return {}
        once = _missing(vici.sas(), sas.installed(namespace))
        again = once and once & _missing(vici.sas(), sas.installed(namespace))
        found: dict[str, list[str]] = {}
        for name, *spis in sorted(again):
            found.setdefault(name, []).extend(spis)
        return found

    def _outdated(self, namespace: str, name: str, *, forced: bool, vici: Vici) -> bool:
        """Whether the connection's SAs were made while UDP was forced and no longer is, or the other way round.

        libipsec has ESP in UDP always, and says that it claimed a NAT.
        """
        running = self._endpoints.charon(namespace)
        if running is None or running.data_plane is not DataPlane.KERNEL:
            return False
        return outdated((sa for sa in vici.sas() if sa.connection == name), forced=forced)

    def fingerprint(self, wanted: HostObject) -> str:
        """The keyed digest over all properties, the secret among them."""
        assert isinstance(wanted, IkeConnection)
        return connection_digest(self._key, wanted)

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        """Load the connection and then its secret; initiate if that is asked for and no SA is there.

        SAs that somebody took from the kernel are made anew by rekeying. Live SAs stay, unless they are with another
        peer than is wanted now, or by algorithms that are not wanted any more, or of any other settings where it
        `renews`; those that should be in UDP, or should not, until the new ones have taken over. A charon that does
        not answer is ended: the loop starts it anew.
        """
        assert isinstance(wanted, IkeConnection)
        namespace = wanted.namespace
        with self._endpoints.lock(namespace):
            if self._endpoints.charon(namespace) is None:
                raise DriverError(f"charon in {namespace} is not running; its connection is loaded once it is.")
            try:
                self._load(self._endpoints.vici(namespace), wanted)
            except CharonSilentError:
                self._endpoints.stop(namespace)
                raise
        self._watcher.attend(namespace)

    def _load(self, vici: Vici, wanted: IkeConnection) -> None:
        identity = secret_id(wanted.name, connection_digest(self._key, wanted))
        known = vici.secrets()
        loaded = {item.name: item for item in vici.connections()}
        own = [secret for secret in known if name_of(secret) == wanted.name]
        if own != [identity] or wanted.name not in loaded:
            ending = secret_id(wanted.name, ENDING)
            # One key at a time (traps 5), and none while the connection is half changed.
            for secret in own:
                if secret != ending:
                    vici.unload_secret(secret)
            believed = proofs(own[0])[1] if own else ""
            before = loaded.get(wanted.name)
            stale = wanted.renews and not any(same_settings(digest_of(each), digest_of(identity)) for each in own)
            stays = (
                before is not None
                and ending not in own
                and not stale
                and _same_peers(before, wanted)
                and believed == proofs(identity)[1]
                and self._all_fit(vici, wanted)
            )
            ends = before is not None and not stays
            if ends:
                # While it can still be told from what is loaded: whoever comes after us ends them if we cannot.
                _mark(vici, ending)
            self._load_anew(vici, wanted, identity, own, alone=not loaded.keys() - {wanted.name}, stays=stays)
            if ends:
                vici.terminate(wanted.name)
            if ends or ending in own:
                vici.unload_secret(ending)
        lost = self._lost(wanted.namespace, vici).get(wanted.name)
        if lost:
            log.warning(
                "Somebody took SAs of %s (SPIs %s) or their policies from the kernel in %s: nothing passes until the "
                "peer has agreed to new ones, which it is being asked for.",
                wanted.name,
                " ".join(lost),
                wanted.namespace,
            )
            vici.rekey(wanted.name)
        elif self._outdated(wanted.namespace, wanted.name, forced=wanted.force_udp, vici=vici):
            self._replace(vici, wanted)
        elif wanted.initiate and not any(sa.connection == wanted.name for sa in vici.sas()):
            vici.initiate(wanted.name)

    def _load_anew(
        self, vici: Vici, wanted: IkeConnection, identity: str, own: list[str], *, alone: bool, stays: bool
    ) -> None:
        """Load the connection, and last its secret.

        `own`: the ids of its secrets until now. `alone`: charon has no other connection. `stays`: what is up may stay,
        until it has a successor if our own certificate is another.
        """
        message = connection_message(wanted)
        if wanted.certified is None:
            assert wanted.psk is not None, "a connection has a key or certificates"
            vici.load(wanted.name, message)
            owners = (str(wanted.local_id), str(wanted.remote_id))
            vici.load_secret(identity, wanted.psk, owners)
            return
        renewed = stays and any(proofs(secret)[0] != proofs(identity)[0] or AGREEING in secret for secret in own)
        vici.load_authority(wanted.certified.authority)
        key = vici.load_key(wanted.certified.key)
        if alone:
            for other in vici.private_keys():
                if other != key:
                    vici.unload_key(other)
        vici.load(wanted.name, message)
        if renewed:
            agreeing = secret_id(wanted.name, f"{AGREEING}{digest_of(identity)}")
            _mark(vici, agreeing)
            succeed(vici, wanted, message)
            vici.unload_secret(agreeing)
        _mark(vici, identity)

    def _all_fit(self, vici: Vici, wanted: IkeConnection) -> bool:
        return all(fits(sa, wanted) for sa in vici.sas() if sa.connection == wanted.name)

    def _replace(self, vici: Vici, wanted: IkeConnection) -> None:
        """Have a second IKE SA take over from one that was made under another setting; the peer ends that one.

        charon uses an IKE SA again only for a connection that is the same; this one was loaded anew. One that starts
        again whatever its peer closes would start the old one again, so there the old one ends first.

        Raises:
            DriverError: the peer did not agree in time. What is up stays up.
        """
        mine = [sa for sa in vici.sas() if sa.connection == wanted.name]
        if _insists(wanted):
            for sa in mine:
                vici.give_up(sa.unique_id)
            vici.initiate(wanted.name)
            return
        if not any(sa.initiator and sa.established is None for sa in mine):
            vici.initiate(wanted.name)
        deadline = time.monotonic() + AGREED_WITHIN
        while self._outdated(wanted.namespace, wanted.name, forced=wanted.force_udp, vici=vici):
            if time.monotonic() > deadline:
                way = "in UDP" if wanted.force_udp else "without UDP"
                raise DriverError(
                    f"The peer of {wanted.name} does not answer when it is asked for ESP {way}: the tunnel stays as it"
                    " is until it does, or until the customer gateway connects anew."
                )
            time.sleep(_LOOK_EVERY)

    def drop(self, actual: HostObject) -> None:
        """Unload the secret and the connection, and end its SAs; the peer is told."""
        kind, namespace, name = actual.key
        if kind != "ike":
            raise DriverError(f"{actual.key} is no IKE connection.")
        with self._endpoints.lock(namespace):
            if self._endpoints.charon(namespace) is None:
                return
            vici = self._endpoints.vici(namespace)
            for secret in vici.secrets():
                if name_of(secret) == name:
                    vici.unload_secret(secret)
            names = {loaded.name for loaded in vici.connections()}
            if name in names:
                vici.unload(name)
            for key in vici.private_keys() if names <= {name} else ():
                vici.unload_key(key)
            vici.terminate(name)
