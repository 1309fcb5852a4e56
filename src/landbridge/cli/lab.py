"""`landbridge lab`: sites and hosts on the simulated Internet of `landbridge serve --lab`."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.common import BUILD_WITHIN, AsJson, State, address, client, columns, network, print_json, progress
from landbridge.model.errors import WrongState
from landbridge.model.options import DEFAULT_STATE

if TYPE_CHECKING:
    from landbridge.api.client import AdminClient

Name = Annotated[str, typer.Argument(metavar="NAME")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Return when it is done, or at once.")]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        help="Sites and hosts on the simulated Internet (serve --lab).",
        no_args_is_help=True,
        epilog="Example: landbridge lab site list",
    )
    sites = typer.Typer(
        help="Customers' sites: a gateway machine and a host on its LAN.",
        no_args_is_help=True,
        epilog="Example: landbridge lab site list",
    )
    sites.command(
        "add", epilog="Example: landbridge lab site add office --public-address 203.0.113.77 --lan 192.168.60.0/24"
    )(add_site)
    sites.command("list", epilog="Example: landbridge lab site list --json")(list_sites)
    sites.command("remove", epilog="Example: landbridge lab site remove office")(remove_site)
    hosts = typer.Typer(help="Hosts on the Internet.", no_args_is_help=True, epilog="Example: landbridge lab host list")
    hosts.command("add", epilog="Example: landbridge lab host add web --address 198.51.100.10")(add_host)
    hosts.command("list", epilog="Example: landbridge lab host list --json")(list_hosts)
    hosts.command("remove", epilog="Example: landbridge lab host remove web")(remove_host)
    group.add_typer(sites, name="site")
    group.add_typer(hosts, name="host")
    app.add_typer(group, name="lab")


def add_site(
    name: Name,
    public_address: Annotated[
        IPv4Address, typer.Option(parser=address, metavar="ADDRESS", help="203.0.113.2 to 203.0.113.127.")
    ],
    lan: Annotated[IPv4Network, typer.Option(parser=network, metavar="PREFIX", help="The site's private network.")],
    wait: Wait = True,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Add a site: the network namespaces NAME (its gateway machine) and NAME-host (a host at the LAN's .10)."""
    with client(state) as service, progress(f"Building the site {name}"):
        made = service.add_site(name, str(public_address), str(lan))
        if wait:
            made = service.built(lambda: service.site(name), BUILD_WITHIN)
    if as_json:
        print_json(made)
        return
    print(f"{name}: gateway machine {made['public_address']} in the namespace {made['namespace']},")
    print(f"host {made['host_address']} in the namespace {made['host_namespace']}")


def list_sites(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """List the sites."""
    with client(state) as service:
        sites = service.sites()
    if as_json:
        print_json(sites)
        return
    rows = [(s["name"], s["public_address"], s["lan"], s["host_address"], s["state"]) for s in sites]
    print(columns(("NAME", "PUBLIC ADDRESS", "LAN", "HOST", "STATE"), rows))


def remove_site(name: Name, wait: Wait = True, state: State = DEFAULT_STATE) -> None:
    """Remove a site with everything in it."""
    with client(state) as service, progress(f"Removing the site {name}"):
        revision = service.remove_site(name)
        if wait:
            _gone(service, name, revision)


def add_host(
    name: Name,
    address: Annotated[IPv4Address, typer.Option(parser=address, metavar="ADDRESS", help="Of 198.51.100.0/24.")],
    wait: Wait = True,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Add a host on the Internet: the network namespace NAME."""
    with client(state) as service, progress(f"Building the host {name}"):
        made = service.add_host(name, str(address))
        if wait:
            made = service.built(lambda: service.host(name), BUILD_WITHIN)
    if as_json:
        print_json(made)
        return
    print(f"{name}: {made['address']} in the namespace {made['namespace']}")


def list_hosts(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """List the hosts."""
    with client(state) as service:
        hosts = service.hosts()
    if as_json:
        print_json(hosts)
        return
    print(columns(("NAME", "ADDRESS", "STATE"), [(h["name"], h["address"], h["state"]) for h in hosts]))


def remove_host(name: Name, wait: Wait = True, state: State = DEFAULT_STATE) -> None:
    """Remove a host."""
    with client(state) as service, progress(f"Removing the host {name}"):
        revision = service.remove_host(name)
        if wait:
            _gone(service, name, revision)


def _gone(service: AdminClient, name: str, revision: int) -> None:
    answer = service.wait(revision, BUILD_WITHIN)
    if not answer["converged"]:
        reasons = [fault["message"] for fault in answer["faults"]]
        raise WrongState(
            f"{name} is removed, but after {BUILD_WITHIN:g} s the service is still busy taking things down. "
            + (reasons[0] if reasons else "`landbridge status` tells what it is doing.")
        )
