"""An id says whose session it is, to whoever has the key, for as long as it lives."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp.events import Peer
from commander.mcp.versions import HANDSHAKE_VERSIONS
from commander.seals import Seal
from commander.sessions.session_ids import LIFETIME_SECONDS, SessionIds
from tests.sessions.kit import ANN, BOB

requirement = pytest.mark.requirement

NOW = 1_800_000_000.0
SEAL = Seal(b"key", "session")
IDS = SessionIds(SEAL)
CAPABILITIES = ("sampling", "elicitation", "roots")


@given(
    st.sampled_from(HANDSHAKE_VERSIONS),
    st.sets(st.sampled_from([*CAPABILITIES, "experimental"])),
)
def test_another_server_with_the_key_reads_what_it_must_know(
    version: str, asked: set[str]
) -> None:
    peer = Peer(version=version, capabilities={name: {"x": 1} for name in asked})
    text = IDS.issue(peer, ANN, NOW)
    read = SessionIds(Seal(b"key", "session")).read(text, ANN, NOW)
    assert read == Peer(
        version=version,
        capabilities={name: {} for name in CAPABILITIES if name in asked},
    )


@requirement("L2")
def test_an_id_is_visible_ascii_and_no_longer_than_it_need_be() -> None:
    """S25/basic/transports, Session Management, 1."""
    text = IDS.issue(Peer(version="2025-11-25"), ANN, NOW)
    assert len(text) < 64
    assert all("!" <= letter <= "~" for letter in text)


@requirement("L2")
def test_no_two_ids_are_the_same() -> None:
    peer = Peer(version="2025-11-25")
    assert len({IDS.issue(peer, ANN, NOW) for _ in range(1000)}) == 1000


@requirement("L2", "A7")
def test_an_id_is_of_its_principal_and_key_only() -> None:
    text = IDS.issue(Peer(version="2025-11-25"), ANN, NOW)
    assert IDS.read(text, BOB, NOW) is None
    assert SessionIds(Seal(b"other", "session")).read(text, ANN, NOW) is None


def test_an_id_lives_for_thirty_days() -> None:
    text = IDS.issue(Peer(version="2025-11-25"), ANN, NOW)
    assert LIFETIME_SECONDS == 30 * 24 * 3600
    assert IDS.read(text, ANN, NOW + LIFETIME_SECONDS) is not None
    assert IDS.read(text, ANN, NOW + LIFETIME_SECONDS + 1) is None


def test_an_id_of_a_replica_whose_clock_is_ahead_is_taken() -> None:
    text = IDS.issue(Peer(version="2025-11-25"), ANN, NOW + 60)
    assert IDS.read(text, ANN, NOW) is not None


@pytest.mark.parametrize(
    "text", ["", "x", "a" * 52, "\u00e9" * 20, "\ufffd", "A" * 129, "A" * 100_000]
)
def test_what_was_never_an_id_is_none(text: str) -> None:
    assert IDS.read(text, ANN, NOW) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        struct.pack(">BBQ11s", 0, 0, int(NOW * 1000), b""),
        struct.pack(">BBQ13s", 0, 0, int(NOW * 1000), b""),
        struct.pack(">BBQ12s", len(HANDSHAKE_VERSIONS), 0, int(NOW * 1000), b""),
        struct.pack(">BBQ12s", 255, 255, int(NOW * 1000), b""),
    ],
)
def test_an_id_of_another_make_with_the_same_key_is_none(payload: bytes) -> None:
    """Of a server that is newer, or older, beside this one."""
    assert IDS.read(SEAL.close(payload, ANN.name), ANN, NOW) is None


@given(st.text(max_size=140))
def test_reading_never_fails(text: str) -> None:
    assert IDS.read(text, ANN, NOW) is None
