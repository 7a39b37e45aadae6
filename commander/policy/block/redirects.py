"""Where commands read from and write to: files, pipes, and texts in the script.

What a script writes to a file is remembered, so that a script which it writes and then
runs is read as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from commander.policy.block.expansion import join_texts
from commander.policy.block.invocation import Invocation
from commander.policy.block.running import Visitor, union
from commander.policy.block.scope import UNKNOWN, Scope, Texts
from commander.policy.shell.syntax import (
    HereDocument,
    ProcessSubstitution,
    Redirection,
    Script,
    Word,
)

__all__ = ["Outlet", "Redirector"]

_WRITING: Final = frozenset({">", ">>", ">|", "<>", ">&"})
_NOTHING: Final[Texts] = ("",)
_NOBODY_KNOWS: Final[Texts] = (UNKNOWN,)


@attrs.frozen
class Outlet:
    """Where the output of a command goes."""

    names: Texts = ()
    """Files."""
    appends: bool = False
    swallowed: bool = False
    """It is not printed."""


class Redirector:
    """Follows redirections for a walk.

    Args:
        visitor: Sees what is written to.
        texts: Expands a word that is not split.
        interpret: Runs a script, and returns what it prints.
    """

    def __init__(
        self,
        visitor: Visitor,
        *,
        texts: Callable[[Word, Scope], Texts],
        interpret: Callable[[Script, Scope], Texts],
    ) -> None:
        self._visitor = visitor
        self._texts = texts
        self._interpret = interpret
        self._pipes: dict[str, Script] = {}

    def redirect(
        self, redirections: Sequence[Redirection | HereDocument], scope: Scope
    ) -> Outlet:
        """Do what redirections do to the input, and see where the output goes."""
        outlet = Outlet()
        for each in redirections:
            if isinstance(each, HereDocument):
                texts = self._texts(each.body, scope)
                self._provide(texts, each.descriptor, scope)
                continue
            texts = self._texts(each.target, scope)
            if each.operator == "<<<":
                self._provide(tuple(f"{t}\n" for t in texts), each.descriptor, scope)
            elif each.operator == "<":
                read = union([scope.read(text) for text in texts])
                self._provide(read, each.descriptor, scope)
            elif each.operator in _WRITING:
                self._visitor.command(
                    Invocation(words=(), directories=scope.directories, writes=texts)
                )
                outlet = _outlet(each, texts, outlet)
        return outlet

    def _provide(self, texts: Texts, descriptor: int | None, scope: Scope) -> None:
        if descriptor in (None, 0):
            scope.input = texts
        else:
            scope.write(f"/dev/fd/{descriptor}", texts)

    def deliver(self, printed: Texts, outlet: Outlet, scope: Scope) -> Texts:
        """Put an output where it goes; what is left is printed."""
        for name in outlet.names:
            if name in self._pipes:
                inner = scope.inner()
                inner.input = printed
                self._interpret(self._pipes[name], inner)
            elif outlet.appends and scope.path(name) in scope.files:
                scope.write(name, join_texts([scope.read(name), printed]))
            else:
                scope.write(name, printed)
        return _NOTHING if outlet.swallowed else printed

    def connect(self, part: ProcessSubstitution, scope: Scope) -> str:
        """Give the commands of a process substitution a file name."""
        name = f"/dev/fd/{64 + len(self._pipes)}"
        self._pipes[name] = part.script
        inner = scope.inner()
        if part.direction == ">":
            inner.input = _NOBODY_KNOWS
        printed = self._interpret(part.script, inner)
        if part.direction == "<":
            scope.write(name, printed)
        return name


def _outlet(each: Redirection, texts: Texts, before: Outlet) -> Outlet:
    if each.descriptor not in (None, 1):
        return before
    if each.operator == ">&" and texts[0].strip("-").isdecimal():
        return attrs.evolve(before, swallowed=texts != ("1",))
    return Outlet(texts, each.operator == ">>", swallowed=True)
