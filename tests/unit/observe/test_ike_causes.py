"""What charon's log lines (strongSwan 5.9.8) say about a tunnel that is down."""

from __future__ import annotations

import pytest

from landbridge.observe.ike import Cause, cause_of


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("received AUTHENTICATION_FAILED notify error", Cause.AUTHENTICATION_FAILED),
        ("tried 1 shared key for '203.0.113.1' - '203.0.113.9', but MAC mismatched", Cause.AUTHENTICATION_FAILED),
        ("no shared key found for '203.0.113.1' - '203.0.113.9'", Cause.AUTHENTICATION_FAILED),
        ("no IKE config found for 203.0.113.1...203.0.113.9, sending NO_PROPOSAL_CHOSEN", Cause.UNKNOWN_PEER),
        ("no matching peer config found", Cause.WRONG_IDENTITY),
        ("received NO_PROPOSAL_CHOSEN notify error", Cause.NO_PROPOSAL_CHOSEN),
        ("received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built", Cause.NO_ESP_PROPOSAL),
        ("no acceptable proposal found", Cause.NO_ESP_PROPOSAL),
        ("received TS_UNACCEPTABLE notify, no CHILD_SA built", Cause.TRAFFIC_SELECTORS),
        ("unable to install IPsec policies (SPD) in kernel", Cause.TRAFFIC_SELECTORS),
        ("traffic selectors 10.0.0.0/8 === 192.168.0.0/24 unacceptable", Cause.TRAFFIC_SELECTORS),
        ("giving up after 10 retransmits", Cause.PEER_SILENT),
        ("peer not responding, trying again (2/0)", Cause.PEER_SILENT),
        ("received DELETE for IKE_SA t1[1]", Cause.PEER_CLOSED),
        ("ID_PROT request with message ID 0 processing failed", Cause.AUTHENTICATION_FAILED),
        ("ignore malformed INFORMATIONAL request", Cause.AUTHENTICATION_FAILED),
        ("no proposal found", Cause.NO_PROPOSAL_CHOSEN),
        ("no matching proposal found, sending NO_PROPOSAL_CHOSEN", Cause.NO_ESP_PROPOSAL),
        ("received INVALID_ID_INFORMATION error notify", Cause.TRAFFIC_SELECTORS),
        ("no matching CHILD_SA config found for 0.0.0.0/0 === 10.2.0.0/16", Cause.TRAFFIC_SELECTORS),
        ("DPD check timed out, enforcing DPD action", Cause.PEER_SILENT),
        ("sending DPD request", None),
        ("retransmit 1 of request with message ID 2", None),
        ("selected proposal: IKE:AES_GCM_16_128/PRF_HMAC_SHA2_256/ECP_256", None),
        ("", None),
    ],
)
def test_lines_and_causes(line: str, cause: Cause | None) -> None:
    assert cause_of(line) is cause
