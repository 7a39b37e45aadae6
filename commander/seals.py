"""Texts that only we can have made.

A seal is a message authentication code over a text of ours and what it is bound to.
It keeps nothing secret: it tells a client's copy from a client's invention.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

__all__ = ["Seal"]

_CODE_BYTES: Final = 16
"""Half of the code: a guess is right once in 2**128."""


class Seal:
    """Makes sealed texts, and opens them.

    Args:
        key: Whoever has it makes the same texts; any length.
        purpose: Texts of one purpose are none of another.
    """

    def __init__(self, key: bytes, purpose: str) -> None:
        self._key = hashlib.sha256(purpose.encode() + b"\0" + key).digest()

    def close(self, payload: bytes, bound_to: str = "") -> str:
        """The payload with its code, in letters that every header takes.

        Args:
            payload: Can be read by everybody.
            bound_to: Must be the same when it is opened; does not stand in the text.
        """
        sealed = self._code(payload, bound_to) + payload
        return _letters(sealed)

    def open(self, text: str, bound_to: str = "") -> bytes | None:
        """The payload, or None if we did not make this text, or for somebody else."""
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        if _letters(sealed) != text:
            return None  # other letters for the same bytes: there is one text for each
        code, payload = sealed[:_CODE_BYTES], sealed[_CODE_BYTES:]
        if not hmac.compare_digest(code, self._code(payload, bound_to)):
            return None
        return payload

    def _code(self, payload: bytes, bound_to: str) -> bytes:
        bound = hashlib.sha256(bound_to.encode()).digest()
        return hmac.digest(self._key, bound + payload, "sha256")[:_CODE_BYTES]


def _letters(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
