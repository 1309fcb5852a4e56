"""What botocore's service models say about the wire, boiled down to the facts that reading and writing need.

botocore's model of a service is the source of every name on the wire; nothing is written by hand per action. Its
shapes are made for a client: they are turned, once and only when an action is first used, into the three small classes
below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal, TypeAlias, cast

from botocore.loaders import Loader
from botocore.model import ServiceModel

EC2: Final = "ec2"
STS: Final = "sts"
IAM: Final = "iam"

ScalarType: TypeAlias = Literal["string", "integer", "long", "boolean", "double", "float", "timestamp", "blob"]


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One value written as text. Bounds are those of the model: of the number, or of the string's length."""

    type: ScalarType
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    sensitive: bool


@dataclass(frozen=True, slots=True, eq=False)
class ListOf:
    """A list. `tag` names an item in an answer; `infix` stands between name and index in a request ('' with EC2)."""

    element: Shape
    tag: str
    infix: str


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """Named members: `fields` by botocore's member name, `parameters` by the name that requests use."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict, repr=False)
    parameters: dict[str, Field] = field(default_factory=dict, repr=False)
    required: list[Field] = field(default_factory=list, repr=False)


Shape: TypeAlias = Scalar | ListOf | Structure


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A member of a structure under its three names: botocore's, the request parameter's and the answer's XML tag."""

    name: str
    parameter: str
    tag: str
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """An action: what goes in, what comes out. `wrapper` is the element around the result (query protocol only)."""

    name: str
    input: Structure
    output: Structure | None
    wrapper: str | None


class Service:
    """One AWS service as its botocore model describes it. Get it from `service()`: loading takes 15 MB and 0.1 s."""

    def __init__(self, name: str) -> None:
        self._model = ServiceModel(Loader().load_service_model(name, "service-2"), name)
        self._names: Final = frozenset(self._model.operation_names)
        self._operations: dict[str, Operation] = {}
        self._shapes: dict[str, Shape] = {}
        self.name: Final = name
        self.version: Final[str] = self._model.api_version
        self.speaks_ec2: Final[bool] = self._model.metadata["protocol"] == "ec2"
        # EC2 itself ends its namespace with a slash that the model lacks.
        self.namespace: Final[str] = self._model.metadata["xmlNamespace"].rstrip("/") + "/"

    def __contains__(self, action: object) -> bool:
        return action in self._names

    def operation(self, action: str) -> Operation:
        """The action of that name; KeyError if the service has none."""
        if action not in self._names:
            raise KeyError(action)
        if action not in self._operations:
            model = self._model.operation_model(action)
            self._operations[action] = Operation(
                name=action,
                input=self._structure(model.input_shape) if model.input_shape else Structure(f"{action}Request"),
                output=self._structure(model.output_shape) if model.output_shape else None,
                wrapper=model.output_shape.serialization.get("resultWrapper") if model.output_shape else None,
            )
        return self._operations[action]

    def _structure(self, shape: Any) -> Structure:
        return cast(Structure, self._shape(shape))

    def _shape(self, shape: Any) -> Shape:
        known = self._shapes.get(shape.name)
        return known if known is not None else self._make(shape)

    def _make(self, shape: Any) -> Shape:
        made: Shape
        match shape.type_name:
            case "structure":
                made = self._shapes[shape.name] = Structure(shape.name)
                # Only now its members: a structure may contain itself.
                self._fill(made, shape)
            case "list":
                tag = shape.member.serialization.get("name", "item" if self.speaks_ec2 else "member")
                made = ListOf(self._shape(shape.member), tag, infix="" if self.speaks_ec2 else "member")
            case "map":
                raise NotImplementedError(f"{self.name} has a map, {shape.name}: the wire knows no maps yet.")
            case _:
                made = _scalar(shape)
        self._shapes[shape.name] = made
        return made

    def _fill(self, structure: Structure, shape: Any) -> None:
        for name, member in shape.members.items():
            field = Field(name, self._parameter(member, name), _tag(member, name), self._shape(member))
            structure.fields[name] = structure.parameters[field.parameter] = field
        structure.required.extend(structure.fields[name] for name in shape.required_members)

    def _parameter(self, member: Any, name: str) -> str:
        """The member's name in a request: EC2 capitalises the location name, unless a query name is given."""
        location: str = member.serialization.get("name", name)
        if not self.speaks_ec2:
            return location
        query_name: str | None = member.serialization.get("queryName")
        if query_name is not None:
            return query_name
        return location[0].upper() + location[1:] if "name" in member.serialization else name


def _scalar(shape: Any) -> Scalar:
    facts = shape.metadata
    return Scalar(
        type=cast(ScalarType, shape.type_name),
        minimum=facts.get("min"),
        maximum=facts.get("max"),
        choices=tuple(facts.get("enum", ())),
        sensitive=facts.get("sensitive", False),
    )


def _tag(member: Any, name: str) -> str:
    return cast(str, member.serialization.get("name", name))


@cache
def service(name: str) -> Service:
    """The service of that name (`EC2`, `STS`, `IAM`), loaded when first asked for and kept."""
    return Service(name)
