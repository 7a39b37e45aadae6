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

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import attrs

from commander.policy.allowlist import AllowList
from commander.policy.assignments import steers
from commander.policy.budget import MAX_NESTING, Budget, TooDeepError
from commander.policy.denials import shorten
from commander.policy.fields import UNKNOWN, Field, certain, field_of
from commander.policy.numbers import Numbers
from commander.policy.parser import NotModelledError, parse
from commander.policy.programs import find
from commander.policy.shell_builtins import IMPLICIT, REFUSED, builtin_problems
from commander.policy.syntax import (
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
    Literal,
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
from commander.policy.targets import Places, reaches_network
from commander.policy.usage import (
    Finding,
    InnerCommand,
    InnerText,
    Problem,
    Setting,
    Target,
    use,
)

__all__ = ["Judge", "Refusal"]

MAX_REFUSALS: Final = 8
"""Told of one text; a model cannot mend more at once."""
_WRITING: Final = frozenset({">", ">>", ">|", "<>"})
_DESCRIPTORS: Final = frozenset("0123456789-")
_SHELLS: Final = {
    "bash": (Dialect.BASH,),
    "dash": (Dialect.SH,),
    "sh": (Dialect.SH, Dialect.BASH),
}
"""How a nested text is read. What ``sh`` is differs between machines: both ways."""


@attrs.frozen
class Refusal:
    """One thing in a text that may not be."""

    rule_id: str
    segment: str
    """The words of the command in question, shortened."""
    cause: str
    remedy: str = ""


@attrs.define
class _Scope:
    """What is certain at one point of the text."""

    directory: str | None
    constants: dict[str, str] = attrs.field(factory=dict)

    def copy(self) -> _Scope:
        return _Scope(self.directory, dict(self.constants))


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
        self._allowed = allowed
        self._places = places
        self._dialect = dialect
        self._budget = budget
        self._show = show
        self._numbers = Numbers(())
        self._refusals: list[Refusal] = []
        self._segment = ""
        self._depth = 0

    def judge(self, script: Script, directory: str | None) -> tuple[Refusal, ...]:
        """Everything that is to be said against a text, in its order.

        Args:
            script: What will run.
            directory: Where it starts, absolute; None if that is not known.

        Raises:
            TooDeepError: Commands carry commands deeper than ``MAX_NESTING``.
            TooMuchError: The budget is spent.
        """
        self._numbers = Numbers(script)
        self._script(script, _Scope(directory), alone=True)
        return tuple(dict.fromkeys(self._refusals))[:MAX_REFUSALS]

    def _refuse(self, rule_id: str, cause: str, remedy: str = "") -> None:
        self._refusals.append(Refusal(rule_id, self._segment, cause, remedy))

    # --- sequences -------------------------------------------------------------

    def _script(self, script: Script, scope: _Scope, *, alone: bool = False) -> None:
        for statement in script:
            self._statement(statement, scope, alone=alone)

    def _statement(self, statement: Statement, scope: _Scope, *, alone: bool) -> None:
        inner = scope.copy() if statement.background else scope
        alone = alone and not statement.rest and not statement.background
        self._pipeline(statement.first, inner, alone=alone)
        for link in statement.rest:
            self._pipeline(link.pipeline, inner, alone=False)

    def _pipeline(self, pipeline: Pipeline, scope: _Scope, *, alone: bool) -> None:
        if len(pipeline.commands) == 1:
            self._command(pipeline.commands[0], scope, alone=alone)
            return
        for command in pipeline.commands:
            self._command(command, scope.copy(), alone=False)

    def _nested(self, script: Script, scope: _Scope) -> None:
        """Commands whose changes stay with them."""
        segment = self._segment
        self._script(script, scope.copy())
        self._segment = segment

    def _branch(self, script: Script, scope: _Scope) -> None:
        """Commands that may run, or run again: a directory may be another after."""
        before = scope.directory
        self._script(script, scope)
        if scope.directory != before:
            scope.directory = None

    # --- commands --------------------------------------------------------------

    def _command(self, command: Command, scope: _Scope, *, alone: bool) -> None:
        self._budget.command()
        if isinstance(command, Simple):
            self._simple(command, scope, alone=alone)
            return
        self._segment = shorten(self._show(command))
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
                self._refuse(
                    "function",
                    f"it defines the function `{shorten(name)}`, which could take the "
                    "place of a command",
                    "Write the commands out.",
                )

    def _moved_by(self, scripts: Iterable[Script], scope: _Scope) -> None:
        """A loop that changes directory starts its next round elsewhere."""
        for script in scripts:
            probe = scope.copy()
            if _changes_directory(script):
                probe.directory = scope.directory = None

    def _if(self, command: If, scope: _Scope) -> None:
        for condition, body in command.branches:
            self._branch(condition, scope)
            self._branch(body, scope)
        if command.otherwise is not None:
            self._branch(command.otherwise, scope)

    def _for(self, command: For, scope: _Scope) -> None:
        if command.select:
            self._refuse("builtin", "`select` waits for somebody to choose")
        self._sets(command.name, None)
        for word in command.words or ():
            self._word(word, scope)
        self._moved_by((command.body,), scope)
        self._branch(command.body, scope)

    def _case(self, command: Case, scope: _Scope) -> None:
        self._word(command.subject, scope)
        for arm in command.arms:
            for pattern in arm.patterns:
                self._word(pattern, scope)
            self._branch(arm.body, scope)

    def _conditional(self, command: Conditional, scope: _Scope) -> None:
        words: list[Word | str] = list(command.tokens)
        for place, token in enumerate(words):
            if isinstance(token, Word):
                self._word(token, scope)
            elif token in ("-v", "-R"):
                self._refuse("arithmetic", f"`{token}` evaluates the name behind it")
            elif token in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
                for side in (*words[place - 1 : place], *words[place + 1 : place + 2]):
                    if isinstance(side, Word):
                        self._arithmetic(side, scope)

    # --- simple commands -------------------------------------------------------

    def _simple(self, command: Simple, scope: _Scope, *, alone: bool) -> None:
        self._segment = shorten(self._show(command))
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
            self._run(fields, scope)
        elif alone and not command.redirections:
            self._remember(command, scope)

    def _remember(self, command: Simple, scope: _Scope) -> None:
        for assignment in command.assignments:
            value = assignment.value
            once = self._numbers.assigned(assignment.name) == 1
            if once and isinstance(value, Word) and not assignment.append:
                field = field_of(value, scope.constants)
                if field.static and assignment.subscript is None:
                    scope.constants[assignment.name] = field.text

    def _assignment(
        self, assignment: Assignment, scope: _Scope, words: Sequence[object]
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
            self._sets(assignment.name, None)
            return
        self._word(value, scope)
        if assignment.name == "IFS" and words and _is_read(words[0]):
            return
        field = field_of(value, scope.constants)
        known = field.text if field.static and not assignment.append else None
        self._sets(assignment.name, known)

    def _sets(self, name: str, value: str | None) -> None:
        if name and steers(name, value) and not self._allowed.may_set(name):
            self._refuse(
                "assignment",
                f"the variable `{shorten(name)}` decides what programs do",
                "Leave it out; an operator can add the name to MCP_ALLOWED_ENV.",
            )

    def _run(self, fields: Sequence[Field], scope: _Scope) -> None:
        """Judge words that run as a command."""
        if self._depth > MAX_NESTING:
            raise TooDeepError
        self._depth += 1
        try:
            self._judge_words(fields, scope)
        finally:
            self._depth -= 1

    def _judge_words(self, fields: Sequence[Field], scope: _Scope) -> None:
        first = fields[0]
        if not first.static or not first.text.isascii() or not first.text:
            self._refuse(
                "computed-command",
                f"`{shorten(first.shown())}` in the place of a command is not known "
                "beforehand",
                "Write the command's name out.",
            )
            return
        name = first.text
        if name == "cd":
            self._change_directory(fields[1:], scope)
        if name in REFUSED and not self._allowed_builtin(fields, scope):
            self._refuse(
                "builtin",
                f"`{name}` evaluates text or changes what later commands mean",
                "Write the commands out one by one.",
            )
            return
        for problem in builtin_problems(fields, self._dialect):
            self._refuse("builtin", f"`{name}`: {problem}")
        if name in IMPLICIT:
            return
        entries = self._allowed.matching(fields)
        if not entries:
            self._refuse(
                "not-allowed",
                f"no entry of this server's allow-list covers `{name}`",
                self._allowed.remedy(),
            )
            return
        self._use(fields, entries, scope)

    def _allowed_builtin(self, fields: Sequence[Field], scope: _Scope) -> bool:
        """The few forms of refused builtins that an entry allows."""
        if not self._allowed.matching(fields):
            return False
        name, words = fields[0].text, fields[1:]
        if name == "command":
            return bool(words) and words[0].static and words[0].text in ("-v", "-V")
        if name in (".", "source"):
            script = words[0] if words else certain("")
            return script.static and not script.text.startswith(
                ("-", "/dev/", "/proc/")
            )
        if name == "exec" and words and not words[0].text.startswith("-"):
            self._run(words, scope)
            return True
        if name in ("mapfile", "readarray"):
            return all(
                (word.static and word.text[:1] != "-") or word.text in ("-t",)
                for word in words
            )
        return (
            name in ("hash", "getopts", "ulimit", "umask")
            and all(word.static for word in words)
            and name == "umask"
        )

    def _use(
        self,
        fields: Sequence[Field],
        entries: Sequence[tuple[str, ...]],
        scope: _Scope,
    ) -> None:
        """Judge by the entry that has the least against it."""
        program = find(posixpath.basename(fields[0].text))
        if program is None:
            return
        best: list[Refusal] | None = None
        kept = self._refusals
        for entry in entries:
            self._refusals = []
            for finding in use(program, fields, entry):
                self._find(finding, scope)
            if best is None or len(self._refusals) < len(best):
                best = self._refusals
            if not best:
                break
        self._refusals = [*kept, *(best or ())]

    def _find(self, finding: Finding, scope: _Scope) -> None:
        match finding:
            case Problem(cause):
                self._refuse(
                    "program",
                    cause,
                    "A command without it may pass; an operator can name it in an "
                    "entry of MCP_ALLOWED_COMMANDS.",
                )
            case InnerCommand(fields):
                if fields:
                    self._run(fields, scope.copy())
            case InnerText(text, shell):
                self._text(text, shell, scope)
            case Target(field):
                self._target(field, scope)
            case Setting(name, value):
                self._sets(name, value)

    def _text(self, text: Field, shell: str, scope: _Scope) -> None:
        """Judge a text that another shell runs, in every way it may read it."""
        dialects = _SHELLS.get(shell)
        if dialects is None or not text.static:
            self._refuse(
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
            self._refuse("nested-shell", f"the text that `{shell}` runs cannot be read")
        for reading, dialect in zip(readings, dialects, strict=True):
            if reading is not None:
                self._nested_judge(reading, dialect, scope)
        self._depth -= 1

    def _reading(self, text: str, dialect: Dialect) -> Script | None:
        try:
            return parse(text, dialect, budget=self._budget, depth=self._depth)
        except NotModelledError:
            return None

    def _nested_judge(self, script: Script, dialect: Dialect, scope: _Scope) -> None:
        kept = (self._dialect, self._numbers, self._segment)
        self._dialect, self._numbers = dialect, Numbers(script)
        # Variables of this shell are not the other one's, unless they are exported.
        self._script(script, _Scope(scope.directory))
        self._dialect, self._numbers, self._segment = kept

    def _change_directory(self, words: Sequence[Field], scope: _Scope) -> None:
        operands = [word for word in words if word.text not in ("--", "-P", "-L")]
        scope_before, scope.directory = scope.directory, None
        if len(operands) != 1 or not operands[0].static or not operands[0].text:
            return
        text = operands[0].text
        if text.startswith("-"):
            return
        if text.startswith("/"):
            scope.directory = text
        elif scope_before is not None:
            scope.directory = posixpath.join(scope_before, text)

    # --- redirections and targets ----------------------------------------------

    def _redirections(
        self, redirections: Iterable[Redirection | HereDocument], scope: _Scope
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
                self._target(field, scope)
            elif operator == "<" and reaches_network(field.text):
                self._refuse("target", "a redirection opens a network connection")

    def _target(self, field: Field, scope: _Scope) -> None:
        problem = self._places.problem(field, scope.directory)
        if problem is not None:
            self._refuse(
                "target",
                f"the target `{shorten(field.shown())}` {problem}",
                "Write to a plain relative name or to /tmp; an operator can set "
                "MCP_WORKSPACE.",
            )

    # --- words -----------------------------------------------------------------

    def _word(self, word: Word, scope: _Scope) -> None:
        for part in word.parts:
            match part:
                case Literal():
                    pass
                case Parameter():
                    self._parameter(part, scope)
                case CommandSubstitution(script):
                    self._nested(script, scope)
                case ProcessSubstitution(_, script):
                    self._nested(script, scope)
                case Arithmetic(expression):
                    self._arithmetic(expression, scope)

    def _parameter(self, part: Parameter, scope: _Scope) -> None:
        if part.subscript is not None:
            self._subscript(part.subscript, scope)
        operator = part.operator
        if operator == "!" or operator.startswith("@"):
            self._refuse("parameter", "an expansion evaluates what a variable holds")
        elif operator == ":":
            for word in part.words:
                self._arithmetic(word, scope)
            return
        elif operator in ("=", ":="):
            value = field_of(part.words[0], scope.constants)
            self._sets(part.name, value.text if value.static else None)
        for word in part.words:
            self._word(word, scope)

    def _subscript(self, word: Word, scope: _Scope) -> None:
        if word.static not in ("@", "*"):
            self._arithmetic(word, scope)

    def _arithmetic(self, expression: Word, scope: _Scope) -> None:
        """Bash evaluates what a variable holds again: it must be a number."""
        self._word(expression, scope)
        problem = self._numbers.problem(expression, self._dialect)
        if problem is not None:
            self._refuse("arithmetic", problem)


def _is_read(word: object) -> bool:
    return isinstance(word, Word) and word.static == "read"


def _changes_directory(script: Script) -> bool:
    return any(command == "cd" for command in _names(script))


def _names(script: Script) -> Iterator[str | None]:
    for statement in script:
        for pipeline in (statement.first, *(link.pipeline for link in statement.rest)):
            for command in pipeline.commands:
                yield from _names_of(command)


def _names_of(command: Command) -> Iterator[str | None]:
    match command:
        case Simple(words=(Word() as first, *_)):
            yield first.static
        case Group(body) | Loop(_, body):
            yield from _names(body)
            if isinstance(command, Loop):
                yield from _names(command.condition)
        case If():
            for condition, body in command.branches:
                yield from _names(condition)
                yield from _names(body)
            yield from _names(command.otherwise or ())
        case For() | ArithmeticFor():
            yield from _names(command.body)
        case Case():
            for arm in command.arms:
                yield from _names(arm.body)
