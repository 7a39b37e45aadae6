"""Session ids that say all that must be known of a session.

An id holds the version, what the client can be asked, and when it was made, sealed and
bound to the principal. So any replica with the same key serves any session, and a
server that was replaced knows the sessions of the one before it; nothing has to be
stored for one. An id is no proof of identity: the token is asked for with every request
(S25/basic/transports, Session Management; security best practices, Session Hijacking).
"""

from __future__ import annotations

import secrets
import struct
from typing import Any, Final

import attrs

from commander.mcp.events import Peer
from commander.mcp.versions import HANDSHAKE_VERSIONS
from commander.principals import Principal
from commander.seals import Seal

__all__ = ["LIFETIME_SECONDS", "SessionIds"]

LIFETIME_SECONDS: Final = 30 * 24 * 3600.0
"""From ``initialize`` on. Long, because clients of today do not start anew when an id
has run out, and safe, because an id opens nothing without the token."""

_LAYOUT: Final = struct.Struct(">BBQ12s")
"""Version, capabilities, milliseconds since 1970, and what makes ids differ."""
_NONCE_BYTES: Final = 12
_CAPABILITIES: Final = ("sampling", "elicitation", "roots")
_LONGEST: Final = 128
"""Characters of an id that is looked at; ours have half of it."""


@attrs.frozen
class SessionIds:
    """Makes ids and reads them.

    Args:
        seal: The same on all replicas.
    """

    _seal: Seal

    def issue(self, peer: Peer, principal: Principal, now: float) -> str:
        """A new id.

        Args:
            peer: Its version must be one of the handshake era.
            principal: Whose session it is.
            now: Seconds since 1970.
        """
        payload = _LAYOUT.pack(
            HANDSHAKE_VERSIONS.index(str(peer.version)),
            sum(
                1 << bit
                for bit, name in enumerate(_CAPABILITIES)
                if name in peer.capabilities
            ),
            int(now * 1000),
            secrets.token_bytes(_NONCE_BYTES),
        )
        return self._seal.close(payload, principal.name)

    def read(self, text: str, principal: Principal, now: float) -> Peer | None:
        """The client of a session, or None if it is not one of this principal's."""
        if len(text) > _LONGEST:
            return None
        payload = self._seal.open(text, principal.name)
        if payload is None or len(payload) != _LAYOUT.size:
            return None
        version, bits, made_ms, _ = _LAYOUT.unpack(payload)
        if now > made_ms / 1000 + LIFETIME_SECONDS:
            return None
        if version >= len(HANDSHAKE_VERSIONS):
            return None  # of a newer server with the same key
        capabilities: dict[str, Any] = {
            name: {} for bit, name in enumerate(_CAPABILITIES) if bits & 1 << bit
        }
        return Peer(version=HANDSHAKE_VERSIONS[version], capabilities=capabilities)
