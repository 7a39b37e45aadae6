"""Negotiation never refuses (S25/basic/lifecycle, Version Negotiation)."""

from __future__ import annotations

import itertools

import pytest

from commander.mcp.versions import (
    ASSUMED_VERSION,
    HANDSHAKE_VERSIONS,
    LATEST_HANDSHAKE_VERSION,
    MODERN_VERSIONS,
    SUPPORTED_VERSIONS,
    knows,
    negotiate,
)

requirement = pytest.mark.requirement


def test_the_revisions_stand_from_oldest_to_latest() -> None:
    assert HANDSHAKE_VERSIONS == (
        "2024-11-05",
        "2025-03-26",
        "2025-06-18",
        "2025-11-25",
    )
    assert MODERN_VERSIONS == ("2026-07-28",)
    assert LATEST_HANDSHAKE_VERSION == "2025-11-25"


def test_those_that_are_offered_stand_from_latest_to_oldest() -> None:
    assert SUPPORTED_VERSIONS == (
        "2026-07-28",
        "2025-11-25",
        "2025-06-18",
        "2025-03-26",
        "2024-11-05",
    )


@requirement("L1")
@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
def test_a_known_version_is_taken(version: str) -> None:
    """L1: the client's own, if we have it."""
    assert negotiate(version) == version


@requirement("L1")
@pytest.mark.parametrize(
    "requested",
    [
        "2026-07-28",
        "2024-10-07",
        "2099-01-01",
        "2025-11-25 ",
        "",
        "latest",
        None,
        True,
        20251125,
        2025.1125,
        ["2025-06-18"],
        {"version": "2025-06-18"},
    ],
)
def test_anything_else_gets_the_latest(requested: object) -> None:
    """L1: never an error, and never the modern version."""
    assert negotiate(requested) == "2025-11-25"


@pytest.mark.parametrize(
    ("version", "since"), list(itertools.product(SUPPORTED_VERSIONS, repeat=2))
)
def test_a_version_knows_what_came_with_it_or_before(version: str, since: str) -> None:
    # The names are dates, so here their order is that of the text.
    assert knows(version, since) is (version >= since)


@pytest.mark.parametrize("since", SUPPORTED_VERSIONS)
def test_who_does_not_say_its_version_is_kept_from_no_field(since: str) -> None:
    assert knows(None, since)


@requirement("R7")
def test_the_version_that_is_assumed_is_the_first_of_this_transport() -> None:
    """R7 (S25/basic/transports, Protocol Version Header)."""
    assert ASSUMED_VERSION == "2025-03-26"
