"""The protocol revisions, as data.

Revisions are ordered by their place in a tuple, never by comparing text. The
handshake era opens with ``initialize``; the modern era carries its version in every
request (S26/basic/versioning).
"""

from __future__ import annotations

import enum
from typing import Final

__all__ = [
    "ASSUMED_VERSION",
    "HANDSHAKE_VERSIONS",
    "LATEST_HANDSHAKE_VERSION",
    "MODERN_VERSIONS",
    "SUPPORTED_VERSIONS",
    "Era",
    "knows",
    "negotiate",
]

HANDSHAKE_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Oldest first."""

MODERN_VERSIONS: Final = ("2026-07-28",)
"""Oldest first."""

SUPPORTED_VERSIONS: Final = tuple(reversed(HANDSHAKE_VERSIONS + MODERN_VERSIONS))
"""All that ``server/discover`` names, newest first."""

LATEST_HANDSHAKE_VERSION: Final = HANDSHAKE_VERSIONS[-1]

ASSUMED_VERSION: Final = "2025-03-26"
"""Of a client that does not say (S25/basic/transports, Protocol Version Header)."""

_AGE: Final = {
    version: age for age, version in enumerate(HANDSHAKE_VERSIONS + MODERN_VERSIONS)
}


class Era(enum.Enum):
    """Which of the two ways to talk a message belongs to."""

    HANDSHAKE = "handshake"
    MODERN = "modern"


def negotiate(requested: object) -> str:
    """The version to answer ``initialize`` with; never a refusal.

    The client's own if we speak it, else our latest, and the client decides
    (S25/basic/lifecycle, Version Negotiation). Anything but a version we know,
    a missing one and nonsense included, gets our latest.
    """
    if isinstance(requested, str) and requested in HANDSHAKE_VERSIONS:
        return requested
    return LATEST_HANDSHAKE_VERSION


def knows(version: str | None, since: str) -> bool:
    """Whether a client of this version knows what came with another.

    Args:
        version: The client's, or None if it did not say: it is not kept from
            anything then, as fields that a client does not know do no harm.
        since: A version that is served.
    """
    return version is None or _AGE[version] >= _AGE[since]
