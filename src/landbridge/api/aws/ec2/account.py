"""What an account sees of its surroundings at the EC2 door: regions, zones, attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, absent, select
from landbridge.api.aws.ec2.params import only
from landbridge.control.zones import zone_id, zones
from landbridge.model.errors import Invalid

_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "supported-platforms": ("VPC",),
    "default-vpc": ("none",),
}
_OPT_IN: Final = "opt-in-not-required"

_ZONE_FILTERS: Final[Mapping[str, Field[str]]] = {
    **absent("group-long-name", "message", "parent-zone-id", "parent-zone-name"),
    "group-name": lambda z: (z[:-1],),
    "opt-in-status": lambda z: (_OPT_IN,),
    "region-name": lambda z: (z[:-1],),
    "state": lambda z: ("available",),
    "zone-id": lambda z: (zone_id(z),),
    "zone-name": lambda z: (z,),
    "zone-type": lambda z: ("availability-zone",),
}
_REGION_FILTERS: Final[Mapping[str, Field[str]]] = {
    **absent("endpoint"),
    "opt-in-status": lambda r: (_OPT_IN,),
    "region-name": lambda r: (r,),
}


def describe_availability_zones(desk: Desk, params: Params) -> Shape:
    """DescribeAvailabilityZones: three names for this one host."""
    only(params, "ZoneNames", "ZoneIds", "Filters", inert={"AllAvailabilityZones": (True, False)})
    known = zones(desk.region)
    names, ids = params.get("ZoneNames") or (), params.get("ZoneIds") or ()
    for name in names:
        if name not in known:
            raise Invalid("ZoneName", f"Invalid availability zone: [{name[:100]}]")
    for identity in ids:
        if identity not in {zone_id(zone) for zone in known}:
            raise Invalid("ZoneId", f"Invalid availability zone-id: [{identity[:100]}]")
    named = [zone for zone in known if (not names or zone in names) and (not ids or zone_id(zone) in ids)]
    found = select(named, params.get("Filters"), _ZONE_FILTERS)
    desk.reads()
    return {
        "AvailabilityZones": [
            {
                "ZoneName": zone,
                "ZoneId": zone_id(zone),
                "RegionName": desk.region,
                "GroupName": desk.region,
                "NetworkBorderGroup": desk.region,
                "State": "available",
                "ZoneType": "availability-zone",
                "OptInStatus": _OPT_IN,
                "Messages": [],
            }
            for zone in found
        ]
    }


def describe_regions(desk: Desk, params: Params) -> Shape:
    """DescribeRegions: the region that was asked. Others exist as soon as somebody signs for them."""
    only(params, "RegionNames", "Filters", inert={"AllRegions": (True, False)})
    names = params.get("RegionNames") or ()
    for name in names:
        if name != desk.region:
            raise Invalid("RegionName", f"Invalid region names: [{name[:100]}]. This request is for {desk.region}.")
    found = select([desk.region], params.get("Filters"), _REGION_FILTERS)
    desk.reads()
    return {"Regions": [{"RegionName": region, "OptInStatus": _OPT_IN} for region in found]}


def describe_account_attributes(desk: Desk, params: Params) -> Shape:
    """DescribeAccountAttributes: those that have a meaning here."""
    only(params, "AttributeNames")
    names = params.get("AttributeNames") or _ATTRIBUTES
    desk.reads()
    return {
        "AccountAttributes": [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": value} for value in _ATTRIBUTES[name]]}
            for name in dict.fromkeys(names)
            if name in _ATTRIBUTES
        ]
    }


ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeAvailabilityZones": describe_availability_zones,
    "DescribeRegions": describe_regions,
    "DescribeAccountAttributes": describe_account_attributes,
}
