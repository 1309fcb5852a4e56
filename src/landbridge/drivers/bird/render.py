"""A `Speaker` as BIRD 2's configuration: pure, and made only of typed addresses, numbers and generated names.

One value plays three parts (the gateway's speaker, the VPC router's, the customer gateway's); which one follows from
what it holds, so the text has no switch for it. What each setting is for, and what was measured, is in
docs/decisions/0004-bird.md.

Which of several routes for one prefix is used: the greatest preference (statics carry 200, BGP has 100); then, in BGP,
a fresh one before a stale one (RFC 9494), the greatest local preference, the shortest AS path, the lowest MED among
routes of one neighbouring AS, external before internal, the lowest router id and at last the lowest peer address
(RFC 4271 9.1.2.2). Exactly one: there is no ECMP. The origin is levelled on import, since it would come before MED.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import groupby
from typing import Final

from landbridge.desired.links import MAIN_TABLE
from landbridge.desired.speakers import Bfd, BgpSession, InternalSession, Speaker, SpeakerStatic

CANARY_TABLE: Final = 187_000
"""A kernel table that nothing looks into; see `_canary`."""

SESSION_PREFIX: Final = "bgp_"
INTERNAL: Final = "between_routers"
STALE_SECONDS: Final = 15
"""How long the routes of a vanished neighbour are kept as the last resort (RFC 9494)."""
RECOVERY_SECONDS: Final = 5
INTERNAL_RESTART_SECONDS: Final = 120
_INTERNAL_HOLD: Final = 30
_USUAL_PREFERENCE: Final = 100
_ERROR_WAIT: Final = "error wait time 1, 8; error forget time 30;"

_FOLLOWS: Final = re.compile(r"^\troute \S+ via ([0-9.]+)%'([^']+)' bfd \{", re.MULTILINE)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")
_LINK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_LOCAL_SCOPES: Final = "0.0.0.0/8{8,32}, 127.0.0.0/8+, 169.254.0.0/16+, 224.0.0.0/4+, 240.0.0.0/4+"
_U32: Final = 2**32 - 1

_PREAMBLE: Final = f"""\
log stderr {{ info, remote, warning, error, auth, fatal, bug }};
debug protocols {{ states }};
timeformat base iso long ms;
timeformat protocol iso long ms;
timeformat route iso long ms;
graceful restart wait {RECOVERY_SECONDS};
attribute int lb_connection;
attribute int lb_announce;
attribute int lb_install;
filter learned_and_installed {{
\tif source = RTS_BGP then accept;
\tif source = RTS_STATIC && lb_install = 1 then accept;
\treject;
}}
protocol device {{ scan time 10; }}
"""


def render(speaker: Speaker) -> str:
    """The configuration, its own fingerprint in it as BIRD's host name (`show status` tells it of what is in force).

    Raises:
        ValueError: something in the value cannot be put into a configuration; never text that could mean anything else.
    """
    body = "".join(_blocks(speaker))
    return f'hostname "{_HOSTNAME}{_digest(body)}";\n{body}'


def fingerprint(speaker: Speaker) -> str:
    """What identifies the configuration: equal exactly when the text is.

    Raises:
        ValueError: as `render`.
    """
    return _digest("".join(_blocks(speaker)))


def fingerprint_in(hostname: str) -> str:
    """The fingerprint out of the host name that a running BIRD tells; empty if it carries none of ours."""
    return hostname.removeprefix(_HOSTNAME) if hostname.startswith(_HOSTNAME) else ""


def metric_in(configuration: str) -> int | None:
    """The metric of the kernel routes that this configuration writes; None if it writes none."""
    found = re.search(r"\bkernel table \d+; metric (\d+);", configuration)
    return int(found[1]) if found else None


def followed(text: str) -> frozenset[tuple[str, IPv4Address]]:
    """The next hops (link, address) whose static routes follow BFD in a configuration of ours."""
    return frozenset((link, IPv4Address(via)) for via, link in _FOLLOWS.findall(text))


def session_of(protocol: str) -> str:
    """The `BgpSession.name` that a BIRD protocol was rendered from; empty if it is none."""
    return protocol.removeprefix(SESSION_PREFIX) if protocol.startswith(SESSION_PREFIX) else ""


_HOSTNAME: Final = "lb-"


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:32]


def _blocks(speaker: Speaker) -> Iterator[str]:
    _unique("session", [session.name for session in speaker.sessions])
    _unique("kernel table", [str(table) for table in speaker.tables])
    if speaker.router_id == IPv4Address(0):
        raise ValueError("a speaker needs a router id other than 0.0.0.0")
    asn = _number("an AS number", speaker.asn, 1, _U32)
    metric = _number("a metric", speaker.metric, 1, _U32)
    yield f"router id {_host(speaker.router_id)};\n"
    yield _PREAMBLE
    for table in speaker.tables:
        yield _kernel(table, metric, speaker.table_limit)
    yield from _bfd(speaker)
    if speaker.bfd is not None:
        yield from _canary(speaker.sessions, metric)
    yield from _statics(speaker.statics)
    yield from _announced(speaker.announced)
    if speaker.internal is not None:
        yield _internal(speaker.internal, asn)
    for session in speaker.sessions:
        yield _session(session, asn, bfd=speaker.bfd is not None)


def _kernel(table: int, metric: str, limit: int | None) -> str:
    """A kernel table and what fills it. The main one is filled at once, others by way of a BIRD table of their own.

    `graceful restart` and not `persist` is what keeps BIRD's hands off the kernel while it recovers; `persist` keeps
    the routes when somebody else asked BIRD to end (Debian's init script ends every BIRD of the machine).
    """
    number = _number("a kernel table", table, 1, _U32)
    if table == CANARY_TABLE:
        raise ValueError(f"kernel table {CANARY_TABLE} is taken")
    options = f"kernel table {number}; metric {metric}; learn off; persist; graceful restart on; scan time 10;"
    if table == MAIN_TABLE:
        return (
            f"protocol kernel kernel_{number} {{ {options}\n"
            "\tipv4 { import none; export filter learned_and_installed; };\n}\n"
        )
    return (
        f"ipv4 table table_{number};\n"
        f"protocol pipe pipe_{number} {{\n"
        f"\ttable master4; peer table table_{number}; import none; export filter learned_and_installed;\n}}\n"
        f"protocol kernel kernel_{number} {{ {options}\n"
        f"\tipv4 {{ table table_{number}; import none; {_first(limit)}export all; }};\n}}\n"
    )


def _first(limit: int | None) -> str:
    """Only so many routes leave, the first ones. BIRD then keeps all others back until it is told that there is room
    again (`Control.let_out`)."""
    return "" if limit is None else f"export limit {_number('a limit of routes', limit, 1, 2**31)} action block; "


def _bfd(speaker: Speaker) -> Iterator[str]:
    links = {session.link for session in speaker.sessions} if speaker.bfd is not None else set()
    links |= {route.link for route in speaker.statics if route.bfd}
    links |= {link for link, _, _ in speaker.bfd_peers}
    if not links:
        return
    timers = speaker.bfd or Bfd()
    interval = _number("a BFD interval in ms", timers.interval, 10, 60_000)
    multiplier = _number("a BFD multiplier", timers.multiplier, 1, 255)
    yield "protocol bfd liveness {\n\tdebug { states, events };\n\tstrict bind yes; accept ipv4 direct;\n"
    for link in sorted(links):
        yield f'\tinterface "{_link(link)}" {{ interval {interval} ms; multiplier {multiplier}; }};\n'
    for link, local, peer in sorted(set(speaker.bfd_peers)):
        yield f'\tneighbor {_host(peer)} dev "{_link(link)}" local {_host(local)};\n'
    yield "}\n"


def _canary(sessions: Iterable[BgpSession], metric: str) -> Iterator[str]:
    """Routes to the peers themselves that live and die with BFD, in a table of their own that nobody looks into.

    BIRD 2.0.12 marks a lost neighbour's routes as stale in a timer, and acts on that mark only when something wakes its
    main loop, up to a second later. The kernel's echo of a vanishing canary is what wakes it at once.
    """
    peers = sorted({(session.peer, session.link) for session in sessions})
    if not peers:
        return
    yield "ipv4 table canary4;\nprotocol static canary {\n\tipv4 { table canary4; import all; };\n"
    for peer, link in peers:
        yield f"\troute {_host(peer)}/32 via {_host(peer)}%'{_link(link)}' bfd;\n"
    yield (
        f"}}\nprotocol kernel kernel_canary {{ kernel table {CANARY_TABLE}; metric {metric}; learn off;\n"
        "\tipv4 { table canary4; import none; export all; };\n}\n"
    )


def _statics(statics: Iterable[SpeakerStatic]) -> Iterator[str]:
    """One static protocol per next hop, under a name that stays, so that a change of one route is only that."""
    ordered = sorted(set(statics), key=lambda route: (route.link, route.via, route.destination))
    for (link, via), group in groupby(ordered, key=lambda route: (route.link, route.via)):
        routes = list(group)
        _unique(f"route via {via} on {link}", [str(route.destination) for route in routes])
        name = hashlib.sha256(f"{link} {via}".encode()).hexdigest()[:12]
        yield f"protocol static static_{name} {{\n\tipv4 {{ import all; }};\n\tcheck link yes;\n"
        for route in routes:
            preference = _number("a preference", route.preference, 1, 65_535)
            connection = _number("a connection's number", route.connection, 0, _U32)
            yield (
                f"\troute {_net(route.destination)} via {_host(via)}%'{_link(link)}'{' bfd' if route.bfd else ''} {{ "
                f"preference = {preference}; lb_connection = {connection}; "
                f"lb_announce = {int(route.advertise)}; lb_install = 1; }};\n"
            )
        yield "}\n"


def _announced(prefixes: Iterable[IPv4Network]) -> Iterator[str]:
    """Networks that this machine is in: BIRD tells of them, the kernel has them already."""
    wanted = sorted(set(prefixes))
    if not wanted:
        return
    yield "protocol static announced {\n\tipv4 { import all; };\n"
    for prefix in wanted:
        yield (
            f"\troute {_net(prefix)} blackhole {{ "
            "preference = 200; lb_connection = 0; lb_announce = 1; lb_install = 0; };\n"
        )
    yield "}\n"


def _internal(internal: InternalSession, asn: str) -> str:
    """iBGP over the veth. No BFD: both ends are on one machine, where a dead BIRD's sockets close at once.

    A hung BIRD must not take the routes of a data plane that works with it, so nothing here is fast but connecting.
    """
    if internal.sends:
        channel = (
            "import none;\n\t\texport filter {\n\t\t\tif source = RTS_BGP then accept;\n"
            "\t\t\tif source = RTS_STATIC && lb_connection > 0 then accept;\n\t\t\treject;\n\t\t};"
        )
    else:
        channel = "import all;\n\t\texport none;"
    return (
        f"protocol bgp {INTERNAL} {{\n"
        f"\tlocal {_host(internal.local)} as {asn}; neighbor {_host(internal.peer)} as {asn};\n"
        f'\tinterface "{_link(internal.link)}"; direct; strict bind yes;\n'
        f"\thold time {_INTERNAL_HOLD}; keepalive time {_INTERNAL_HOLD // 3}; connect retry time 1; "
        f"connect delay time 1; {_ERROR_WAIT}\n"
        f"\tgraceful restart on; graceful restart time {INTERNAL_RESTART_SECONDS};\n"
        f"\tipv4 {{\n\t\tgateway direct; next hop self;\n\t\t{channel}\n\t}};\n}}\n"
    )


def _session(session: BgpSession, asn: str, *, bfd: bool) -> str:
    if str(session.peer_asn) == asn:
        raise ValueError(f"session {session.name}: an external peer has another AS number than {asn}")
    connection = _number("a connection's number", session.connection, 0, _U32)
    hold = _number("a hold time in seconds", session.hold_time, 3, 65_535)
    limit = ""
    if session.receive_limit is not None:
        limit = f"\t\treceive limit {_number('a receive limit', session.receive_limit, 1, 2**31)} action restart;\n"
    parts = [f"{_net(prefix)}+" for prefix in sorted(set(session.reject))]
    covering = [f"{_host(address)}/32-" for address in sorted(set(session.reject_containing))]
    refused = ", ".join([_LOCAL_SCOPES, *parts, *covering])
    return (
        f"protocol bgp {SESSION_PREFIX}{_name(session.name)} {{\n\tdebug {{ states, events }};\n"
        f"\tlocal {_host(session.local)} as {asn};\n"
        f"\tneighbor {_host(session.peer)} as {_number('an AS number', session.peer_asn, 1, _U32)};\n"
        f'\tinterface "{_link(session.link)}"; direct; strict bind yes;\n'
        f"\thold time {hold}; keepalive time {max(1, session.hold_time // 3)}; connect retry time 1; "
        f"connect delay time 1; {_ERROR_WAIT}\n"
        f"\tgraceful restart on; graceful restart time 0; long lived graceful restart on; "
        f"long lived stale time {STALE_SECONDS};\n"
        f"\tdeterministic med on; enforce first as yes;{' bfd graceful;' if bfd else ''}\n"
        "\tipv4 {\n\t\tnext hop self;\n"
        f"{limit}"
        "\t\timport filter {\n"
        f"\t\t\tif net ~ [ {refused} ] then reject;\n"
        f"\t\t\tbgp_origin = ORIGIN_IGP;\n\t\t\tlb_connection = {connection};\n{_preferred(session)}"
        "\t\t\taccept;\n\t\t};\n"
        f"\t\t{_first(session.send_limit)}export filter {{\n"
        "\t\t\tif source != RTS_BGP && source != RTS_STATIC then reject;\n"
        "\t\t\tif source = RTS_STATIC && lb_announce = 0 then reject;\n"
        f"\t\t\tif {_echo(session.connection)} then reject;\n"
        f"\t\t\tbgp_med = {_number('a MED', session.med, 0, _U32)};\n\t\t\taccept;\n\t\t}};\n"
        "\t};\n}\n"
    )


def _preferred(session: BgpSession) -> str:
    """Nothing where it is BIRD's own, so that the text of most sessions never changes."""
    if session.local_preference == _USUAL_PREFERENCE:
        return ""
    return f"\t\t\tbgp_local_pref = {_number('a local preference', session.local_preference, 0, _U32)};\n"


def _echo(connection: int) -> str:
    """Which routes belong to the session's own connection. Statics of connection 0 belong to none."""
    return f"lb_connection = {connection}" if connection else "source = RTS_BGP && lb_connection = 0"


def _number(what: str, value: int, least: int, greatest: int) -> str:
    if type(value) is not int or not least <= value <= greatest:
        raise ValueError(f"{what} has to be between {least} and {greatest}, and {value!r} is not")
    return str(value)


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} cannot name a session: a letter, then letters, digits and '_', 48 in all")
    return value


def _link(value: str) -> str:
    if not _LINK.fullmatch(value):
        raise ValueError(f"{value!r} cannot name a link here: letters, digits, '_', '.' and '-', 15 in all")
    return value


def _host(value: IPv4Address) -> str:
    if type(value) is not IPv4Address:
        raise ValueError(f"{value!r} is not an IPv4 address")
    return str(value)


def _net(value: IPv4Network) -> str:
    if type(value) is not IPv4Network:
        raise ValueError(f"{value!r} is not an IPv4 network")
    return str(value)


def _unique(what: str, values: list[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"there is more than one {what} {value}")
        seen.add(value)
