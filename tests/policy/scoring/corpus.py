"""The corpora: what a policy has to stop, and what it has to let pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

__all__ = ["ATTACKS", "BENIGN", "BLOCKED", "Row", "load"]

_FOLDER: Final = Path(__file__).parents[1] / "corpus"
_GROUPS: Final = ("technique", "kind", "action")


@attrs.frozen(kw_only=True)
class Row:
    """One text, and the question that a policy is asked about it."""

    id: str
    group: str
    """An attack's technique, the kind of a harmless command, or what is blocked."""
    command: str
    shell: str = "/bin/sh"
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    env: Mapping[str, str] = attrs.field(factory=dict)
    working_directory: str | None = None
    """None for the workspace of the world that it runs in."""
    tier: int = 1
    """Of an attack: 1 the shell's grammar, 2 a program's own ways to run others, 3
    what is in files, which no policy can stop by the command alone."""
    proof: bool = False
    """Whether the attack is known to work where nothing stops it."""

    @property
    def writes(self) -> bool:
        """Whether the attack is to write where nothing may be, not to run ``pwn``."""
        return self.group.startswith(("outside-", "call-")) or "own-out" in self.command

    def question(self) -> dict[str, Any]:
        """As ``python -m commander.policy`` reads it."""
        asked: dict[str, Any] = {
            "command": self.command,
            "allowed": list(self.allowed),
            "blocked": list(self.blocked),
            "shell": self.shell,
        }
        if self.env:
            asked["env"] = dict(self.env)
        if self.working_directory is not None:
            asked["working_directory"] = self.working_directory
        return asked


def _row(entry: Mapping[str, Any]) -> Row:
    names = {field.name for field in attrs.fields(Row)}
    values = {name: value for name, value in entry.items() if name in names}
    for name in ("allowed", "blocked"):
        values[name] = tuple(entry.get(name) or ())
    values["env"] = entry.get("env") or {}
    group = next(entry[name] for name in _GROUPS if name in entry)
    return Row(group=group, **values)


def load(*names: str) -> tuple[Row, ...]:
    """The rows of one or more corpora, in their order."""
    lines = [
        line
        for name in names
        for line in (_FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    return tuple(_row(json.loads(line)) for line in lines if line.strip())


ATTACKS: Final = load("attacks", "own")
BENIGN: Final = load("benign")
BLOCKED: Final = load("blocked")
"""Never to be executed."""
