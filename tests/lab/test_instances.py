"""Promise 2: instances, and commands that run in their networks."""

from __future__ import annotations

import pytest
from shell import eventually, run
from world import LANDBRIDGE, World

pytestmark = pytest.mark.lab


def test_a_command_runs_in_the_instances_network(world: World) -> None:
    instance = world.cloud.vpc("10.0.0.0/16").subnet("10.0.1.0/24").instance()

    done = run(LANDBRIDGE, "exec", instance.id, "--state", str(world.state), "--", "ip", "-br", "address")

    assert done.returncode == 0, done.stderr
    assert f"{instance.address}/24" in done.stdout
    assert "169.254" not in done.stdout, "that would be the router's network"


def test_the_exit_code_is_the_commands(world: World) -> None:
    instance = world.cloud.vpc("10.0.0.0/16").subnet("10.0.1.0/24").instance()

    assert run(LANDBRIDGE, "exec", instance.id, "--state", str(world.state), "--", "sh", "-c", "exit 7").returncode == 7
    unknown = run(LANDBRIDGE, "exec", "i-0123456789abcdef0", "--state", str(world.state), "--", "true")
    assert unknown.returncode == 1
    assert "i-0123456789abcdef0" in unknown.stderr


def test_a_terminated_instance_is_gone(world: World) -> None:
    subnet = world.cloud.vpc("10.2.0.0/16").subnet("10.2.1.0/24")
    stays, goes = subnet.instance("stays"), subnet.instance("goes")
    assert stays.reaches(goes)

    world.ec2.terminate_instances(InstanceIds=[goes.id])

    def state() -> str:
        answer = world.ec2.describe_instances(InstanceIds=[goes.id])
        return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])

    eventually(lambda: state() == "terminated", "it is terminated", 20)
    assert f"namespace {goes.namespace}" not in world.remains()
    assert stays.cannot_reach(goes)
    again = subnet.instance("again", PrivateIpAddress=str(goes.address))
    stays.comes_to_reach(again, 3)


def test_several_instances_start_at_once_with_addresses_of_their_own(world: World) -> None:
    subnet = world.cloud.vpc("10.4.0.0/16").subnet("10.4.1.0/24")
    answer = world.ec2.run_instances(ImageId="ami-12345678", MinCount=3, MaxCount=3, SubnetId=subnet.id)
    ids = [i["InstanceId"] for i in answer["Instances"]]
    world.converged()
    found = [i for i in world.status()["instances"] if i["id"] in ids]
    assert {i["state"] for i in found} == {"running"}
    assert len({i["private_address"] for i in found}) == 3
    assert len({i["namespace"] for i in found}) == 3
