"""The status document as text: a tree of networks, gateways, connections and tunnels, for narrow terminals, too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from landbridge.cli.common import printable

Document = dict[str, Any]

_GOOD: Final = frozenset({"UP", "available", "running", "attached"})
_BAD: Final = frozenset({"DOWN"})
_LONGEST_LIST: Final = 20
"""Prefixes shown of a gateway; the JSON document has all."""


def overview(document: Document, now: datetime) -> RenderableType:
    """Everything but what only fault injection needs; that is in the JSON document."""
    parts: list[RenderableType] = [*_head(document)]
    for vpc in document["vpcs"]:
        igws = [g for g in document["internet_gateways"] if g["vpc"] == vpc["id"]]
        instances = [i for i in document["instances"] if i["vpc"] == vpc["id"]]
        parts.append(_vpc(vpc, igws, instances))
    parts += [_vpn_gateway(gateway) for gateway in document["vpn_gateways"]]
    parts += [_customer_gateway(gateway) for gateway in document["customer_gateways"]]
    parts += [_connection(connection, now) for connection in document["vpn_connections"]]
    loose = [g for g in document["internet_gateways"] if g["vpc"] is None]
    parts += [_line("Internet gateway ", _called(g), "  ", _state(g["attachment"])) for g in loose]
    if document["lab_sites"] or document["lab_hosts"]:
        parts.append(_lab(document["lab_sites"], document["lab_hosts"]))
    if document["faults"]:
        parts.append(_faults(document["faults"]))
    return Group(*parts)


def customer_gateway(document: Document, now: datetime) -> RenderableType:
    """One connection as its customer gateway sees it."""
    agent = Text(f"agent {document['agent']}", "green") if document["agent"] else Text("agent not running", "red")
    tree = Tree(_line("VPN connection ", Text(printable(str(document["vpn_connection_id"])), "bold"), "  ", agent))
    for tunnel in document["tunnels"]:
        here = tunnel["customer_outside"]
        addresses = f"{here} to {tunnel['cloud_outside']}" if here else f"to {tunnel['cloud_outside']}"
        _tunnel(tree, tunnel, addresses, bgp=not document["static"], now=now)
    _data_path(tree, document)
    if document.get("certificate"):
        tree.add(
            _line(
                printable(f"certificate {document['certificate']['name']} until {document['certificate']['ends'][:10]}")
            )
        )
    if document.get("advertised"):
        tree.add(_line("advertised ", ", ".join(document["advertised"])))
    for fault in document.get("faults", ()):
        tree.add(_line(Text(printable(fault), "red")))
    return tree


def _head(document: Document) -> Iterable[Text]:
    yield _line(
        "landbridge ",
        Text(document["instance"], "bold"),
        f"  {document['url']}  {document['state_folder']}",
        "" if document["converged"] else "  (at work)",
    )
    lab = ", with the lab" if document["lab"] else ""
    reason = document["data_plane_reason"].removeprefix(f"{document['data_plane']}: ")
    yield _line(f"data plane {document['data_plane']}{lab}: {reason}")
    if document.get("crypto_policy", "aws") != "aws":
        yield _line(f"crypto policy {document['crypto_policy']}")
    if not document["vpcs"] and not document["vpn_gateways"]:
        yield _line("There is no VPC and no gateway yet.")


def _vpc(vpc: Document, igws: list[Document], instances: list[Document]) -> Tree:
    tree = Tree(_line("VPC ", _called(vpc), f"  {', '.join(vpc['cidrs'])}  ", _state(vpc["state"])))
    for subnet in vpc["subnets"]:
        tree.add(_line("subnet ", _called(subnet), f"  {subnet['cidr']}  {subnet['route_table'] or 'no route table'}"))
    for table in vpc["route_tables"]:
        main = "  main" if table["main"] else ""
        branch = tree.add(_line("route table ", _called(table), f"{main}  kernel table {table['kernel_table']}"))
        for route in table["routes"]:
            how = "" if route["active"] else "  blackhole"
            learned = "  propagated" if route["origin"] == "EnableVgwRoutePropagation" else ""
            branch.add(_line(f"{route['destination']}  {route['target']}{learned}", Text(how, "red")))
    for gateway in igws:
        tree.add(_line("internet gateway ", _called(gateway), "  ", _state(gateway["attachment"])))
    for instance in instances:
        public = f"  {instance['public_address']}" if instance["public_address"] else ""
        where = f"  {instance['private_address']}{public}  "
        branch = tree.add(_line("instance ", _called(instance), where, _state(instance["state"])))
        interfaces = instance["interfaces"]
        if len(interfaces) > 1 or any(len(interface["addresses"]) > 1 for interface in interfaces):
            for interface in interfaces:
                branch.add(_interface(interface))
    return tree


def _interface(interface: Document) -> Text:
    addresses = ", ".join(
        f"{each['private_address']} ({each['public_address']})" if each["public_address"] else each["private_address"]
        for each in interface["addresses"]
    )
    unchecked = "" if interface["source_dest_check"] else "  no source/destination check"
    attachment = "" if interface["attachment"] == "attached" else f"  {interface['attachment']}"
    return _line(
        f"eth{interface['device_index']} ", _called(interface), f"  {addresses}{unchecked}", Text(attachment, "yellow")
    )


def _vpn_gateway(gateway: Document) -> Tree:
    to = f"  {gateway['attachment']} {gateway['vpc']}" if gateway["vpc"] else "  detached"
    tree = Tree(_line("VPN gateway ", _called(gateway), f"  ASN {gateway['asn']}  ", _state(gateway["state"]), to))
    routes = gateway["learned_routes"]
    for route in routes[:_LONGEST_LIST]:
        via = f"{route['vpn_connection']} tunnel {route['tunnel']}" if route["vpn_connection"] else "no tunnel"
        tree.add(_line(f"{route['destination']}  by {via}"))
    if len(routes) > _LONGEST_LIST:
        tree.add(_line(f"and {len(routes) - _LONGEST_LIST} more routes"))
    return tree


def _customer_gateway(gateway: Document) -> Text:
    address = gateway["address"] or "any address"
    line = _line("Customer gateway ", _called(gateway), f"  {address}  ASN {gateway['asn']}")
    certificate = gateway.get("certificate")
    if certificate is not None:
        line.append(f"  certificate {printable(certificate['name'])} until {certificate['ends'][:10]}")
        if certificate["revoked"] is not None:
            line.append("  revoked", "red")
    return line


def _connection(connection: Document, now: datetime) -> Tree:
    tree = Tree(
        _line(
            "VPN connection ",
            _called(connection),
            f"  {connection['routing'].upper() if connection['routing'] == 'bgp' else 'static'}  ",
            _state(connection["state"]),
            f"  {connection['vpn_gateway']} to {connection['customer_gateway']}",
        )
    )
    for tunnel in connection["tunnels"]:
        addresses = f"{tunnel['outside_address']}  {tunnel['inside_cidr']}"
        _tunnel(tree, tunnel, addresses, bgp=connection["routing"] == "bgp", now=now)
    _data_path(tree, connection)
    if change := connection.get("change"):
        stage = f"tunnel {change['tunnel']} is changed: {change['stage']} for {duration(change['since'], now)}"
        tree.add(_line(Text(stage, "yellow")))
    if connection["static_routes"]:
        tree.add(_line("static routes ", ", ".join(route["destination"] for route in connection["static_routes"])))
    return tree


def _tunnel(tree: Tree, tunnel: Document, addresses: str, *, bgp: bool, now: datetime) -> None:
    branch = tree.add(
        _line(
            f"tunnel {tunnel['number']}  ",
            _state(tunnel["status"]),
            f" for {duration(tunnel['since'], now)}  {addresses}",
        )
    )
    facts = [f"IKE {tunnel['ike']}"]
    if bgp:
        facts.append(f"BGP {tunnel['bgp'] or 'down'}")
    facts.append("BFD up" if tunnel["bfd"] else "no BFD")
    facts.append(f"{tunnel['accepted_routes']} route{'' if tunnel['accepted_routes'] == 1 else 's'}")
    facts.append(f"in {amount(tunnel['bytes_in'])}, out {amount(tunnel['bytes_out'])}")
    branch.add(_line("  ".join(facts)))
    if tunnel.get("esp"):
        branch.add(_line(_esp(tunnel["esp"], tunnel.get("replay_window_size"))))
    if tunnel.get("former_key_until"):
        branch.add(
            _line(Text(f"the former pre-shared key connects, too, until {tunnel['former_key_until']}", "yellow"))
        )
    if tunnel.get("weak"):
        branch.add(_line(Text(f"weak: {', '.join(tunnel['weak'])}", "yellow")))
    if tunnel["why"]:
        branch.add(_line(Text(printable(tunnel["why"]), "red" if tunnel["status"] in _BAD else "")))


def _data_path(tree: Tree, document: Document) -> None:
    set_to = (("clear_df", "DF is cleared"), ("force_udp", "UDP is forced"))
    chosen = [words for name, words in set_to if document.get(name)]
    if chosen:
        tree.add(_line(", ".join(chosen)))


def _esp(esp: Document, asked: int | None) -> str:
    window = "unknown" if esp["replay_window"] is None else str(esp["replay_window"])
    # libipsec has its own window.
    other = f" ({asked} asked for)" if asked is not None and asked != esp["replay_window"] else ""
    return "  ".join(
        (
            f"ESP {esp['suite']}{' in UDP' if esp['udp'] else ''}",
            "ESN" if esp["esn"] else "no ESN",
            f"replay window {window}{other}",
        )
    )


def _lab(sites: list[Document], hosts: list[Document]) -> Tree:
    tree = Tree(_line("Lab"))
    for site in sites:
        tree.add(
            _line(
                "site ",
                Text(site["name"], "bold"),
                f"  {site['public_address']}  {site['lan']}  ",
                _state(site["state"]),
            )
        )
    for host in hosts:
        tree.add(_line("host ", Text(host["name"], "bold"), f"  {host['address']}  ", _state(host["state"])))
    return tree


def _faults(faults: list[Document]) -> Tree:
    tree = Tree(_line(Text("What does not work", "bold red")))
    for fault in faults:
        tree.add(_line(Text(fault["resource"], "bold"), f"  {printable(fault['message'])}"))
    return tree


def _called(resource: Document) -> Text:
    name = f' "{printable(resource["name"])}"' if resource["name"] else ""
    return Text.assemble((str(resource["id"]), "bold"), name)


def _state(state: str) -> Text:
    return Text(state, "green" if state in _GOOD else "red" if state in _BAD else "yellow")


def _line(*parts: str | Text) -> Text:
    return Text.assemble(*parts)


def duration(since: str, now: datetime) -> str:
    """How long ago that was, in the largest unit that has at least one, such as `5 min`."""
    seconds = max(0, int((now - datetime.fromisoformat(since)).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def amount(number: int) -> str:
    """Bytes, in powers of a thousand."""
    value, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{number} B" if unit == "B" else f"{value:.1f} {unit}"
