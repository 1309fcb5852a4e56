"""9: automatic failover, whatever happens to a tunnel, and the way back without a second outage."""

from __future__ import annotations

import time
from dataclasses import dataclass

from landbridge.demo import faults
from landbridge.demo.faults import Fault
from landbridge.demo.machine import until
from landbridge.demo.probes import Figures, Probe
from landbridge.demo.proofs.base import Show, expect
from landbridge.demo.stage import Site

LONGEST_SILENCE = 1000.0
"""Milliseconds that the demo accepts; BFD at 100 ms x 3 takes about 300."""

_STEADY = 0.4
"""Seconds without a loss that count as being back."""


@dataclass(slots=True)
class _Trial:
    """One fault at one site. While a site recovers, the next one has its fault."""

    fault: Fault
    site: Site
    number: int = 0
    outage: Figures | None = None
    healed: float = 0.0
    back: float = 0.0
    second: Figures | None = None


def prove(show: Show) -> None:
    """A hundred packets a second from the VPC to each site, while tunnels are cut."""
    stage = show.stage
    paris, oslo, lima = stage.sites["paris"], stage.sites["oslo"], stage.sites["lima"]
    app = stage.machines["app"].namespace
    probes = {
        s.name: Probe(stage.programs, app, s.host.address, stage.folder / f"probe-{s.name}")
        for s in stage.sites.values()
    }
    trials = [
        _Trial(faults.CHARON_KILLED, paris),
        _Trial(faults.LINK_DOWN, oslo),
        _Trial(faults.SILENT, lima),
        _Trial(faults.SILENT_TO_SITE, paris),
        _Trial(faults.SILENT_TO_CLOUD, oslo),
        _Trial(faults.CHARON_KILLED, lima),
        _Trial(faults.BGP_TORN, paris),
    ]
    open_ones: dict[str, _Trial] = {}
    for trial in trials:
        if (earlier := open_ones.pop(trial.site.name, None)) is not None:
            _finish(show, earlier, probes[trial.site.name])
        _cut(show, trial, probes[trial.site.name])
        open_ones[trial.site.name] = trial
    for name, trial in open_ones.items():
        _finish(show, trial, probes[name])
    _without_service(show, probes["lima"])
    for probe in probes.values():
        probe.end()


def _cut(show: Show, trial: _Trial, probe: Probe) -> None:
    stage, site, fault = show.stage, trial.site, trial.fault
    show.step(f"{site.name}: waiting until both tunnels are up")
    until(lambda: stage.both_up(site.name), 30, f"both tunnels of {site.name} are up")
    probe.steady(_STEADY, 20)
    trial.number = stage.carrying(site)
    expect(trial.number, f"No tunnel carries what goes to {site.name}.")
    tunnel = stage.tunnel(site.name, trial.number)
    show.step(f"{site.name}: {fault.title}")
    began = time.monotonic()
    fault.inject(tunnel)
    try:
        time.sleep(_STEADY)
        through = probe.steady(_STEADY, 20)
        trial.outage = probe.figures(began, through + _STEADY)
    finally:
        trial.healed = time.monotonic()
        if fault.heal is not None:
            fault.heal(tunnel)
    expect(trial.outage.silence <= LONGEST_SILENCE, f"{site.name}, {fault.title}: {trial.outage}.")


def _finish(show: Show, trial: _Trial, probe: Probe) -> None:
    stage, site, outage = show.stage, trial.site, trial.outage
    assert outage is not None
    show.step(f"{site.name}: the way back")
    until(lambda: stage.both_up(site.name), 30, f"the tunnel of {site.name} is up again after: {trial.fault.title}")
    until(lambda: stage.carrying(site) == trial.number, 30, f"traffic to {site.name} is back on tunnel {trial.number}")
    trial.back = time.monotonic() - trial.healed
    time.sleep(_STEADY)
    trial.second = probe.figures(trial.healed, time.monotonic())
    kind = "static" if site.static else "BGP"
    repaired = "repaired" if trial.fault.heal is None else "healed"
    show.fact(
        f"{trial.fault.title + ' (' + kind + ')':<38} {outage.lost:3d} of {outage.sent} lost, "
        f"gap {outage.silence:3.0f} ms; {repaired}, back after {trial.back:.1f} s, {trial.second.lost} lost"
    )
    expect(trial.second.lost == 0, f"{site.name}, the way back after {trial.fault.title}: {trial.second}.")


def _without_service(show: Show, probe: Probe) -> None:
    stage, site = show.stage, show.stage.sites["lima"]
    until(lambda: stage.both_up(site.name), 30, f"both tunnels of {site.name} are up")
    number = stage.carrying(site)
    tunnel = stage.tunnel(site.name, number)
    show.step(f"{site.name}: {faults.SILENT.title}, with the service killed")
    stage.service.kill()
    began = time.monotonic()
    faults.SILENT.inject(tunnel)
    try:
        time.sleep(_STEADY)
        seen = probe.figures(began, probe.steady(_STEADY, 20) + _STEADY)
    finally:
        faults.SILENT.heal(tunnel) if faults.SILENT.heal else None
        stage.service.start()
    expect(seen.silence <= LONGEST_SILENCE, f"{site.name}, without the service, {faults.SILENT.title}: {seen}.")
    stage.settle()
    until(lambda: stage.both_up(site.name), 30, f"both tunnels of {site.name} are up")
    title = "the same, service killed (static)"
    show.fact(f"{title:<38} {seen.lost:3d} of {seen.sent} lost, gap {seen.silence:3.0f} ms")
