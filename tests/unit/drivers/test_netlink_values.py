"""Marks in aliases, and what /proc/PID/mountinfo says of /run/netns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.desired.links import VethEnd
from landbridge.desired.objects import HERE
from landbridge.drivers.netlink import marks
from landbridge.drivers.netlink.mounts import Propagation, parse

words = st.from_regex(r"[A-Za-z0-9_:-]{1,15}", fullmatch=True)


@given(words, st.one_of(st.just(HERE), words), words)
def test_a_veth_alias_tells_its_peer_to_its_owner_only(owner: str, namespace: str, name: str) -> None:
    end = VethEnd(namespace="x", name="y", peer_namespace=namespace, peer_name=name)
    text = marks.veth_alias(owner, end)
    assert marks.owner_of(text) == owner
    assert marks.peer_of(text, owner) == (namespace, name)
    assert marks.peer_of(text, owner + "x") is None


@given(st.text(max_size=60))
def test_any_alias_can_be_read(text: str) -> None:
    owner = marks.owner_of(text)
    assert owner is None or text.startswith("landbridge ")


@pytest.mark.parametrize("owner", ["", "a b", "a\n", "é", "x" * 81])
def test_an_owner_is_one_word(owner: str) -> None:
    with pytest.raises(ValueError, match="cannot mark"):
        marks.checked_owner(owner)


@given(words, words, words)
def test_hardware_addresses_are_unicast_local_and_stable(owner: str, namespace: str, link: str) -> None:
    found = marks.hardware_address(owner, namespace, link)
    assert int(found[:2], 16) & 3 == 2
    assert found == marks.hardware_address(owner, namespace, link)


HOST = """\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:25 / /run rw,nosuid shared:5 - tmpfs tmpfs rw
90 30 0:25 /netns /run/netns rw,nosuid shared:5 master:9 - tmpfs tmpfs rw
91 90 0:4 net:[4026532300] /run/netns/x rw shared:48 - nsfs nsfs rw
95 30 0:25 /netns /run/netns-other rw shared:77 - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HOST, Propagation("/run/netns", 5, 9)),
        (HOST.replace("shared:5 ", "master:5 ").replace("master:9 ", ""), Propagation("/run/netns", 0, 5)),
        ("\n".join(HOST.splitlines()[:2]), Propagation("/run", 5, 0)),
        (HOST.splitlines()[0], Propagation("/", 1, 0)),
        ("27 1 254:0 / / rw - ext4 /dev/vda rw", Propagation("/", 0, 0)),
    ],
)
def test_the_mount_of_named_namespaces_is_found(text: str, expected: Propagation) -> None:
    assert parse(text, "/run/netns") == expected


def test_of_two_mounts_on_one_point_the_later_counts() -> None:
    text = HOST + "99 90 0:25 /netns /run/netns rw shared:123 - tmpfs tmpfs rw\n"
    assert parse(text, "/run/netns") == Propagation("/run/netns", 123, 0)


def test_text_that_is_no_mountinfo_is_refused() -> None:
    with pytest.raises(ValueError, match="no mount above"):
        parse("", "/run/netns")
