"""10: CloudHub: sites reach each other by way of the virtual private gateway."""

from __future__ import annotations

from ipaddress import IPv4Address

from landbridge.demo import pcap
from landbridge.demo.probes import Capture, ask, ping
from landbridge.demo.proofs.base import Show, all_answered, expect


def prove(show: Show) -> None:
    """Every site reaches every other one, and the VPC all; between sites no packet goes directly."""
    stage = show.stage
    sites = list(stage.sites.values())
    capture = Capture(stage.programs, stage.internet, "br0", stage.folder / "cloudhub.pcap")
    ways: list[str] = []
    for one in sites:
        for other in sites:
            if one is other:
                continue
            seen = all_answered(ping(one.host.namespace, other.host.address), f"{one.name} to {other.name}")
            ways.append(f"{one.name} to {other.name} {seen.milliseconds:.2f} ms")
    answer = ask(sites[0].host.namespace, sites[1].host.address)
    expect(answer is not None and answer.name == sites[1].name, f"{sites[1].name} does not answer {sites[0].name}.")
    assert answer is not None
    expect(answer.seen == sites[0].host.address, f"{sites[1].name} sees {sites[0].name} as {answer.seen}.")
    show.fact("; ".join(ways[:3]))
    show.fact("; ".join(ways[3:]))
    publics = {IPv4Address(site.public) for site in sites}
    pairs = pcap.pairs(capture.end())
    direct = sum(number for (source, to), number in pairs.items() if source in publics and to in publics)
    expect(direct == 0, f"{direct} packets went from site to site without the hub.")
    show.fact(f"on the Internet: {sum(pairs.values())} packets between sites and hub, {direct} from site to site")
    vpc = [all_answered(ping(stage.machines["app"].namespace, s.host.address), f"The VPC to {s.name}") for s in sites]
    show.fact(f"the VPC reaches {', '.join(f'{s.name} {p}' for s, p in zip(sites, vpc, strict=True))}")
