"""The data plane outlives the service, services live side by side, and what ends leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from daemons import bgp_sessions, everything, process_ids, run_folder, security_associations
from packets import Probe
from shell import alive, eventually, namespaces, ok, run
from two_sites import TwoSites, two_sites
from world import LANDBRIDGE, World

pytestmark = pytest.mark.lab

AWKWARD = (
    "a\"b'c",
    "two\nlines",
    "{ } ; include '/etc/passwd';",
    "$(touch /tmp/landbridge-was-here) `id`",
    "]]> & <x/>",
    "né ☃",
)


def build(world: World) -> TwoSites:
    lab = two_sites(world)
    lab.dynamic.is_watched(lab.paris)
    lab.static.is_watched(lab.lyon)
    return lab


@pytest.fixture(scope="module")
def lab(world: World) -> TwoSites:
    return build(world)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_service_ends_and_starts_again_and_no_packet_is_lost(
    world: World, lab: TwoSites, how: signal.Signals
) -> None:
    with Probe(lab.paris.host, lab.instance) as one, Probe(lab.instance, lab.lyon.host) as two:
        one.passes()
        two.passes()
        before = everything(world.instances())
        assert len(process_ids(world.instance)) == 6, "a charon per tunnel, a BIRD for the gateway and for the VPC"
        assert sum(map(len, security_associations(world.instance).values())) == 4
        assert len(bgp_sessions(world.instance)) == 4, "both tunnels, and both ends of the VGW's session with its VPC"

        code = world.kill(how)
        one.passes()
        two.passes()
        world.start()
        world.converged()
        lab.dynamic.comes_up()
        lab.static.comes_up()
        one.passes()
        two.passes()

        assert code == (-signal.SIGKILL if how is signal.SIGKILL else 0)
        assert everything(world.instances()) == before
        assert one.lost() == []
        assert two.lost() == []
    assert world.admin.plan() == [], "what runs was taken over as it is"


def test_it_says_nothing_after_a_start_when_all_is_right(world: World, lab: TwoSites) -> None:
    world.kill()
    at = len(world.log.read_bytes())
    world.start()
    world.converged()
    said = world.log.read_bytes()[at:].decode()
    assert "step_done" not in said
    assert "error" not in said
    assert "Traceback" not in said


def test_what_went_wrong_meanwhile_is_repaired_at_the_start(world: World, lab: TwoSites) -> None:
    status = lab.static.tunnel(1).status
    world.kill()
    ok("ip", "-n", status["endpoint_namespace"], "link", "delete", status["outside_link"])
    ok("kill", "-9", str(lab_bird(world, lab)))
    world.start()
    lab.dynamic.is_watched(lab.paris, 60)
    lab.static.is_watched(lab.lyon, 60)
    lab.paris.host.comes_to_reach(lab.instance)
    lab.lyon.host.comes_to_reach(lab.instance)


def lab_bird(world: World, lab: TwoSites) -> int:
    """The gateway's BIRD, by the file that it was noted in."""
    [path] = run_folder(world.instance).glob(f"*{lab.gateway.id}/bird.pid")
    return int(path.read_text())


def test_a_bird_killed_while_the_service_runs_comes_back_without_a_long_outage(world: World, lab: TwoSites) -> None:
    with Probe(lab.paris.host, lab.instance) as probe:
        probe.passes()
        dead = lab_bird(world, lab)
        ok("kill", "-9", str(dead))
        eventually(lambda: lab_bird(world, lab) != dead, "there is another one")
        lab.dynamic.is_watched(lab.paris, 60)
        probe.passes()
        assert probe.outage() < 2.0


def test_a_second_service_on_the_same_state_is_refused(world: World, lab: TwoSites) -> None:
    before = everything(world.instances())
    second = run(LANDBRIDGE, "serve", "--lab", "--listen", "127.0.0.1:0", "--state", str(world.state))
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1, second.stderr
    assert str(world.pid) in second.stderr
    purge = world.landbridge("purge", "--yes")
    assert purge.returncode == 1
    assert purge.stderr.count("\n") == 1, purge.stderr
    assert everything(world.instances()) == before


def test_a_port_in_use_is_a_sentence_and_nothing_is_built(world: World) -> None:
    other = world.folder / "other"
    address = world.url.removeprefix("http://")
    done = run(LANDBRIDGE, "serve", "--lab", "--listen", address, "--state", str(other))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert address in done.stderr
    instance = (other / "instance").read_text() if (other / "instance").exists() else "-"
    assert not any(instance in name for name in namespaces())


def test_what_users_typed_reaches_no_file_of_a_daemon(world: World, lab: TwoSites) -> None:
    marked = [f"canary-7c1f {text}" for text in AWKWARD]
    for number, resource in enumerate((lab.vpc.id, lab.instance.id, lab.gateway.id, lab.dynamic.id, lab.static.id)):
        tags = [{"Key": "Name", "Value": marked[number]}]
        tags += [{"Key": text, "Value": text} for text in marked]
        world.ec2.create_tags(Resources=[resource], Tags=tags)
    with suppress(Exception):
        world.ec2.create_customer_gateway(Type="ipsec.1", PublicIp="203.0.113.99", BgpAsn=65_099, DeviceName=marked[2])
    world.converged()
    lab.vpc.main_table.route("172.29.0.0/16", lab.gateway.id)  # something for every driver to do
    lab.vpc.main_table.delete_route("172.29.0.0/16")

    shown = world.ec2.describe_vpcs(VpcIds=[lab.vpc.id])["Vpcs"][0]["Tags"]
    assert {tag["Value"] for tag in shown if tag["Key"] != "Name"} == set(marked), "they come back as they were"
    for path in run_folder(world.instance).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"canary-7c1f" not in content, path
    for namespace in (n for n in namespaces() if world.instance in n):
        assert "canary-7c1f" not in ok("ip", "netns", "exec", namespace, "nft", "list", "ruleset")
        assert "canary-7c1f" not in ok("ip", "-n", namespace, "-d", "link")
    assert not Path("/tmp/landbridge-was-here").exists()
    lab.paris.host.comes_to_reach(lab.instance)


def test_keys_are_in_no_file_and_in_no_command_line(world: World, lab: TwoSites) -> None:
    import xml.etree.ElementTree as ET

    keys = [
        str(key.text).encode()
        for connection in (lab.dynamic, lab.static)
        for key in ET.fromstring(connection.device_file).iter("pre_shared_key")
    ]
    assert len(keys) == 4
    places = [run_folder(one) for one in world.instances()] + [world.state / "log", world.customers]
    for place in places:
        for path in place.rglob("*"):
            if path.is_file() and path.name != "device.xml":
                content = path.read_bytes()
                assert not any(key in content for key in keys), path
    assert not any(key in world.log.read_bytes() for key in keys)
    for pid in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            assert not any(key in (pid / "cmdline").read_bytes() + (pid / "environ").read_bytes() for key in keys), pid


def test_two_services_do_not_disturb_each_other(world: World, lab: TwoSites) -> None:
    before = everything(world.instances())
    with Probe(lab.paris.host, lab.instance) as probe:
        probe.passes()
        with World() as other:
            theirs = build(other)
            theirs.paris.host.comes_to_reach(theirs.instance)
            assert other.instances().isdisjoint(world.instances())
            assert not lab.paris.host.gets_through_to(theirs.instance, at=theirs.instance), (
                "the same addresses, elsewhere"
            )
        assert probe.lost() == []
    assert everything(world.instances()) == before


def test_purge_leaves_nothing(own_world: World) -> None:
    world = own_world
    lab = build(world)
    web = world.internet_host("web", "198.51.100.10")
    lab.vpc.internet_gateway()
    assert web.namespace in namespaces()
    for site, connection in ((lab.paris, lab.dynamic), (lab.lyon, lab.static)):
        site.customer_gateway_down(connection)
    world.kill()
    assert len(world.remains()) > 15, "there is something to purge"

    done = world.landbridge("purge", "--yes")

    assert done.returncode == 0, done.stderr
    eventually(lambda: not world.remains(), "nothing is left")
    again = world.landbridge("purge", "--yes")
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1, again.stderr


def test_ctrl_c_while_it_builds_leaves_something_that_can_be_taken_over(own_world: World) -> None:
    world = own_world
    vpc = world.cloud.vpc("10.0.0.0/16")
    subnet = vpc.subnet("10.0.1.0/24")
    world.ec2.run_instances(ImageId="ami-12345678", MinCount=5, MaxCount=5, SubnetId=subnet.id)
    assert world.kill(signal.SIGINT) == 0
    world.start()
    world.converged()
    states = {i["state"] for i in world.status()["instances"]}
    assert states == {"running"}
    assert "Traceback" not in world.log.read_text()


def test_status_says_what_it_says_in_both_forms(world: World, lab: TwoSites) -> None:
    import json

    document = json.loads(ok(LANDBRIDGE, "status", "--json", "--state", str(world.state)))
    assert document["instance"] == world.instance
    assert document["data_plane"] == "libipsec"
    assert document["data_plane_reason"]
    for connection in document["vpn_connections"]:
        for tunnel in connection["tunnels"]:
            assert alive(tunnel["charon_pid"])
            assert alive(tunnel["bird_pid"])
            assert tunnel["endpoint_namespace"] in namespaces()
            ok("ip", "-n", tunnel["endpoint_namespace"], "link", "show", tunnel["outside_link"])
            ok("ip", "-n", tunnel["internet_namespace"], "link", "show", tunnel["internet_port"])
            ok("ip", "-n", tunnel["device_namespace"], "link", "show", tunnel["device"])
    text = ok(LANDBRIDGE, "status", "--state", str(world.state))
    for connection in (lab.dynamic, lab.static):
        assert connection.id in text
    watch = subprocess.Popen(
        (LANDBRIDGE, "status", "--watch", "--json", "--state", str(world.state)), stdout=subprocess.PIPE, text=True
    )
    try:
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["instance"] == world.instance
    finally:
        watch.send_signal(signal.SIGINT)
        watch.wait(10)
