"""What an operator has said about commands, as one value."""

from __future__ import annotations

import attrs

from commander.policy.allow.targets import Places

__all__ = ["PolicyLists"]


@attrs.frozen(kw_only=True)
class PolicyLists:
    """All that the policy depends on."""

    allowed: tuple[str, ...]
    """Commands that may run, each as words; none allows everything."""
    blocked: tuple[str, ...]
    """Commands that may not, each as words; beside the default list."""
    use_default_blocklist: bool
    allowed_env: tuple[str, ...]
    """Names that calls may set beside the harmless ones."""
    terminals: bool = True
    """Whether commands may run in a terminal."""
    shell: str = "/bin/sh"
    """That will get the texts; by its name one that ``rules.dialect_of`` knows, if
    there is an allow-list."""
    places: Places = attrs.field(factory=Places)
    """Where commands may write, and run if a workspace is set."""
