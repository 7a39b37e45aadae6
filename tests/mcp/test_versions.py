"""Negotiation never refuses (S25/basic/lifecycle, Version Negotiation)."""

from __future__ import annotations

import pytest

from commander.mcp.versions import (
    HANDSHAKE_VERSIONS,
    LATEST_HANDSHAKE_VERSION,
    negotiate,
)


def test_the_revisions_stand_from_oldest_to_latest() -> None:
    assert HANDSHAKE_VERSIONS == (
        "2024-11-05",
        "2025-03-26",
        "2025-06-18",
        "2025-11-25",
    )
    assert LATEST_HANDSHAKE_VERSION == "2025-11-25"


@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
def test_a_known_version_is_taken(version: str) -> None:
    assert negotiate(version) == version


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
    assert negotiate(requested) == "2025-11-25"
