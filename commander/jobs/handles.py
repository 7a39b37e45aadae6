"""The names of jobs and shells: opaque, unguessable, and bound to a principal.

A handle is a sealed random number. So it can be told from an invention without a
table: one that we made for this principal and that is not here any more was lost with
a server that ended, belongs to another replica, or has been forgotten; what somebody
else was given is as unknown as what nobody was (SEP-2567).
"""

from __future__ import annotations

import secrets
from typing import Final

import attrs

from commander.principals import Principal
from commander.seals import Seal

__all__ = ["JOB_PREFIX", "SHELL_PREFIX", "Handles"]

JOB_PREFIX: Final = "job_"
SHELL_PREFIX: Final = "shell_"

_NONCE_BYTES: Final = 8
"""Makes handles differ. Nobody can guess the 128 bits of the seal beside it."""
_LONGEST: Final = 64
"""Characters of a handle that is looked at; ours have less than 40."""


@attrs.frozen
class Handles:
    """Makes handles and knows its own.

    Args:
        seal: The same after a restart, as far as the settings allow.
    """

    _seal: Seal

    def issue(self, prefix: str, principal: Principal) -> str:
        """A new handle.

        Args:
            prefix: ``JOB_PREFIX`` or ``SHELL_PREFIX``.
            principal: The only one who can use it.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return prefix + self._seal.close(nonce, prefix + principal.name)

    def made(self, prefix: str, text: str, principal: Principal) -> bool:
        """Whether we, or a server with the same key, made it for this principal."""
        if not text.startswith(prefix) or len(text) > _LONGEST:
            return False
        sealed = text.removeprefix(prefix)
        return self._seal.open(sealed, prefix + principal.name) is not None
