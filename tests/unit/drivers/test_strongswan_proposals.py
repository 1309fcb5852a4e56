"""Sets of algorithms as strongSwan's proposals: what is offered and taken, in which order, and how long that gets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from landbridge.drivers.strongswan.proposals import esp_proposals, ike_proposals
from landbridge.model.crypto import PHASE_1, PHASE_2, Encryption, Group, IkeVersion, Integrity, Transforms

IKEV1, IKEV2 = (IkeVersion.IKEV1,), (IkeVersion.IKEV2,)
BOTH = tuple(IkeVersion)
SMALL = Transforms(
    (Encryption.AES_CBC_256, Encryption.AES_GCM_16_128),
    (Integrity.SHA1, Integrity.SHA2_256),
    (Group.MODP_2048, Group.ECP_384),
)


def some(members: type[Encryption] | type[Integrity] | type[Group]) -> st.SearchStrategy[tuple[object, ...]]:
    """A few of them, in their order."""
    return st.sets(st.sampled_from(list(members)), min_size=1).map(
        lambda found: tuple(m for m in members if m in found)
    )


sets = st.builds(Transforms, some(Encryption), some(Integrity), some(Group))


def test_who_waits_looks_for_the_lowest_cipher_then_hash() -> None:
    assert ike_proposals(SMALL, IKEV2, initiates=False) == [
        "aes256-sha1-modp2048-ecp384",
        "aes256-sha256-modp2048-ecp384",
        "aes128gcm16-prfsha1-modp2048-ecp384",
        "aes128gcm16-prfsha256-modp2048-ecp384",
    ]
    assert esp_proposals(SMALL, IKEV2, initiates=False, extended=False) == [
        "aes256-sha1-modp2048-ecp384",
        "aes256-sha256-modp2048-ecp384",
        "aes128gcm16-modp2048-ecp384",
    ]


def test_who_initiates_offers_no_more_than_fits_into_a_packet() -> None:
    assert ike_proposals(SMALL, IKEV2, initiates=True) == [
        "aes256-sha1-sha256-modp2048-ecp384",
        "aes128gcm16-prfsha1-prfsha256-modp2048-ecp384",
    ]
    # 8 bytes for a proposal and for each transform, 4 more for a key's length (RFC 7296, section 3.3).
    words = [proposal.split("-") for proposal in ike_proposals(PHASE_1, BOTH, initiates=True)]
    transforms = sum(len(each) + sum(word.startswith("sha") for word in each) for each in words)  # a hash is two then
    assert transforms * 8 + len(words) * (8 + 4) < 800


def test_ikev1_has_no_aes_gcm_in_phase_1_and_one_hash_per_proposal() -> None:
    assert ike_proposals(SMALL, IKEV1, initiates=True) == [
        "aes256-sha1-modp2048-ecp384",
        "aes256-sha256-modp2048-ecp384",
    ]
    assert "aes128gcm16-modp2048-ecp384" in esp_proposals(SMALL, IKEV1, initiates=True, extended=False)


def test_extended_sequence_numbers_are_offered_and_their_absence_taken() -> None:
    plain = esp_proposals(PHASE_2, BOTH, initiates=False, extended=False)
    assert esp_proposals(PHASE_2, BOTH, initiates=False, extended=True) == [f"{each}-esn-noesn" for each in plain]


@given(sets, st.sampled_from([IKEV1, IKEV2, BOTH]), st.booleans())
def test_all_that_is_named_and_nothing_else(
    transforms: Transforms, versions: tuple[IkeVersion, ...], dials: bool
) -> None:
    esp = esp_proposals(transforms, versions, initiates=dials, extended=False)
    ciphers = list(dict.fromkeys(proposal.split("-")[0] for proposal in esp))
    assert len(ciphers) == len(transforms.encryption)
    assert len(set(esp)) == len(esp)
    for proposal in esp:
        cipher, *rest = proposal.split("-")
        hashes = [word for word in rest if word.startswith("sha")]
        groups = [word for word in rest if word.startswith(("modp", "ecp"))]
        assert len(groups) == len(transforms.groups)
        assert bool(hashes) is not cipher.endswith("gcm16")
    ike = ike_proposals(transforms, versions, initiates=dials)
    possible = [each for each in transforms.encryption if versions != IKEV1 or not each.authenticates]
    assert len({proposal.split("-")[0] for proposal in ike}) == len(possible)
