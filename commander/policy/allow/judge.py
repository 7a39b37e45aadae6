"""Every command of a text against an allow-list.

The judge walks the tree in the order of the text and looks at each simple command:
what it is, what its program's table says, what it carries, where it writes. It
promises: if it finds nothing, then nothing runs that no entry names, as far as text
can tell. Whatever it has no rule for, it refuses.

It keeps track of two things on the way. The directory: a ``cd`` to a known place moves
it, any other makes it unknown. And constants: a variable that the whole text sets
once, to a known text, by a command that stands for itself between two line breaks or
semicolons, is that text from there on. So ``dir=out; cp a "$dir"`` passes, while a
variable that a loop or a branch sets is a computed word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from commander.policy.allow.allowlist import AllowList
from commander.policy.allow.command_judge import CommandJudge
from commander.policy.allow.fields import UNKNOWN, Field, field_of
from commander.policy.allow.numbers import Numbers
from commander.policy.allow.record import Draft, Record
from commander.policy.allow.scopes import Certain, changes_directory
from commander.policy.allow.targets import Places, reaches_network
from commander.policy.budget import MAX_NESTING, Budget, TooDeepError
from commander.policy.denials import shorten
from commander.policy.shell.parser import NotModelledError, parse
from commander.policy.shell.syntax import (
    Arithmetic,
    ArithmeticCommand,
    ArithmeticFor,
    Array,
    Assignment,
    Case,
    Command,
    CommandSubstitution,
    Conditional,
    Dialect,
    For,
    Function,
    Group,
    HereDocument,
    If,
    Loop,
    Parameter,
    Pipeline,
    ProcessSubstitution,
    Redirection,
    Script,
    Simple,
    Statement,
    Subshell,
    Word,
)

__all__ = ["Judge"]

MAX_SEGMENTS: Final = 64
"""Told of one text, of those that pass; a model cannot use more."""
_WRITING: Final = frozenset({">", ">>", ">|", "<>"})
_SHELLS: Final = {
    "bash": (Dialect.BASH,),
    "dash": (Dialect.SH,),
    "sh": (Dialect.SH, Dialect.BASH),
}
"""How a nested text is read. What ``sh`` is differs between machines: both ways."""
_DESCRIPTORS: Final = frozenset("0123456789-")


class Judge:
    """Judges one text; made anew for each.

    Args:
        allowed: The entries.
        places: Where may be written.
        dialect: Of the shell that gets the text.
        budget: Of the decision.
        show: Writes a command for a person.
    """

    def __init__(
        self,
        *,
        allowed: AllowList,
        places: Places,
        dialect: Dialect,
        budget: Budget,
        show: Callable[[Command], str],
    ) -> None:
        self._dialect = dialect
        self._budget = budget
        self._show = show
        self._numbers = Numbers(())
        self._record = Record()
        self._commands = CommandJudge(
            allowed=allowed,
            places=places,
            record=self._record,
            judge_text=self._text,
        )
        self._commands.dialect = dialect
        self._depth = 0

    def judge(self, script: Script, directory: str | None) -> tuple[Draft, ...]:
        """Every command of a text, in its order, with what is to be said against it.

        Args:
            script: What will run.
            directory: Where it starts, absolute; None if that is not known.

        Raises:
            TooDeepError: Commands carry commands deeper than ``MAX_NESTING``.
            TooMuchError: The budget is spent.
        """
        self._numbers = Numbers(script)
        self._script(script, Certain(directory), alone=True)
        return tuple(self._record.drafts)

    # --- sequences -------------------------------------------------------------

    def _script(self, script: Script, scope: Certain, *, alone: bool = False) -> None:
        for statement in script:
            self._statement(statement, scope, alone=alone)

    def _statement(self, statement: Statement, scope: Certain, *, alone: bool) -> None:
        inner = scope.copy() if statement.background else scope
        alone = alone and not statement.rest and not statement.background
        self._pipeline(statement.first, inner, alone=alone)
        for link in statement.rest:
            self._pipeline(link.pipeline, inner, alone=False)

    def _pipeline(self, pipeline: Pipeline, scope: Certain, *, alone: bool) -> None:
        if len(pipeline.commands) == 1:
            self._command(pipeline.commands[0], scope, alone=alone)
            return
        for command in pipeline.commands:
            self._command(command, scope.copy(), alone=False)

    def _nested(self, script: Script, scope: Certain) -> None:
        """Commands whose changes stay with them."""
        draft = self._record.draft
        self._record.depth += 1
        self._script(script, scope.copy())
        self._record.depth -= 1
        self._record.draft = draft

    def _branch(self, script: Script, scope: Certain) -> None:
        """Commands that may run, or run again: a directory may be another after."""
        before = scope.directory
        self._script(script, scope)
        if scope.directory != before:
            scope.directory = None

    # --- commands --------------------------------------------------------------

    def _command(self, command: Command, scope: Certain, *, alone: bool) -> None:
        self._budget.command()
        if isinstance(command, Simple):
            self._simple(command, scope, alone=alone)
            return
        self._record.begin(partial(self._show, command), told=False)
        if not isinstance(command, Function):
            self._redirections(command.redirections, scope)
        match command:
            case Group(body):
                self._script(body, scope)
            case Subshell(body):
                self._nested(body, scope)
            case If():
                self._if(command, scope)
            case Loop(condition, body):
                self._moved_by((condition, body), scope)
                self._branch(condition, scope)
                self._branch(body, scope)
            case For():
                self._for(command, scope)
            case ArithmeticFor():
                for part in (command.start, command.condition, command.step):
                    self._arithmetic(part, scope)
                self._moved_by((command.body,), scope)
                self._branch(command.body, scope)
            case Case():
                self._case(command, scope)
            case ArithmeticCommand(expression):
                self._arithmetic(expression, scope)
            case Conditional():
                self._conditional(command, scope)
            case Function(name):
                self._record.refuse(
                    "function",
                    f"it defines the function `{shorten(name)}`, which could take the "
                    "place of a command",
                    "Write the commands out.",
                )

    def _moved_by(self, scripts: Iterable[Script], scope: Certain) -> None:
        """A loop that changes directory starts its next round elsewhere."""
        for script in scripts:
            probe = scope.copy()
            if changes_directory(script):
                probe.directory = scope.directory = None

    def _if(self, command: If, scope: Certain) -> None:
        for condition, body in command.branches:
            self._branch(condition, scope)
            self._branch(body, scope)
        if command.otherwise is not None:
            self._branch(command.otherwise, scope)

    def _for(self, command: For, scope: Certain) -> None:
        if command.select:
            self._record.refuse("builtin", "`select` waits for somebody to choose")
        self._commands.sets(command.name, None)
        for word in command.words or ():
            self._word(word, scope)
        self._moved_by((command.body,), scope)
        self._branch(command.body, scope)

    def _case(self, command: Case, scope: Certain) -> None:
        self._word(command.subject, scope)
        for arm in command.arms:
            for pattern in arm.patterns:
                self._word(pattern, scope)
            self._branch(arm.body, scope)

    def _conditional(self, command: Conditional, scope: Certain) -> None:
        words: list[Word | str] = list(command.tokens)
        for place, token in enumerate(words):
            if isinstance(token, Word):
                self._word(token, scope)
            elif token in ("-v", "-R"):
                self._record.refuse(
                    "arithmetic", f"`{token}` evaluates the name behind it"
                )
            elif token in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
                for side in (*words[place - 1 : place], *words[place + 1 : place + 2]):
                    if isinstance(side, Word):
                        self._arithmetic(side, scope)

    # --- simple commands -------------------------------------------------------

    def _simple(self, command: Simple, scope: Certain, *, alone: bool) -> None:
        self._record.begin(partial(self._show, command))
        self._budget.spend(4 + len(command.words))
        for assignment in command.assignments:
            self._assignment(assignment, scope, command.words)
        fields: list[Field] = []
        for word in command.words:
            if isinstance(word, Assignment):
                self._assignment(word, scope, ())
                fields.append(Field(f"{word.name}={UNKNOWN}"))
            else:
                self._word(word, scope)
                fields.append(field_of(word, scope.constants))
        self._redirections(command.redirections, scope)
        if fields:
            self._commands.run(fields, scope)
        elif alone and not command.redirections:
            self._remember(command, scope)

    def _remember(self, command: Simple, scope: Certain) -> None:
        for assignment in command.assignments:
            value = assignment.value
            once = self._numbers.assigned(assignment.name) == 1
            if once and isinstance(value, Word) and not assignment.append:
                field = field_of(value, scope.constants)
                if field.static and assignment.subscript is None:
                    scope.constants[assignment.name] = field.text

    def _assignment(
        self, assignment: Assignment, scope: Certain, words: Sequence[object]
    ) -> None:
        if assignment.subscript is not None:
            self._subscript(assignment.subscript, scope)
        value = assignment.value
        if isinstance(value, Array):
            for element in value.elements:
                if isinstance(element, Assignment):
                    self._assignment(element, scope, ())
                else:
                    self._word(element, scope)
            self._commands.sets(assignment.name, None)
            return
        self._word(value, scope)
        if assignment.name == "IFS" and words and _is_read(words[0]):
            return
        field = field_of(value, scope.constants)
        known = field.text if field.static and not assignment.append else None
        self._commands.sets(assignment.name, known)

    # --- nested texts ------------------------------------------------------------

    def _text(self, text: Field, shell: str, scope: Certain) -> None:
        """Judge a text that another shell runs, in every way it may read it."""
        dialects = _SHELLS.get(shell)
        if dialects is None or not text.static:
            self._record.refuse(
                "nested-shell",
                f"the text that `{shell}` runs is not known beforehand",
                "Write its commands out.",
            )
            return
        self._budget.nested_text(len(text.text))
        if self._depth > MAX_NESTING:
            raise TooDeepError
        self._depth += 1
        readings = [self._reading(text.text, dialect) for dialect in dialects]
        if all(reading is None for reading in readings):
            self._record.refuse(
                "nested-shell", f"the text that `{shell}` runs cannot be read"
            )
        for reading, dialect in zip(readings, dialects, strict=True):
            if reading is not None:
                self._nested_judge(reading, dialect, scope)
        self._depth -= 1

    def _reading(self, text: str, dialect: Dialect) -> Script | None:
        try:
            return parse(text, dialect, budget=self._budget, depth=self._depth)
        except NotModelledError:
            return None

    def _nested_judge(self, script: Script, dialect: Dialect, scope: Certain) -> None:
        kept = (self._dialect, self._numbers, self._record.draft)
        self._dialect, self._numbers = dialect, Numbers(script)
        self._commands.dialect = dialect
        # Variables of this shell are not the other one's, unless they are exported.
        self._script(script, Certain(scope.directory))
        self._dialect, self._numbers, self._record.draft = kept
        self._commands.dialect = self._dialect

    # --- redirections and targets ----------------------------------------------

    def _redirections(
        self, redirections: Iterable[Redirection | HereDocument], scope: Certain
    ) -> None:
        for redirection in redirections:
            if isinstance(redirection, HereDocument):
                self._word(redirection.body, scope)
                continue
            self._word(redirection.target, scope)
            field = field_of(redirection.target, scope.constants)
            operator = redirection.operator
            to_descriptor = field.static and set(field.text) <= _DESCRIPTORS
            if operator in _WRITING or (operator == ">&" and not to_descriptor):
                self._commands.target(field, scope)
            elif operator == "<" and reaches_network(field.text):
                self._record.refuse(
                    "target", "a redirection opens a network connection"
                )

    # --- words -----------------------------------------------------------------

    def _word(self, word: Word, scope: Certain) -> None:
        for part in word.parts:
            match part:
                case Parameter():
                    self._parameter(part, scope)
                case CommandSubstitution(script):
                    self._nested(script, scope)
                case ProcessSubstitution(_, script):
                    self._nested(script, scope)
                case Arithmetic(expression):
                    self._arithmetic(expression, scope)

    def _parameter(self, part: Parameter, scope: Certain) -> None:
        if part.subscript is not None:
            self._subscript(part.subscript, scope)
        operator = part.operator
        if operator == "!" or operator.startswith("@"):
            self._record.refuse(
                "parameter", "an expansion evaluates what a variable holds"
            )
        elif operator == ":":
            for word in part.words:
                self._arithmetic(word, scope)
            return
        elif operator in ("=", ":="):
            value = field_of(part.words[0], scope.constants)
            self._commands.sets(part.name, value.text if value.static else None)
        for word in part.words:
            self._word(word, scope)

    def _subscript(self, word: Word, scope: Certain) -> None:
        if word.static not in ("@", "*"):
            self._arithmetic(word, scope)

    def _arithmetic(self, expression: Word, scope: Certain) -> None:
        """Bash evaluates what a variable holds again: it must be a number."""
        self._word(expression, scope)
        problem = self._numbers.problem(expression, self._dialect)
        if problem is not None:
            self._record.refuse("arithmetic", problem)


def _is_read(word: object) -> bool:
    return isinstance(word, Word) and word.static == "read"
