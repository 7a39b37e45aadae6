"""Every command that a shell text would run, with what is known of it.

The walk runs the text the way a shell does, but with values that may be unknown or
have alternatives, and with commands that do nothing except to change the scope or to
print what can be told. Of conditions it follows every branch: what stands in a text
may run. A loop runs once for each of its words, as far as there are few; a function
where it is defined, with arguments that nobody knows, and where it is called.

Every command is shown to a visitor, in the order of the text. The time that all this
takes is bounded by the budget, and what may multiply without being long (loops,
calls) by a number of turns, beyond which things are looked at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from commander.policy.block.bombs import spawns_forever
from commander.policy.block.builtins import STATEFUL
from commander.policy.block.expansion import Expander, join_texts
from commander.policy.block.invocation import Invocation
from commander.policy.block.redirects import Redirector
from commander.policy.block.running import Runner, Visitor, union
from commander.policy.block.scope import (
    MAX_ALTERNATIVES,
    UNKNOWN,
    Elements,
    Scope,
    Texts,
)
from commander.policy.budget import MAX_NESTING, Budget, TooDeepError
from commander.policy.shell.syntax import (
    ArithmeticCommand,
    ArithmeticFor,
    Array,
    Assignment,
    Case,
    Command,
    Conditional,
    For,
    Function,
    Group,
    HereDocument,
    If,
    Loop,
    Parameter,
    Pipeline,
    ProcessSubstitution,
    Script,
    Simple,
    Statement,
    Subshell,
    Word,
)
from commander.policy.wordset import wordset

__all__ = ["Walk"]

_KEEPS_ASSIGNMENTS: Final = wordset(
    ": . source eval exec export readonly set shift unset"
)
_LOOKS: Final = wordset("[ test")
_MAX_TURNS: Final = 128
"""Of all loops in one decision, beyond one for each."""
_MAX_LOOP_WORDS: Final = 128
_FEW_WORDS: Final = 16
_NOTHING: Final[Texts] = ("",)
_NOBODY_KNOWS: Final[Texts] = (UNKNOWN,)


class Walk:
    """One walk; holds what all levels of it share.

    Args:
        budget: Of the decision.
        visitor: Sees all that would run.
        programs: Names that a glob in the place of a program may stand for.
    """

    def __init__(
        self, budget: Budget, visitor: Visitor, programs: frozenset[str] = frozenset()
    ) -> None:
        self._budget = budget
        self._visitor = visitor
        self._turns = 0
        self._expander = Expander(self.script, self._connect)
        self._redirector = Redirector(
            visitor, texts=self._expander.texts, interpret=self.script
        )
        self._runner = Runner(
            budget, visitor, programs, execute=self._command, interpret=self.script
        )

    def _connect(self, part: ProcessSubstitution, scope: Scope) -> str:
        return self._redirector.connect(part, scope)

    def words(self, words: tuple[str, ...], scope: Scope) -> None:
        """Walk one command, given as its words.

        Raises:
            TooDeepError: It nests deeper than ``MAX_NESTING``.
            TooMuchError: It takes more than the budget.
        """
        self._runner.run(words, scope)

    def script(self, script: Script, scope: Scope) -> Texts:
        """Walk a script.

        Returns:
            Every text that it may print.

        Raises:
            TooDeepError: It nests deeper than ``MAX_NESTING``.
            TooMuchError: It takes more than the budget.
        """
        if scope.depth > MAX_NESTING:
            raise TooDeepError
        scope.depth += 1
        try:
            pieces = [self._statement(statement, scope) for statement in script]
        finally:
            scope.depth -= 1
        return join_texts(pieces)

    def _statement(self, statement: Statement, scope: Scope) -> Texts:
        scope = scope.fork() if statement.background else scope
        printed = self._pipeline(statement.first, scope)
        for link in statement.rest:
            before = scope.inner() if _leaves_traces(link.pipeline, scope) else None
            more = self._pipeline(link.pipeline, scope)
            if before is not None:
                scope.merge(before)
            if more != _NOTHING:
                printed = union([join_texts([printed, more]), printed])
        return printed

    def _pipeline(self, pipeline: Pipeline, scope: Scope) -> Texts:
        if len(pipeline.commands) == 1:
            return self._command(pipeline.commands[0], scope)
        text = scope.input
        for command in pipeline.commands:
            inner = scope.fork()
            inner.input = text
            text = self._command(command, inner)
        return text

    def _command(self, command: Command, scope: Scope) -> Texts:
        if isinstance(command, Simple):
            return self._simple(command, scope)
        if isinstance(command, Function):
            return self._define(command, scope)
        before = scope.input
        outlet = self._redirector.redirect(command.redirections, scope)
        printed = self._compound(command, scope)
        scope.input = before
        return self._redirector.deliver(printed, outlet, scope)

    def _define(self, function: Function, scope: Scope) -> Texts:
        """Remember a function, and look at it as somebody else would call it."""
        scope.define(function.name, function.body)
        inner = scope.inner()
        inner.variables.clear()
        inner.open = True
        inner.calls = (*scope.calls, function.name)
        self._command(function.body, inner)
        return _NOTHING

    # --- compound commands -------------------------------------------------------

    def _compound(self, command: Command, scope: Scope) -> Texts:
        match command:
            case Group(body):
                return self.script(body, scope)
            case Subshell(body):
                return self.script(body, scope.inner())
            case If():
                return self._if(command, scope)
            case For():
                return self._for(command, scope)
            case Loop() | ArithmeticFor():
                return self._loop(command, scope)
            case Case():
                return self._case(command, scope)
            case ArithmeticCommand(expression):
                self._expander.texts(expression, scope)
            case Conditional(tokens):
                words = [token for token in tokens if isinstance(token, Word)]
                _hold(words, scope)
                for word in words:
                    self._expander.texts(word, scope)
        return _NOTHING

    def _if(self, command: If, scope: Scope) -> Texts:
        pieces: list[Texts] = []
        ends: list[Scope] = []
        bodies: list[Texts] = []
        for condition, body in command.branches:
            pieces.append(self.script(condition, scope))
            ends.append(scope.inner())
            bodies.append(self.script(body, ends[-1]))
        ends.append(scope.inner())
        bodies.append(self.script(command.otherwise or (), ends[-1]))
        scope.become(ends)
        return join_texts([*pieces, union(bodies)])

    def _case(self, command: Case, scope: Scope) -> Texts:
        _hold([command.subject], scope)
        self._expander.texts(command.subject, scope)
        ends: list[Scope] = []
        bodies: list[Texts] = [_NOTHING]
        for arm in command.arms:
            for pattern in arm.patterns:
                self._expander.texts(pattern, scope)
            ends.append(scope.inner())
            bodies.append(self.script(arm.body, ends[-1]))
        ends.append(scope.inner())
        scope.become(ends)
        return union(bodies)

    def _for(self, command: For, scope: Scope) -> Texts:
        if command.words is None:
            values = [each or () for each in scope.lookup("@")]
        else:
            values = self._expander.commands(command.words, scope)
        texts = list(dict.fromkeys(itertools.chain.from_iterable(values)))
        size = 1 if len(texts) <= _FEW_WORDS else MAX_ALTERNATIVES
        before = scope.inner()
        pieces: list[Texts] = []
        for start in range(0, min(len(texts), _MAX_LOOP_WORDS), size):
            if pieces and not self._turn():
                break
            scope.assign_text(command.name, tuple(texts[start : start + size]))
            pieces.append(self.script(command.body, scope))
        if not pieces:  # a loop without words: its body is text all the same
            self.script(command.body, scope.inner())
        if UNKNOWN in texts or not pieces:
            scope.merge(before)
        return join_texts(pieces)

    def _loop(self, command: Loop | ArithmeticFor, scope: Scope) -> Texts:
        if spawns_forever(command):
            self._visitor.command(Invocation(words=("while",), multiplies=True))
        forked = scope.forked
        if isinstance(command, Loop) and _reads(command.condition):
            scope.forked = -1  # it ends with its input, which gets less
        before, pieces = scope.inner(), list[Texts]()
        for turn in itertools.count():
            state, left = dict(scope.variables), scope.input
            pieces.append(self._loop_head(command, scope))
            pieces.append(self.script(command.body, scope))
            changed = scope.variables != state or scope.input != left
            ended = left in (_NOTHING, _NOBODY_KNOWS) and turn > 0
            if not changed or ended or turn >= _FEW_WORDS or not self._turn():
                break
        scope.forked = forked
        scope.merge(before)
        return join_texts(pieces)

    def _loop_head(self, command: Loop | ArithmeticFor, scope: Scope) -> Texts:
        if isinstance(command, Loop):
            return self.script(command.condition, scope)
        for word in (command.start, command.condition, command.step):
            self._expander.texts(word, scope)
        return _NOTHING

    def _turn(self) -> bool:
        self._turns += 1
        return self._turns <= _MAX_TURNS

    # --- simple commands ---------------------------------------------------------

    def _simple(self, command: Simple, scope: Scope) -> Texts:
        before = scope.input
        words = [word for word in command.words if isinstance(word, Word)]
        if words and words[0].static in _LOOKS:
            _hold(words[1:], scope)
        alternatives = self._expander.commands(command.words, scope)
        outlet = self._redirector.redirect(command.redirections, scope)
        if command.words:
            printed = self._alternatives(command, alternatives, scope)
        else:
            self._assign(command.assignments, scope)
            printed = scope.input if _only_reads(command) else _NOTHING
        if any(
            isinstance(r, HereDocument) or "<" in r.operator
            for r in command.redirections
        ):
            scope.input = before
        return self._redirector.deliver(printed, outlet, scope)

    def _alternatives(
        self, command: Simple, alternatives: list[Elements], scope: Scope
    ) -> Texts:
        """Run each of the commands that a simple one may be."""
        names = [assignment.name for assignment in command.assignments]
        saved = {name: scope.variables.get(name) for name in names}
        self._assign(command.assignments, scope)
        declared = [word for word in command.words if isinstance(word, Assignment)]
        self._assign(declared, scope)
        ends: list[Scope] = []
        outputs: list[Texts] = []
        for words in alternatives:
            ends.append(scope.inner() if len(alternatives) > 1 else scope)
            if words:
                outputs.append(self._runner.run(words, ends[-1]))
                ends[-1].assign_text("_", words[-1:])
        if len(ends) > 1:
            scope.become(ends)
        kept = all(words and words[0] in _KEEPS_ASSIGNMENTS for words in alternatives)
        if all(alternatives) and not kept:
            _restore(saved, scope)
        return union(outputs)

    def _assign(self, assignments: Sequence[Assignment], scope: Scope) -> None:
        for assignment in assignments:
            name, value = assignment.name, self._expander.value(assignment.value, scope)
            if isinstance(assignment.value, Array):
                self._assign_keys(assignment, scope)
            if assignment.subscript is not None:
                keys = self._expander.texts(assignment.subscript, scope)
                scope.assign(f"{name}[{keys[0]}]", value)
                value = tuple(
                    (*(old or ()), *(new or ()))
                    for old in scope.variables.get(name, ((),))
                    for new in value
                )
            elif assignment.append and name in scope.variables:
                value = tuple(
                    _appended(old or (), new or (), assignment.value)
                    for old in scope.variables[name]
                    for new in value
                )
            scope.assign(name, value)
            self._runner.steer(
                name, tuple("".join(each or ()) for each in value), scope
            )

    def _assign_keys(self, assignment: Assignment, scope: Scope) -> None:
        if not isinstance(assignment.value, Array):
            return
        for element in assignment.value.elements:
            if isinstance(element, Assignment) and element.subscript is not None:
                key = self._expander.texts(element.subscript, scope)[0]
                value = self._expander.value(element.value, scope)
                scope.assign(f"{assignment.name}[{key}]", value)


def _leaves_traces(pipeline: Pipeline, scope: Scope) -> bool:
    """Whether it matters that a pipeline may not run: as good as always not."""
    match pipeline.commands:
        case (Simple((), (Word() as first, *_)),):
            name = first.static
            return name is None or name in STATEFUL or name in scope.functions
        case (_,):
            return True
    return False


def _restore(
    saved: dict[str, tuple[Elements | None, ...] | None], scope: Scope
) -> None:
    for name, value in saved.items():
        if value is None:
            scope.variables.pop(name, None)
        else:
            scope.variables[name] = value


def _appended(old: Elements, new: Elements, value: Word | Array) -> Elements:
    if isinstance(value, Array):
        return (*old, *new)
    return ("".join((*old[:1], *new)), *old[1:])


def _only_reads(command: Simple) -> bool:
    return not command.assignments and bool(command.redirections)  # $(<file)


def _reads(condition: Script) -> bool:
    """Whether a condition is a ``read``, as of a loop over lines."""
    for statement in condition:
        for command in statement.first.commands:
            if isinstance(command, Simple) and command.words:
                first = command.words[0]
                if isinstance(first, Word) and first.static == "read":
                    return True
    return False


def _hold(words: Sequence[Word], scope: Scope) -> None:
    """What the text looks at is not unset by accident."""
    for word in words:
        for part in _parameters(word):
            scope.hold(part.name)


def _parameters(word: Word) -> Iterator[Parameter]:
    return (part for part in word.parts if isinstance(part, Parameter))
