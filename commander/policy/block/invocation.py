"""One command as the rules of a blocklist see it."""

from __future__ import annotations

import attrs

__all__ = ["Invocation"]


@attrs.frozen(kw_only=True)
class Invocation:
    """One command, its words expanded as far as they are known."""

    words: tuple[str, ...]
    """Empty for a redirection that stands alone."""
    directories: tuple[str, ...] = ()
    """Where it may run, as far as known; absolute."""
    writes: tuple[str, ...] = ()
    """Files that its output is redirected to."""
    multiplies: bool = False
    """It starts itself again, more than once or in the background, without an end."""
