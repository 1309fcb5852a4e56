"""The three ways in which AWS's services are spoken to: what was asked is found in a request, and an answer is written.

| protocol | the action | parameters | answer | who (2026) |
|---|---|---|---|---|
| Query (`query`, `ec2`) | a parameter | a form | XML | everybody to EC2, STS and IAM |
| JSON (`json`) | in the header X-Amz-Target | JSON | JSON | boto3 and the AWS CLI to CloudWatch |
| CBOR (`smithy-rpc-v2-cbor`) | in the path | CBOR | CBOR | the SDK for Go to CloudWatch |

A service's model says which of them it speaks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final, NoReturn, Protocol

from starlette.datastructures import Headers

from landbridge.api.aws import documents, form, sigv4
from landbridge.api.aws.bounds import MAX_DEPTH, shown
from landbridge.api.aws.errors import Ec2Error, error_xml, query_error_xml
from landbridge.api.aws.model import Service
from landbridge.api.aws.parse import parse
from landbridge.api.aws.serialize import serialize

_ENVELOPE: Final = frozenset({"Action", "Version"}) | sigv4.QUERY_NAMES
_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OPERATION: Final = re.compile(r"/service/([A-Za-z0-9_.]{1,100})/operation/([A-Za-z0-9]{1,100})")
_XML: Final = "text/xml;charset=UTF-8"
_CBOR: Final = "application/cbor"
_EPOCH_TAG: Final = 1  # RFC 8949: seconds since 1970

TARGET: Final = "x-amz-target"
SMITHY: Final = "smithy-protocol"
_RPC_CBOR: Final = "rpc-v2-cbor"


@dataclass(frozen=True, slots=True)
class Asked:
    """The action and its parameters as they came. They may hold secrets."""

    action: str
    given: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """An answer's body, its content type, and what else is in its headers."""

    body: bytes
    kind: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Spoken(Protocol):
    """One service, spoken to in one protocol."""

    @property
    def service(self) -> Service:
        """Who is spoken to."""
        ...

    @property
    def kind(self) -> str:
        """The content type of its requests."""
        ...

    def at(self, path: str) -> bool:
        """Whether this is where requests go."""
        ...

    def asked(self, query: bytes, body: bytes) -> Asked:
        """What a request asks for. Raises Ec2Error for what cannot be read."""
        ...

    def params(self, asked: Asked) -> dict[str, Any]:
        """The parameters as the model types them. Raises Ec2Error; KeyError if there is no such action."""
        ...

    def answer(self, action: str, reply: Mapping[str, Any], request_id: str) -> Message:
        """The reply by the output shape. Raises ReplyError if it does not fit."""
        ...

    def refusal(self, error: Ec2Error, request_id: str) -> Message:
        """The error as this protocol's clients read it."""
        ...


def spoken(service: Service, path: str, headers: Headers) -> Spoken:
    """The protocol that a request to a service is in."""
    if "json" in service.protocols and TARGET in headers:
        return Json(service, headers[TARGET])
    if "smithy-rpc-v2-cbor" in service.protocols and headers.get(SMITHY) == _RPC_CBOR:
        return Cbor(service, path)
    return Query(service)


@dataclass(frozen=True, slots=True)
class Query:
    """Parameters as a form, answers in XML: EC2's dialect, or the plain one."""

    service: Service
    kind = form.FORM

    def at(self, path: str) -> bool:
        return path == "/"

    def asked(self, query: bytes, body: bytes) -> Asked:
        """The version is checked for its form only: EC2 answers old ones alike."""
        parameters = form.decode(query, body)
        version = parameters.get("Version", "")
        if version and _VERSION.fullmatch(version) is None:
            raise Ec2Error("NoSuchVersion", f"The requested version ({version[:40]}) does not exist.")
        own = {name: value for name, value in parameters.items() if name not in _ENVELOPE}
        return Asked(parameters.get("Action", ""), own)

    def params(self, asked: Asked) -> dict[str, Any]:
        return parse(asked.action, asked.given, service_name=self.service.name)

    def answer(self, action: str, reply: Mapping[str, Any], request_id: str) -> Message:
        return Message(serialize(action, reply, request_id, service_name=self.service.name), _XML)

    def refusal(self, error: Ec2Error, request_id: str) -> Message:
        if self.service.speaks_ec2:
            return Message(error_xml(error.code, error.message, request_id), _XML)
        return Message(query_error_xml(self.service.namespace, error, request_id), _XML)


@dataclass(frozen=True, slots=True)
class Json:
    """AWS JSON 1.0: everything goes to `/`, the action is in a header, and a moment is a number."""

    service: Service
    target: str

    @property
    def kind(self) -> str:
        return f"application/x-amz-json-{self.service.json_version}"

    def at(self, path: str) -> bool:
        return path == "/"

    def asked(self, query: bytes, body: bytes) -> Asked:
        prefix, _, action = self.target.rpartition(".")
        if prefix != self.service.target:
            raise Ec2Error("InvalidAction", f"There is no {shown(self.target)} here.")
        _no_query(query)
        return Asked(action, _tree(body, _from_json))

    def params(self, asked: Asked) -> dict[str, Any]:
        return documents.read(self.service.operation(asked.action).input, asked.given)

    def answer(self, action: str, reply: Mapping[str, Any], request_id: str) -> Message:
        tree = documents.write(
            self.service.operation(action).output, reply, {"timestamp": _seconds, "blob": documents.base64_of}
        )
        return Message(json.dumps(tree, allow_nan=False).encode(), self.kind)

    def refusal(self, error: Ec2Error, request_id: str) -> Message:
        return Message(json.dumps(_told(self.service, error)).encode(), self.kind, _query_error(error))


@dataclass(frozen=True, slots=True)
class Cbor:
    """Smithy's RPC v2 with CBOR (RFC 8949): the action is in the path, and a moment is tagged as one."""

    service: Service
    path: str
    kind = _CBOR

    def at(self, path: str) -> bool:
        found = _OPERATION.fullmatch(path)
        return found is not None and found[1] == self.service.target

    def asked(self, query: bytes, body: bytes) -> Asked:
        _no_query(query)
        return Asked(self.path.rpartition("/")[2], _tree(body, _from_cbor))

    def params(self, asked: Asked) -> dict[str, Any]:
        return documents.read(self.service.operation(asked.action).input, asked.given)

    def answer(self, action: str, reply: Mapping[str, Any], request_id: str) -> Message:
        return self._message(documents.write(self.service.operation(action).output, reply, {"timestamp": _tagged}))

    def refusal(self, error: Ec2Error, request_id: str) -> Message:
        return self._message(_told(self.service, error), _query_error(error))

    def _message(self, tree: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Message:
        import cbor2  # only those who speak it wait for it

        return Message(cbor2.dumps(tree), self.kind, {SMITHY: _RPC_CBOR, **(headers or {})})


# --- what JSON and CBOR share -----------------------------------------------------------------------------------------


def _told(service: Service, error: Ec2Error) -> dict[str, str]:
    return {"__type": service.exception(error.code), "message": error.message}


def _query_error(error: Ec2Error) -> dict[str, str]:
    """Clients that know a service's errors by the Query protocol's codes find them here (awsQueryCompatible)."""
    return {"x-amzn-query-error": f"{error.code};{'Sender' if error.status < 500 else 'Receiver'}"}


def _no_query(query: bytes) -> None:
    if query:
        raise Ec2Error("InvalidRequest", "The parameters of this request belong into its body, not into its URL.")


def _tree(body: bytes, read: Any) -> Any:
    """The body's tree of values; an empty body is an empty one."""
    try:
        return read(body) if body else {}
    except (ValueError, RecursionError) as unreadable:
        raise Ec2Error(
            "SerializationException", f"The request's body cannot be read: {shown(str(unreadable)) or 'too deep'}."
        ) from None


def _seconds(moment: datetime) -> float:
    seconds = moment.astimezone(UTC).timestamp()
    return int(seconds) if seconds.is_integer() else seconds


def _tagged(moment: datetime) -> Any:
    import cbor2

    return cbor2.CBORTag(_EPOCH_TAG, _seconds(moment))


# --- reading them: strictly, and with bounds --------------------------------------------------------------------------


def _from_json(body: bytes) -> Any:
    return json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _from_cbor(body: bytes) -> Any:
    import cbor2

    stream = BytesIO(body)
    try:
        tree = cbor2.load(
            stream,
            semantic_decoders=_OnlyMoments(),
            max_depth=MAX_DEPTH,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except cbor2.CBORDecodeError as error:
        raise ValueError(str(error)) from None
    if stream.read(1):
        raise ValueError("something follows its end")
    return tree


class _OnlyMoments(Mapping[int, Any]):
    """CBOR's tags can ask for regular expressions, huge powers and references; of all of them a request needs one."""

    def __getitem__(self, tag: int) -> Any:
        if tag == _EPOCH_TAG:
            raise KeyError(tag)  # the library's own
        return self._refuse

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0

    @staticmethod
    def _refuse(value: object, immutable: bool) -> NoReturn:
        raise ValueError("a tag that is not taken here")
