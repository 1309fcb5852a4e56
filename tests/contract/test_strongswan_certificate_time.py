"""A device's certificate that is not valid now is told as that by a real charon that is shown it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from certified_vpn import cloud, device
from networks import until
from vpn import Vpn

from landbridge.observe.ike import Cause, IkeEventKind
from landbridge.observe.trail import NO_TRAIL
from landbridge.observe.why import Ends, Side, failed
from pki import Pki

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("when", ["ended", "early"])
def test_a_certificate_that_is_not_valid_now(vpn: Vpn, when: str) -> None:
    pki = Pki()
    office = pki.device(ended=when == "ended", early=when == "early")
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    until(lambda: vpn.heard(IkeEventKind.SYNCED, vpn.b), "the watcher listens")
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.b, Cause.CERTIFICATE_TIME), "the certificate's time is told")
    until(lambda: vpn.heard(IkeEventKind.IKE_DOWN, vpn.b), "the attempt is over")

    trail, now = NO_TRAIL, datetime.now(UTC)
    for event in list(vpn.events):
        if event.namespace == vpn.b.endpoint:
            trail = trail.heard(event, now)
    found = trail.finding(now)
    assert found is not None
    ends = Ends(side=Side.CLOUD, far=vpn.a.outside, near=vpn.b.outside, far_inside=vpn.a.inside)
    assert "certificate is not valid at this time: valid from" in failed(ends, found).text
    assert not vpn.is_up(vpn.b)
