"""Every command that a shell text would run, with what is known of it.

The walk goes through lists, pipelines, groups, function bodies, substitutions,
wrappers and nested shells, in the order of the text, and follows assignments,
``set --`` and ``cd`` on the way. It does not follow conditions: what stands in a
text may run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import attrs

from commander.policy.budget import Budget
from commander.policy.carriers import ShellText, carried_by
from commander.policy.expansion import Scope, expand, expand_all, static_input
from commander.policy.grammar import parse
from commander.policy.tree import (
    Command,
    Function,
    Group,
    Redirection,
    Script,
    Simple,
    Word,
)
from commander.policy.words import MAX_NESTING, TooDeepError, UnreadableError

__all__ = ["Invocation", "invocations"]

_STEPS_PER_COMMAND: Final = 4
_WORDS_PER_STEP: Final = 4
_WRITING: Final = frozenset({">", ">>", ">|", "<>", ">&"})
_DECLARING: Final = frozenset({"export", "readonly", "local", "declare", "typeset"})


@attrs.frozen(kw_only=True)
class Invocation:
    """One command, its words expanded as far as they are known."""

    words: tuple[str, ...]
    """Empty for a redirection that stands alone."""
    directory: str | None
    """Where it runs, if known; absolute."""
    writes: tuple[str, ...] = ()
    """Files that its output is redirected to."""
    multiplies: bool = False
    """It is a function that runs itself more than once, or in the background."""


def invocations(
    text: str, directory: str | None, budget: Budget
) -> Iterator[Invocation]:
    """Walk a shell text.

    Args:
        text: Any shell text without control characters.
        directory: Where it starts; counts only if absolute.
        budget: For all of the walk.

    Raises:
        UnreadableError: A text cannot be read to its end; what came before was
            yielded.
        TooDeepError: It nests deeper than ``MAX_NESTING``.
        TooMuchError: It takes more than the budget.
    """
    known = directory if directory and directory.startswith("/") else None
    scope = Scope(known, budget=budget)
    yield from _Walk(budget).text(ShellText(text), scope, 0)


class _Walk:
    """One walk; holds what all levels of it share."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def text(self, text: ShellText, scope: Scope, depth: int) -> Iterator[Invocation]:
        if depth > MAX_NESTING:
            raise TooDeepError
        self._budget.nested_text(len(text.text))
        for script in _readings(text.text, depth, self._budget):
            inner = scope.inner()
            inner.set_arguments(text.arguments or inner.arguments)
            yield from self._script(script, inner, depth)

    def _script(self, script: Script, scope: Scope, depth: int) -> Iterator[Invocation]:
        for pipeline in script:
            before: Command | None = None
            for command in pipeline.commands:
                source = before if isinstance(before, Simple) else None
                yield from self._command(command, source, scope, depth)
                before = command

    def _command(
        self, command: Command, before: Simple | None, scope: Scope, depth: int
    ) -> Iterator[Invocation]:
        if isinstance(command, Simple):
            yield from self._simple(command, before, scope, depth)
        elif isinstance(command, Group):
            yield from self._redirections(command.redirections, scope, depth)
            inner = scope.inner() if command.subshell else scope
            yield from self._script(command.body, inner, depth + 1)
        elif isinstance(command, Function):
            if _multiplies(command.name, command.body, alone=True):
                words = (command.name,)
                yield Invocation(words=words, directory=None, multiplies=True)
            yield from self._script(command.body, scope.inner(), depth + 1)
        else:
            yield from self._substitutions(command.words, scope, depth)
            scope.assign(command.name, expand_all(command.words, scope))

    def _simple(
        self, command: Simple, before: Simple | None, scope: Scope, depth: int
    ) -> Iterator[Invocation]:
        values = tuple(value for _, value in command.assignments)
        yield from self._substitutions((*values, *command.words), scope, depth)
        yield from self._redirections(command.redirections, scope, depth)
        if not command.words:
            _assign(command, scope)
            return
        words = expand_all(command.words, scope)
        if words:
            standard_input = static_input(command, before, scope)
            inner = scope.inner() if command.assignments else scope
            _assign(command, inner)
            yield from self._run(words, standard_input, inner, depth)
            _follow(words, scope)

    def _redirections(
        self, redirections: tuple[Redirection, ...], scope: Scope, depth: int
    ) -> Iterator[Invocation]:
        targets = tuple(redirection.target for redirection in redirections)
        yield from self._substitutions(targets, scope, depth)
        writes = expand_all(
            tuple(r.target for r in redirections if r.operator in _WRITING), scope
        )
        if writes:
            yield Invocation(words=(), directory=scope.directory, writes=writes)

    def _substitutions(
        self, words: tuple[Word, ...], scope: Scope, depth: int
    ) -> Iterator[Invocation]:
        for word in words:
            for script in word.scripts():
                yield from self._script(script, scope.inner(), depth + 1)

    def _run(
        self,
        words: tuple[str, ...],
        standard_input: str | None,
        scope: Scope,
        depth: int,
    ) -> Iterator[Invocation]:
        """A command, and what it carries."""
        if depth > MAX_NESTING:
            raise TooDeepError
        self._budget.spend(_STEPS_PER_COMMAND + len(words) // _WORDS_PER_STEP)
        yield Invocation(words=words, directory=scope.directory)
        carried = carried_by(words, standard_input)
        for command in carried.commands:
            if command:
                yield from self._run(command, standard_input, scope, depth + 1)
        for text in carried.texts:
            yield from self.text(text, scope, depth + 1)


def _readings(text: str, depth: int, budget: Budget) -> Iterator[Script]:
    """The text as bash reads it and, where that differs, as dash does."""
    yield parse(text, depth=depth, budget=budget)
    if "$'" in text:
        # To dash such a text may be an unclosed quote, which it refuses to run.
        with contextlib.suppress(UnreadableError):
            yield parse(text, ansi_quotes=False, depth=depth, budget=budget)


def _assign(command: Simple, scope: Scope) -> None:
    for name, value in command.assignments:
        scope.assign(name, (" ".join(expand(value, scope)),))


def _follow(words: tuple[str, ...], scope: Scope) -> None:
    """Take over what a builtin does to the shell itself."""
    program, *arguments = words
    operands = [word for word in arguments if not word.startswith("-")]
    if program in ("cd", "pushd", "popd"):
        scope.enter(operands[0] if len(operands) == 1 else "-")
    elif program == "set" and "--" in arguments:
        scope.set_arguments(arguments[arguments.index("--") + 1 :])
    elif program in _DECLARING:
        for name, equals, value in (word.partition("=") for word in operands):
            if equals:
                scope.assign(name, (value,))
    elif program in ("read", "unset"):
        for name in operands:
            scope.assign(name, ())


def _multiplies(name: str, script: Script, *, alone: bool) -> bool:
    """Whether a script calls ``name`` in a pipeline or in the background."""
    for pipeline in script:
        single = alone and len(pipeline.commands) == 1 and not pipeline.background
        for command in pipeline.commands:
            match command:
                case Simple(words=(first, *_)) if first.static == name and not single:
                    return True
                case Group(body=body) if _multiplies(name, body, alone=single):
                    return True
    return False
