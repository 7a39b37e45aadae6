"""The canonical tree as shell text, on as few lines as can be.

What ``render`` writes from a tree reads back to an equal tree, in every shell that
may stand behind the dialect: so a shell that runs it runs what was judged.

**Line breaks.** Commands are joined by ``;`` and blanks. Where a here-document is
due, the next joint that may be a line break becomes one, and the bodies follow it.
A substitution is written apart, with its own joints. If it has here-documents while
the line around it awaits a body too, shells differ about whose comes first: such a
tree is refused.

Words are the business of ``spelling``, simple commands that of ``writing``.
"""

from __future__ import annotations

from typing import Final

from commander.policy.shell.spelling import NotRenderableError
from commander.policy.shell.syntax import (
    ArithmeticCommand,
    ArithmeticFor,
    Case,
    Command,
    Dialect,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Script,
    Simple,
    Subshell,
    Word,
)
from commander.policy.shell.vocabulary import FUNCTION_NAMES, NAME, RESERVED
from commander.policy.shell.writing import CommandWriter

__all__ = ["NotRenderableError", "render"]

_LINKS: Final = frozenset(("&&", "||"))
_TERMINATORS: Final = frozenset((";;", ";&", ";;&"))


def render(script: Script, dialect: Dialect) -> str:
    """Write a script as text.

    Args:
        script: What ``parse`` read, or anything like it.
        dialect: Of the shell that will read the text.

    Raises:
        NotRenderableError: No text stands for it, or none that all shells read alike.
    """
    writer = _Writer(dialect)
    try:
        writer.sequence(script)
    except RecursionError:
        raise NotRenderableError("it nests too deep") from None
    writer.end_line(otherwise="")
    return "".join(writer.written)


class _Writer(CommandWriter):
    """Writes one script; a substitution in it has a writer of its own."""

    def substituted(self, script: Script) -> str:
        """Write what stands between the parentheses of a substitution."""
        inner = _Writer(self.dialect, awaited=self.awaits())
        inner.sequence(script)
        inner.end_line(otherwise="")
        text = "".join(inner.written)
        # Two parentheses in a row would begin arithmetic.
        return f" {text}" if text.startswith("(") else text

    # --- sequences -------------------------------------------------------------

    def sequence(self, script: Script) -> None:
        """Write statements; nothing ends the last one but a ``&`` of its own."""
        for index, statement in enumerate(script):
            if index:
                before = script[index - 1]
                self.end_line(otherwise=" " if before.background else "; ")
            self._pipeline(statement.first)
            for link in statement.rest:
                if link.operator not in _LINKS:
                    raise NotRenderableError("a list has an odd operator")
                self.written.append(f" {link.operator}")
                self.end_line(otherwise=" ")
                self._pipeline(link.pipeline)
            if statement.background:
                self.written.append(" &")

    def _block(self, script: Script) -> None:
        """Write statements up to where a reserved word or a parenthesis may stand."""
        if not script:
            raise NotRenderableError("a compound command is empty")
        self.sequence(script)
        self.end_line(otherwise=" " if script[-1].background else "; ")

    def _pipeline(self, pipeline: Pipeline) -> None:
        if pipeline.timed:
            self.only_bash()
            self.written.append("time ")
        if pipeline.negated:
            self.written.append("! ")
        if not pipeline.commands:
            raise NotRenderableError("a pipeline is empty")
        for index, command in enumerate(pipeline.commands):
            if index:
                self.written.append(" |")
                self.end_line(otherwise=" ")
            self._command(command)

    # --- commands --------------------------------------------------------------

    def _command(self, command: Command) -> None:
        match command:
            case Simple():
                self.simple(command)
                return
            case Function():
                self._function(command)
                return
            case Group(body):
                self.written.append("{ ")
                self._block(body)
                self.written.append("}")
            case Subshell(body):
                self._subshell(body)
            case If():
                self._if(command)
            case Loop():
                self._loop(command)
            case For():
                self._for(command)
            case ArithmeticFor():
                self._arithmetic_for(command)
            case Case():
                self._case(command)
            case ArithmeticCommand(expression):
                self.only_bash()
                self.written.append(f"(({self.arithmetic(expression)}))")
            case _:
                self.only_bash()
                self.written.append(self.conditional(command.tokens))
        self.redirections(command.redirections)

    def _subshell(self, body: Script) -> None:
        if not body:
            raise NotRenderableError("a compound command is empty")
        self.written.append("(")
        at = len(self.written)
        self.sequence(body)
        self.end_line(otherwise="")
        if self.written[at].startswith("("):
            self.written[at] = f" {self.written[at]}"
        self.written.append(")")

    def _if(self, command: If) -> None:
        if not command.branches:
            raise NotRenderableError("`if` has no condition")
        for index, (condition, body) in enumerate(command.branches):
            self.written.append("elif " if index else "if ")
            self._block(condition)
            self.written.append("then ")
            self._block(body)
        if command.otherwise is not None:
            self.written.append("else ")
            self._block(command.otherwise)
        self.written.append("fi")

    def _loop(self, command: Loop) -> None:
        self.written.append("until " if command.until else "while ")
        self._block(command.condition)
        self._do(command.body)

    def _do(self, body: Script) -> None:
        self.written.append("do ")
        self._block(body)
        self.written.append("done")

    def _for(self, command: For) -> None:
        if command.select:
            self.only_bash()
        if not NAME.fullmatch(command.name):
            raise NotRenderableError("the variable of a loop has no name")
        self.written.append("select " if command.select else "for ")
        self.written.append(command.name)
        if command.words is not None:
            words = (f" {self.word(word)}" for word in command.words)
            self.written.append(f" in{''.join(words)}")
        self.written.append("; ")
        self._do(command.body)

    def _arithmetic_for(self, command: ArithmeticFor) -> None:
        self.only_bash()
        parts = (command.start, command.condition, command.step)
        clauses = ";".join(self.arithmetic(part) for part in parts)
        self.written.append(f"for (({clauses})); ")
        self._do(command.body)

    def _case(self, command: Case) -> None:
        self.written.append(f"case {self.word(command.subject)} in ")
        for arm in command.arms:
            if arm.terminator not in _TERMINATORS or not arm.patterns:
                raise NotRenderableError("an arm of `case` is malformed")
            if arm.terminator != ";;":
                self.only_bash()
            patterns = "|".join(map(self._pattern, arm.patterns))
            self.written.append(f"({patterns}) ")
            self.sequence(arm.body)
            self.end_line(otherwise=" " if arm.body else "")
            self.written.append(f"{arm.terminator} ")
        self.written.append("esac")

    def _pattern(self, word: Word) -> str:
        static = word.static
        return f"'{static}'" if static in RESERVED else self.word(word)

    def _function(self, command: Function) -> None:
        allowed = FUNCTION_NAMES[self.dialect]
        if command.name in RESERVED or not allowed.fullmatch(command.name):
            raise NotRenderableError("the name of a function is odd")
        if isinstance(command.body, Simple | Function):
            raise NotRenderableError("the body of a function is no compound command")
        self.written.append(f"{command.name}() ")
        self._command(command.body)
