"""What botocore's service models say about the wire, boiled down to the facts that reading and writing need.

botocore's model of a service is the source of every name on the wire; nothing is written by hand per action. What it
says is turned, once and only when an action is first used, into the three small classes below.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

EC2: Final = "ec2"
STS: Final = "sts"
IAM: Final = "iam"
MONITORING: Final = "monitoring"
"""CloudWatch, by the name that requests are signed for."""

_FOLDERS: Final = {MONITORING: "cloudwatch"}
"""Where botocore calls a service otherwise."""

OPEN_ENDED: Final = frozenset({"AccountAttributeName", "InstanceType"})
"""Where the model's choices are not all there are: it names two of the six account attributes that its text lists, and
of instance types those of its day. The actions know."""

ScalarType: TypeAlias = Literal["string", "integer", "long", "boolean", "double", "float", "timestamp", "blob"]


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One value written as text. Bounds are those of the model: of the number, or of the string's length.

    The model's patterns are left alone: few shapes have one, and not all of those can be matched at all.
    """

    type: ScalarType
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    sensitive: bool


@dataclass(frozen=True, slots=True, eq=False)
class ListOf:
    """A list. `tag` names an item in an answer; `infix` stands between name and index in a request ('' with EC2).

    Bounds are those of the number of items in a request.
    """

    element: Shape
    tag: str
    infix: str
    minimum: int | None
    maximum: int | None


@dataclass(frozen=True, slots=True, eq=False)
class MapOf:
    """Names and a value of one shape for each. The tags are those of an entry's name and value in an XML answer."""

    element: Shape
    key_tag: str
    tag: str


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """Named members: `fields` by botocore's member name, `parameters` by the name that requests use."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict, repr=False)
    parameters: dict[str, Field] = field(default_factory=dict, repr=False)
    required: list[Field] = field(default_factory=list, repr=False)


Shape: TypeAlias = Scalar | ListOf | MapOf | Structure


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
    """One AWS service as its botocore model describes it. Get it from `service()`: loading takes 0.07 s."""

    def __init__(self, name: str) -> None:
        model = _read(name)
        self._declared: Final[Mapping[str, Any]] = model["operations"]
        self._described: Final[Mapping[str, Any]] = model["shapes"]
        self._operations: dict[str, Operation] = {}
        self._shapes: dict[str, Shape] = {}
        self._exceptions: dict[str, str] | None = None
        self._making = threading.Lock()
        """Held while shapes are made: a structure is known before its members are."""
        metadata = model["metadata"]
        self.name: Final = name
        self.version: Final[str] = metadata["apiVersion"]
        self.protocols: Final = frozenset[str](metadata.get("protocols") or [metadata["protocol"]])
        """In the model's words: `ec2`, `query`, `json`, `smithy-rpc-v2-cbor`."""
        self.target: Final[str] = metadata.get("targetPrefix", "")
        """What stands before an action's name where it is not a parameter."""
        self.json_version: Final[str] = metadata.get("jsonVersion", "")
        self.speaks_ec2: Final[bool] = metadata["protocol"] == "ec2"
        # EC2 itself ends its namespace with a slash that the model lacks.
        self.namespace: Final[str] = metadata["xmlNamespace"].rstrip("/") + "/"

    def __contains__(self, action: object) -> bool:
        return action in self._declared

    def exception(self, code: str) -> str:
        """What documents in JSON and CBOR call an error that XML knows by this code."""
        if self._exceptions is None:
            errors = ((name, shape["error"]) for name, shape in self._described.items() if "error" in shape)
            self._exceptions = {error["code"]: name for name, error in errors if "code" in error}
        return self._exceptions.get(code, code)

    def operation(self, action: str) -> Operation:
        """The action of that name; KeyError if the service has none."""
        known = self._operations.get(action)
        if known is not None:
            return known
        with self._making:
            made = self._operations[action] = self._operation(action, self._declared[action])
        return made

    def _operation(self, action: str, declared: Mapping[str, Any]) -> Operation:
        goes_in, comes_out = declared.get("input"), declared.get("output")
        return Operation(
            name=action,
            input=self._structure(goes_in) if goes_in else Structure(f"{action}Request"),
            output=self._structure(comes_out) if comes_out else None,
            wrapper=comes_out.get("resultWrapper") if comes_out else None,
        )

    def _structure(self, reference: Mapping[str, Any]) -> Structure:
        return cast(Structure, self._shape(reference))

    def _shape(self, reference: Mapping[str, Any]) -> Shape:
        name = reference["shape"]
        known = self._shapes.get(name)
        return known if known is not None else self._make(name, self._described[name])

    def _make(self, name: str, shape: Mapping[str, Any]) -> Shape:
        made: Shape
        match shape["type"]:
            case "structure":
                made = self._shapes[name] = Structure(name)
                # Only now its members: a structure may contain itself.
                self._fill(made, shape)
            case "list":
                element = shape["member"]
                tag = self._location(element) or ("item" if self.speaks_ec2 else "member")
                infix = "" if self.speaks_ec2 else "member"
                made = ListOf(self._shape(element), tag, infix, shape.get("min"), shape.get("max"))
            case "map":
                made = MapOf(
                    self._shape(shape["value"]),
                    self._location(shape["key"]) or "key",
                    self._location(shape["value"]) or "value",
                )
            case _:
                made = _scalar(shape, open_ended=name in OPEN_ENDED)
        self._shapes[name] = made
        return made

    def _fill(self, structure: Structure, shape: Mapping[str, Any]) -> None:
        for name, member in shape["members"].items():
            tag = self._location(member) or name
            field = Field(name, self._parameter(member, name), tag, self._shape(member))
            structure.fields[name] = structure.parameters[field.parameter] = field
        structure.required.extend(structure.fields[name] for name in shape.get("required", ()))

    def _location(self, reference: Mapping[str, Any]) -> str | None:
        """What the model calls a member on the wire, by itself or by its shape; None: as in the model."""
        own: str | None = reference.get("locationName")
        return own or cast(str | None, self._described[reference["shape"]].get("locationName"))

    def _parameter(self, member: Mapping[str, Any], name: str) -> str:
        """The member's name in a request: EC2 capitalises the location name, unless a query name is given."""
        location = self._location(member)
        if not self.speaks_ec2:
            return location or name
        query_name: str | None = member.get("queryName")
        if query_name is not None:
            return query_name
        return location[0].upper() + location[1:] if location else name


def _scalar(shape: Mapping[str, Any], *, open_ended: bool) -> Scalar:
    return Scalar(
        type=cast(ScalarType, shape["type"]),
        minimum=shape.get("min"),
        maximum=shape.get("max"),
        choices=() if open_ended else tuple(shape.get("enum", ())),
        sensitive=shape.get("sensitive", False),
    )


def _read(name: str) -> Mapping[str, Any]:
    """The newest model of a service out of the installed botocore, whose code is not needed for it: importing that and
    its HTTP client would cost every start as much again."""
    found = importlib.util.find_spec("botocore")
    folders = found.submodule_search_locations if found is not None else None
    versions = (
        sorted((Path(folders[0]) / "data" / _FOLDERS.get(name, name)).glob("*/service-2.json*")) if folders else []
    )
    if not versions:
        raise ImportError(f"botocore's model of {name} is not there", name="botocore")
    raw = versions[-1].read_bytes()
    return cast(Mapping[str, Any], json.loads(gzip.decompress(raw) if versions[-1].suffix == ".gz" else raw))


@cache
def service(name: str) -> Service:
    """The service of that name (`EC2`, `STS`, `IAM`, `MONITORING`), loaded when first asked for and kept."""
    return Service(name)
