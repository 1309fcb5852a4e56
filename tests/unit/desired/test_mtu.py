"""Every cell of AWS's table of MTU and MSS by algorithm and NAT traversal, and what is outside of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.desired import mtu
from landbridge.desired.links import DataPlane
from landbridge.desired.mtu import Esp, esp_mtu, mss, tunnel_mtu


@pytest.mark.parametrize(
    ("esp", "nat", "fits", "segment"),
    [
        (mtu.AES_GCM_16, False, 1446, 1406),
        (mtu.AES_GCM_16, True, 1438, 1398),
        (mtu.AES_CBC_SHA1, False, 1438, 1398),
        (mtu.AES_CBC_SHA1, True, 1422, 1382),
        (mtu.AES_CBC_SHA256, False, 1438, 1398),
        (mtu.AES_CBC_SHA256, True, 1422, 1382),
        (mtu.AES_CBC_SHA384, False, 1422, 1382),
        (mtu.AES_CBC_SHA384, True, 1422, 1382),
        (mtu.AES_CBC_SHA512, False, 1422, 1382),
        (mtu.AES_CBC_SHA512, True, 1406, 1366),
    ],
)
def test_awss_table(esp: Esp, nat: bool, fits: int, segment: int) -> None:
    assert esp_mtu(esp, nat=nat) == fits
    assert mss(fits) == segment


def test_devices() -> None:
    assert tunnel_mtu(DataPlane.LIBIPSEC, nat=True) == tunnel_mtu(DataPlane.LIBIPSEC, nat=False) == 1400
    assert tunnel_mtu(DataPlane.KERNEL, nat=False) == 1446
    assert tunnel_mtu(DataPlane.KERNEL, nat=True) == 1438
    assert tunnel_mtu(DataPlane.KERNEL, nat=True, uplink=9000) == 1438
    assert tunnel_mtu(DataPlane.LIBIPSEC, nat=False, uplink=1400) == 1338


SUITES = [mtu.AES_GCM_16, mtu.AES_CBC_SHA1, mtu.AES_CBC_SHA256, mtu.AES_CBC_SHA384, mtu.AES_CBC_SHA512]


@given(st.sampled_from(SUITES), st.booleans(), st.integers(600, 9000))
def test_what_fits_fits_and_no_more(esp: Esp, nat: bool, uplink: int) -> None:
    def outside(inner: int) -> int:
        padded = -(-(inner + 2) // esp.block) * esp.block
        return 20 + (8 if nat else 0) + 8 + esp.iv + padded + esp.icv

    fits = esp_mtu(esp, nat=nat, uplink=uplink)
    assert outside(fits) <= min(uplink, 1500) < outside(fits + 1)
