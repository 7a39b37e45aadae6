"""The protocol revisions, as data.

Revisions are ordered by their place in a tuple, never by comparing text. The
handshake era opens with ``initialize``; the modern era carries its version in every
request (S26/basic/versioning).
"""

from __future__ import annotations

from typing import Final

__all__ = ["HANDSHAKE_VERSIONS", "LATEST_HANDSHAKE_VERSION", "negotiate"]

HANDSHAKE_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Oldest first."""

LATEST_HANDSHAKE_VERSION: Final = HANDSHAKE_VERSIONS[-1]


def negotiate(requested: object) -> str:
    """The version to answer ``initialize`` with; never a refusal.

    The client's own if we speak it, else our latest, and the client decides
    (S25/basic/lifecycle, Version Negotiation). Anything but a version we know,
    a missing one and nonsense included, gets our latest.
    """
    if isinstance(requested, str) and requested in HANDSHAKE_VERSIONS:
        return requested
    return LATEST_HANDSHAKE_VERSION
