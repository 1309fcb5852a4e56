"""2: instances."""

from __future__ import annotations

import time

from landbridge.demo.machine import LANDBRIDGE, namespaces, run, until
from landbridge.demo.probes import ping
from landbridge.demo.proofs.base import Show, all_answered, expect, none_answered


def prove(show: Show) -> None:
    """RunInstances to the first packet, `landbridge exec`, TerminateInstances."""
    stage = show.stage
    ec2, app = stage.ec2, stage.machines["app"]
    show.step("RunInstances")
    began = time.monotonic()
    made = ec2.run_instances(ImageId="ami-anything", MinCount=1, MaxCount=1, SubnetId=stage.ids["app subnet"])
    identity, address = made["Instances"][0]["InstanceId"], made["Instances"][0]["PrivateIpAddress"]

    def state() -> str:
        found = ec2.describe_instances(InstanceIds=[identity])["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    until(lambda: state() == "running", 10, "the instance is running")
    took = time.monotonic() - began
    first = all_answered(ping(app.namespace, address), "The new instance")
    show.fact(f"RunInstances: {address} running after {1000 * took:.0f} ms; pinged by its neighbour {first}")

    show.step("landbridge exec")
    said = run(*LANDBRIDGE, "exec", "--state", str(stage.service.state), identity, "--", "hostname", "-I").split()
    expect(said == [address], f"In the instance `hostname -I` says {said}, and EC2 says {address}.")
    show.fact(f"landbridge exec {identity} -- hostname -I: {said[0]}")

    show.step("a second network interface")
    card = ec2.create_network_interface(SubnetId=stage.ids["back subnet"], SecondaryPrivateIpAddressCount=1)
    interface = card["NetworkInterface"]["NetworkInterfaceId"]
    addresses = [each["PrivateIpAddress"] for each in card["NetworkInterface"]["PrivateIpAddresses"]]
    attached = ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=identity, DeviceIndex=1)
    stage.settle()
    answers = [all_answered(ping(app.namespace, each), f"{each} of the second interface") for each in addresses]
    ec2.detach_network_interface(AttachmentId=attached["AttachmentId"])
    stage.settle()
    off = none_answered(ping(app.namespace, addresses[0], patience=0.3), "A detached interface's address")
    until(lambda: _free(show, interface), 10, "the interface is free")
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    show.fact(f"a second interface: {' and '.join(addresses)} {answers[0]} and {answers[1]}; detached {off}")

    show.step("TerminateInstances")
    began = time.monotonic()
    ec2.terminate_instances(InstanceIds=[identity])
    until(lambda: state() == "terminated", 10, "the instance is terminated")
    took = time.monotonic() - began
    expect(not any(identity in name for name in namespaces()), "The instance's namespace is still there.")
    gone = none_answered(ping(app.namespace, address, patience=0.3), "The instance after its end")
    show.fact(f"TerminateInstances: gone after {1000 * took:.0f} ms; pinged {gone}")


def _free(show: Show, interface: str) -> bool:
    found = show.stage.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]
    return bool(found["Status"] == "available")
