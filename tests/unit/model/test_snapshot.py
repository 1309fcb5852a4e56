"""Whatever happens to the resources, an index that was brought along says what one made afresh would say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from landbridge.model.network import Vpc
from landbridge.model.resources import Resource, State
from landbridge.model.snapshot import Change, Index, Put, Remove, Snapshot
from landbridge.model.vpn import CustomerGateway

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)

VPCS = Index(Vpc, lambda vpc: (vpc.account,))
CUSTOMERS = Index(CustomerGateway, lambda gateway: (gateway.account, str(gateway.address), int(gateway.address)))


STATES = Index(Vpc, lambda vpc: (vpc.state,))
"""Of a key that changes: who has it is right, and in which order is another matter."""


def vpc(number: int, account: str) -> Vpc:
    return Vpc(
        id=f"vpc-{number}",
        account=account,
        region="eu-central-1",
        created=NOW,
        cidr=IPv4Network("10.0.0.0/16"),
        state=State.AVAILABLE,
    )


def customer(number: int, account: str) -> CustomerGateway:
    return CustomerGateway(
        id=f"cgw-{number}",
        account=account,
        region="eu-central-1",
        created=NOW,
        address=IPv4Address(number % 3),
        asn=65000,
        state=State.AVAILABLE,
    )


# Of one account per number: a resource keeps its keys.
resources = st.builds(
    lambda make, number, state: replace(make(number, "ab"[number % 2]), state=state),
    st.sampled_from((vpc, customer)),
    st.integers(0, 7),
    st.sampled_from(State),
)
changes = st.lists(st.builds(lambda kind, resource: kind(resource), st.sampled_from((Put, Put, Remove)), resources))


def content(snapshot: Snapshot, index: Index[Vpc] | Index[CustomerGateway]) -> dict[object, list[Resource]]:
    return {key: list(group.values()) for key, group in snapshot.grouped(index).items()}


def members(snapshot: Snapshot) -> dict[object, set[str]]:
    return {key: set(group) for key, group in snapshot.grouped(STATES).items()}


@given(st.lists(st.tuples(changes, st.booleans()), max_size=8))
def test_an_index_follows_the_resources(steps: list[tuple[list[Change], bool]]) -> None:
    snapshot = Snapshot()
    for made, asked in steps:
        if asked:
            snapshot.grouped(VPCS)
            snapshot.grouped(CUSTOMERS)
            snapshot.grouped(STATES)
        before = {index: content(snapshot, index) for index in (VPCS, CUSTOMERS)} if asked else {}
        after = snapshot.apply(made)
        fresh = Snapshot(after.revision, after.kinds)
        assert content(after, VPCS) == content(fresh, VPCS)
        assert content(after, CUSTOMERS) == content(fresh, CUSTOMERS)
        assert members(after) == members(fresh)
        assert after == fresh
        for index, had in before.items():
            assert content(snapshot, index) == had, "a snapshot never changes"
        snapshot = after


def test_a_group_is_in_order_of_creation() -> None:
    snapshot = Snapshot().apply([Put(vpc(4, "a")), Put(vpc(2, "a"))])
    assert [v.id for v in snapshot.having(VPCS, "a")] == ["vpc-4", "vpc-2"]
    snapshot = snapshot.apply([Put(vpc(0, "a")), Put(vpc(4, "a"))])
    assert [v.id for v in snapshot.having(VPCS, "a")] == ["vpc-4", "vpc-2", "vpc-0"]
    assert not snapshot.having(VPCS, "nobody")
