"""What is read out of botocore's files is what botocore's own classes make of them, for every action and shape."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from landbridge.api.aws.model import (
    EC2,
    MONITORING,
    OPEN_ENDED,
    STS,
    ListOf,
    MapOf,
    Operation,
    Scalar,
    Service,
    Shape,
    Structure,
    service,
)


def test_an_action_that_there_is_not() -> None:
    assert "DescribeVpcs" in service(EC2)
    assert "DescribeNothing" not in service(EC2)
    with pytest.raises(KeyError):
        service(EC2).operation("DescribeNothing")


@pytest.mark.parametrize("name", [EC2, STS, MONITORING])
def test_botocore_reads_the_same(name: str) -> None:
    called = {MONITORING: "cloudwatch"}.get(name, name)
    theirs = ServiceModel(Loader().load_service_model(called, "service-2"), called)
    ours = service(name)
    assert ours.name == theirs.signing_name
    assert ours.protocols == set(theirs.metadata.get("protocols") or [theirs.metadata["protocol"]])
    assert (ours.name, ours.version) == (name, theirs.api_version)
    assert ours.speaks_ec2 == (theirs.metadata["protocol"] == "ec2")
    assert ours.namespace.rstrip("/") == theirs.metadata["xmlNamespace"].rstrip("/")
    compared = Compared(ours)
    for action in theirs.operation_names:
        compared.operation(ours.operation(action), theirs.operation_model(action))
    assert len(compared.seen) > 50


class Compared:
    """Compares shapes, each once: they contain each other."""

    def __init__(self, of: Service) -> None:
        self.ec2 = of.speaks_ec2
        self.seen: set[tuple[int, str]] = set()

    def operation(self, ours: Operation, theirs: Any) -> None:
        if theirs.input_shape:
            self.shape(ours.input, theirs.input_shape)
        else:
            assert not ours.input.fields
        assert (ours.output is None) == (theirs.output_shape is None)
        if ours.output is not None:
            self.shape(ours.output, theirs.output_shape)
            assert ours.wrapper == theirs.output_shape.serialization.get("resultWrapper")

    def shape(self, ours: Shape, theirs: Any) -> None:
        if (id(ours), theirs.name) in self.seen:
            return
        self.seen.add((id(ours), theirs.name))
        match ours:
            case Structure():
                self.structure(ours, theirs)
            case ListOf():
                assert ours.tag == theirs.member.serialization.get("name", "item" if self.ec2 else "member")
                assert ours.infix == ("" if self.ec2 else "member")
                self.shape(ours.element, theirs.member)
            case MapOf():
                assert ours.key_tag == theirs.key.serialization.get("name", "key")
                assert ours.tag == theirs.value.serialization.get("name", "value")
                self.shape(ours.element, theirs.value)
            case Scalar():
                facts = theirs.metadata
                assert ours.type == theirs.type_name
                assert (ours.minimum, ours.maximum) == (facts.get("min"), facts.get("max"))
                assert ours.choices == (() if theirs.name in OPEN_ENDED else tuple(facts.get("enum", ())))
                assert ours.sensitive == facts.get("sensitive", False)

    def structure(self, ours: Structure, theirs: Any) -> None:
        assert ours.name == theirs.name
        assert list(ours.fields) == list(theirs.members)
        assert [field.name for field in ours.required] == list(theirs.required_members)
        for name, member in theirs.members.items():
            field, told = ours.fields[name], member.serialization
            assert field.tag == told.get("name", name)
            assert field.parameter == (self.parameter(told, name) if self.ec2 else told.get("name", name))
            assert ours.parameters[field.parameter] is field
            self.shape(field.shape, member)

    @staticmethod
    def parameter(told: dict[str, str], name: str) -> str:
        """As botocore's serializer for EC2 does it."""
        if "queryName" in told:
            return told["queryName"]
        return told["name"][0].upper() + told["name"][1:] if "name" in told else name
