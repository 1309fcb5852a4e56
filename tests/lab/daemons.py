"""Who a world's daemons are and what they hold, asked with plain tools: the same before and after, or not."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import vici
from shell import alive, ok


def run_folder(instance: str) -> Path:
    """Where the daemons of an instance have their files."""
    return Path("/run/landbridge", instance)


def security_associations(instance: str) -> dict[str, set[str]]:
    """SPIs of every established CHILD SA, by endpoint."""
    found: dict[str, set[str]] = {}
    for path in run_folder(instance).glob("*/charon.vici"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(path))
            session = vici.Session(connection)
            found[path.parent.name] = {
                f"{child['spi-in'].decode()} {child['spi-out'].decode()}"
                for sas in session.list_sas()
                for sa in sas.values()
                for child in sa["child-sas"].values()
            }
    return found


def ike_associations(instance: str, connection: str) -> dict[str, set[tuple[str, str]]]:
    """IKE SAs of a connection's endpoints: their initiator's SPI and IKE's version, by endpoint."""
    found = {}
    for path in sorted(run_folder(instance).glob(f"*{connection}-*/charon.vici")):
        with socket.socket(socket.AF_UNIX) as opened:
            opened.settimeout(5)
            opened.connect(str(path))
            sas = [sa for each in vici.Session(opened).list_sas() for sa in each.values()]
            found[path.parent.name] = {(sa["initiator-spi"].decode(), sa["version"].decode()) for sa in sas}
    return found


def associations(instance: str, endpoint: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """An endpoint's IKE SAs with their CHILD SAs that are installed, as charon tells of them (vici's list-sas)."""
    with socket.socket(socket.AF_UNIX) as opened:
        opened.settimeout(5)
        opened.connect(str(run_folder(instance) / endpoint / "charon.vici"))
        found = [sa for each in vici.Session(opened).list_sas() for sa in each.values()]
    return [
        (sa, [child for child in sa["child-sas"].values() if child["state"] == b"INSTALLED"])
        for sa in found
        if sa["child-sas"]
    ]


def bgp_sessions(instance: str) -> dict[str, str]:
    """Established BGP sessions and since when, in BIRD's words."""
    found = {}
    for path in run_folder(instance).glob("*/bird.ctl"):
        for line in ok("birdc", "-s", str(path), "show", "protocols").splitlines():
            words = line.split()
            if len(words) > 1 and words[1] == "BGP" and "Established" in line:
                found[f"{path.parent.name} {words[0]}"] = " ".join(words[3:6])
    return found


def process_ids(instance: str) -> set[int]:
    """Living charons and BIRDs of the instance."""
    needle = f"/run/landbridge/{instance}/".encode()
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and alive(int(folder.name)):
            try:
                name, environment = (folder / "comm").read_text(), (folder / "environ").read_bytes()
            except OSError:
                continue  # it ended meanwhile
            if needle in environment and name.startswith(("bird", "charon")):
                found.add(int(folder.name))
    return found


def everything(instances: Iterable[str]) -> dict[str, object]:
    """All of the above."""
    return {
        instance: (process_ids(instance), security_associations(instance), bgp_sessions(instance))
        for instance in sorted(instances)
    }
