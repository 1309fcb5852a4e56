"""What holds for a request's values whichever way they came: the model's bounds, ours, and refusals in AWS's words."""

from __future__ import annotations

from typing import Any, Final

from landbridge.api.aws.errors import Ec2Error
from landbridge.api.aws.model import ListOf, Scalar
from landbridge.api.aws.xmltext import unfit

MAX_VALUE: Final = 65_536
MAX_DEPTH: Final = 16
_SHOWN: Final = 100
_FEW: Final = 12


def check_characters(text: str, name: str) -> None:
    """Refuse a text that is too long, or that could be stored but never shown again: no answer in XML can carry it."""
    if len(text) > MAX_VALUE:
        raise invalid(f"The value of parameter {shown(name)} is longer than {MAX_VALUE} characters.")
    if (character := unfit(text)) is not None:
        raise invalid(f"The value of parameter {shown(name)} contains the character U+{ord(character):04X}. Remove it.")


def check_text(text: str, shape: Scalar) -> str:
    """The text, if it is what the model allows.

    Raises:
        ValueError: a sentence that says what it should be.
    """
    if shape.choices and text not in shape.choices:
        few = len(shape.choices) <= _FEW
        raise ValueError(f"Valid values: {', '.join(shape.choices)}." if few else "It is none that AWS knows.")
    if shape.minimum is not None and len(text) < shape.minimum:
        raise ValueError(f"Its length must be at least {shape.minimum}.")
    if shape.maximum is not None and len(text) > shape.maximum:
        raise ValueError(f"Its length must be at most {shape.maximum}.")
    return text


def check_range(number: float, shape: Scalar) -> None:
    """Raises ValueError with a sentence for a number that the model does not allow."""
    if shape.minimum is not None and number < shape.minimum:
        raise ValueError(f"Expecting a value greater than or equal to {shape.minimum}.")
    if shape.maximum is not None and number > shape.maximum:
        raise ValueError(f"Expecting a value smaller than or equal to {shape.maximum}.")


def check_count(items: list[Any], shape: ListOf, path: str) -> list[Any]:
    """The items, if they are as many as the model allows; none at all are none given."""
    if items and shape.minimum is not None and len(items) < shape.minimum:
        raise invalid(f"The parameter {shown(path)} has {len(items)} members. Give at least {shape.minimum}.")
    if shape.maximum is not None and len(items) > shape.maximum:
        raise invalid(f"The parameter {shown(path)} has {len(items)} members. At most {shape.maximum} are taken.")
    return items


def shown(text: str) -> str:
    """What was sent, in an answer: its beginning."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def invalid(message: str) -> Ec2Error:
    """A value that cannot be."""
    return Ec2Error("InvalidParameterValue", message)


def missing(name: str) -> Ec2Error:
    """A value that is needed and not given."""
    return Ec2Error("MissingParameter", f"The request must contain the parameter {name}")


def unknown(name: str) -> Ec2Error:
    """A name that the model does not have."""
    return Ec2Error("UnknownParameter", f"The parameter {shown(name)} is not recognized")
