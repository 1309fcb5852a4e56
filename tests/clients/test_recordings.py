"""What Terraform asked for when it was recorded is asked again, and answered as it was, with Terraform or without."""

from __future__ import annotations

from pathlib import Path

import pytest
from answers import lines
from placeholders import PLACEHOLDER
from recording import FOLDER, Exchange, Recording, parse
from replaying import replay
from serving import Service

RECORDINGS = {path.stem: path for path in sorted(FOLDER.glob("*.txt"))}
MADE_UP = {"First.key_1", "Second.key_2"}
"""The pre-shared keys that the tests' configurations name."""


def recorded(name: str) -> Recording:
    return parse(RECORDINGS[name].read_text())


def exchanges(recording: Recording) -> list[Exchange]:
    return [exchange for phase in recording.phases for exchange in phase.exchanges]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", RECORDINGS)
def test_the_answers_are_those_that_terraform_got(name: str, tmp_path: Path) -> None:
    with Service(tmp_path / "state", "--lab") as service:
        replay(recorded(name), service)


@pytest.mark.parametrize("name", RECORDINGS)
def test_terraform_went_all_the_way(name: str) -> None:
    phases = [phase.name for phase in recorded(name).phases]
    assert phases[:3] == ["apply", "plan", "change"]
    assert "import" in phases[3:]
    assert phases[-1] == "destroy"


def test_what_has_to_be_recorded_is() -> None:
    asked = {exchange.asked.action for name in RECORDINGS for exchange in exchanges(recorded(name))}
    assert asked >= {
        *("CreateVpnConnection", "CreateVpnConnectionRoute", "EnableVgwRoutePropagation", "CreateTags"),
        *("AuthorizeSecurityGroupIngress", "CreateNetworkAclEntry", "RunInstances", "AssociateAddress"),
        *("DeleteVpnConnection", "DeleteVpnGateway", "DeleteCustomerGateway", "DeleteVpc", "DeleteSecurityGroup"),
    }


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings_hold_no_secrets(name: str) -> None:
    text = RECORDINGS[name].read_text()
    assert not any(word in text for word in ("AKIA", "Authorization", "Signature", "Credential"))
    keys = {value for each in exchanges(recorded(name)) for path, value in lines(each.told.tree) if is_key(path)}
    keys |= {value for each in exchanges(recorded(name)) for path, value in each.asked.parameters if is_key(path)}
    assert {key for key in keys if not PLACEHOLDER.fullmatch(key)} <= MADE_UP


def is_key(path: str) -> bool:
    return path.rpartition(".")[2].replace("_", "").lower() == "presharedkey"


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings_are_read_as_they_were_written(name: str) -> None:
    assert recorded(name).text() == RECORDINGS[name].read_text()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("vpnGateway.amazonSideAsn=64600", "vpnGateway.amazonSideAsn=64601", "-vpnGateway.amazonSideAsn=64601"),
        ("< 400 InvalidVpcID.NotFound", "< 400 InvalidVpcID.Missing", "recorded: 400 InvalidVpcID.Missing, answered"),
        ("vpcSet.1.isDefault=true\n", "", "+vpcSet.1.isDefault=true"),
    ],
)
def test_another_answer_than_the_recorded_one_is_told(old: str, new: str, told: str, tmp_path: Path) -> None:
    text = RECORDINGS["network"].read_text()
    assert old in text
    with Service(tmp_path / "state", "--lab") as service, pytest.raises(AssertionError) as caught:
        replay(parse(text.replace(old, new)), service, within=0.0)
    assert told in str(caught.value)


def test_what_no_answer_has_named_cannot_be_asked_for(tmp_path: Path) -> None:
    recording = recorded("network")
    first = recording.phases[0]
    first.exchanges = [exchange for exchange in first.exchanges if exchange.asked.action != "CreateDefaultVpc"]
    with Service(tmp_path / "state", "--lab") as service, pytest.raises(AssertionError, match=r"named: .*\{vpc-1\}"):
        replay(recording, service)
