"""What an account sees of its surroundings at the EC2 door: regions, zones, attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, absent, select
from landbridge.api.aws.ec2.params import only
from landbridge.control import limits
from landbridge.control.subnets import default_vpc
from landbridge.control.zones import zone_id, zones
from landbridge.model.errors import Invalid
from landbridge.model.regions import PARTITIONS, opted_in, partition

MAX_ELASTIC_ADDRESSES: Final = 5
MAX_GROUPS_PER_INTERFACE: Final = 5

_ATTRIBUTES: Final[Mapping[str, Callable[[Desk], str]]] = {
    "supported-platforms": lambda desk: "VPC",
    "default-vpc": lambda desk: vpc.id if (vpc := default_vpc(desk.scope)) is not None else "none",
    "max-instances": lambda desk: str(limits.INSTANCES.most),
    "vpc-max-security-groups-per-interface": lambda desk: str(MAX_GROUPS_PER_INTERFACE),
    "max-elastic-ips": lambda desk: str(MAX_ELASTIC_ADDRESSES),
    "vpc-max-elastic-ips": lambda desk: str(MAX_ELASTIC_ADDRESSES),
}
_OPT_IN: Final = "opt-in-not-required"
"""What every zone of a region says that can be used."""

_ZONE_FILTERS: Final[Mapping[str, Field[str]]] = {
    **absent("group-long-name", "message", "parent-zone-id", "parent-zone-name"),
    "group-name": lambda z: (f"{z[:-1]}-zg-1",),
    "opt-in-status": lambda z: (_OPT_IN,),
    "region-name": lambda z: (z[:-1],),
    "state": lambda z: ("available",),
    "zone-id": lambda z: (zone_id(z),),
    "zone-name": lambda z: (z,),
    "zone-type": lambda z: ("availability-zone",),
}
_REGION_FILTERS: Final[Mapping[str, Field[str]]] = {
    **absent("endpoint"),
    "opt-in-status": lambda r: (opted_in(r),),
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
                "GroupName": f"{desk.region}-zg-1",
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
    """DescribeRegions: those of the partition that is asked, all of which this one service is.

    Without endpoints: that of a region is the one that the caller has reached already.
    """
    only(params, "RegionNames", "Filters", inert={"AllRegions": (True, False)})
    known = sorted(PARTITIONS[partition(desk.region)])
    names = params.get("RegionNames") or ()
    for name in names:
        if name not in known:
            raise Invalid("RegionName", f"Invalid region names: [{name[:100]}]. Ask without names for those there are.")
    found = select([r for r in known if not names or r in names], params.get("Filters"), _REGION_FILTERS)
    desk.reads()
    return {"Regions": [{"RegionName": region, "OptInStatus": opted_in(region)} for region in found]}


def describe_account_attributes(desk: Desk, params: Params) -> Shape:
    """DescribeAccountAttributes."""
    only(params, "AttributeNames")
    names = params.get("AttributeNames") or sorted(_ATTRIBUTES)
    for name in names:
        if name not in _ATTRIBUTES:
            raise Invalid(
                "AttributeName",
                f"Value ({name[:100]}) for parameter attributeName is invalid. Use one of: {', '.join(_ATTRIBUTES)}.",
            )
    desk.reads()
    return {
        "AccountAttributes": [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": _ATTRIBUTES[name](desk)}]}
            for name in dict.fromkeys(names)
        ]
    }


ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeAvailabilityZones": describe_availability_zones,
    "DescribeRegions": describe_regions,
    "DescribeAccountAttributes": describe_account_attributes,
}
