"""Tags at the EC2 door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.paging import page
from landbridge.api.aws.ec2.params import only, required, tag_pairs
from landbridge.control import tags
from landbridge.model.errors import Invalid
from landbridge.model.resources import Tags


@dataclass(frozen=True, slots=True)
class _Tag:
    resource_type: str
    resource_id: str
    key: str
    value: str


def create_tags(desk: Desk, params: Params) -> Shape:
    """CreateTags."""
    only(params, "Resources", "Tags")
    desk.run(tags.CreateTags(tuple(required(params, "Resources")), tag_pairs(required(params, "Tags"))))
    return {}


def delete_tags(desk: Desk, params: Params) -> Shape:
    """DeleteTags: without tags all go; a key without a value goes whatever its value."""
    only(params, "Resources", "Tags")
    given = params.get("Tags")
    unwanted = None if given is None else tuple((tag.get("Key") or "", tag.get("Value")) for tag in given)
    if unwanted is not None and len(unwanted) > tags.MAX_RESOURCES:
        raise Invalid("Tag", f"{len(unwanted)} tags are more than any resource can have.")
    desk.run(tags.DeleteTags(tuple(required(params, "Resources")), unwanted))
    return {}


FILTERS: Final[Mapping[str, Field[_Tag]]] = {
    "key": lambda t: (t.key,),
    "resource-id": lambda t: (t.resource_id,),
    "resource-type": lambda t: (t.resource_type,),
    "value": lambda t: (t.value,),
}


def _as_tags(tag: _Tag) -> Tags:
    return ((tag.key, tag.value),)


def describe_tags(desk: Desk, params: Params) -> Shape:
    """DescribeTags."""
    only(params, "Filters", "MaxResults", "NextToken")
    found = select(_all(desk), params.get("Filters"), FILTERS, _as_tags)
    shown, token = page(found, params, lambda t: f"{t.resource_id} {t.key}")
    desk.reads()
    return {
        "Tags": [
            {"ResourceType": t.resource_type, "ResourceId": t.resource_id, "Key": t.key, "Value": t.value}
            for t in shown
        ],
        "NextToken": token,
    }


def _all(desk: Desk) -> Iterator[_Tag]:
    for noun, kind in tags.KINDS.items():
        for resource in desk.scope.all(kind):
            for key, value in resource.tags:
                yield _Tag(noun, resource.id, key, value)


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateTags": create_tags,
    "DeleteTags": delete_tags,
    "DescribeTags": describe_tags,
}
