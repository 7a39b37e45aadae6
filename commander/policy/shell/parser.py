"""The grammar of sh and bash: tokens to statements, strictly.

The text is read once, from left to right, by recursive descent over one token at a
time; ``lexer`` says how tokens, here-documents and substitutions are read. Reserved
words are reserved where the shell takes them so, and nowhere else. What the shell
would refuse, and what the tree has no place for, ends in ``NotModelledError``.

Bounds: recursion is as deep as the text nests, at most ``MAX_NESTING`` levels of at
most a dozen calls each; commands and characters are charged to the budget. Time is
linear in the characters charged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from commander.policy.budget import Budget, TooDeepError, TooMuchError
from commander.policy.shell.commands import BOTH
from commander.policy.shell.conditionals import ConditionalReader
from commander.policy.shell.cursor import NotModelledError
from commander.policy.shell.lexer import WORD
from commander.policy.shell.syntax import (
    ArithmeticCommand,
    ArithmeticFor,
    Case,
    CaseArm,
    Command,
    Dialect,
    For,
    Function,
    Group,
    If,
    Link,
    Literal,
    Loop,
    Pipeline,
    Script,
    Simple,
    Statement,
    Subshell,
    Word,
)
from commander.policy.shell.vocabulary import FUNCTION_NAMES, NAME, RESERVED

__all__ = ["NotModelledError", "TooDeepError", "TooMuchError", "parse"]

_SEPARATORS: Final = frozenset((";", "&", "\n"))
_END: Final = frozenset(("",))
_PARENTHESIS: Final = frozenset((")",))
_ARM_ENDS: Final = frozenset((";;", ";&", ";;&", "esac"))


def parse(
    text: str, dialect: Dialect, *, budget: Budget | None = None, depth: int = 0
) -> Script:
    """Read a shell text.

    Args:
        text: Of any content.
        dialect: Of the shell that would read it.
        budget: Of the decision that the text is read for; None for one of its own.
        depth: Levels of nesting around the text.

    Raises:
        NotModelledError: It is malformed, or means what the tree cannot say.
        TooDeepError: It nests deeper than ``MAX_NESTING``.
        TooMuchError: It takes more than the budget.
    """
    parser = _Parser(text, dialect, budget or Budget(), depth)
    statements: list[Statement] = []
    try:
        if "\0" in text:
            parser.fail("it holds a null character", text.index("\0"))
        parser.advance()
        parser.statements(_END, statements)
    except NotModelledError as error:
        if error.position < 0:
            error.locate(text, parser.position)
        error.before = tuple(statements)
        raise
    except RecursionError:
        # Whoever calls may stand deep in the stack already.
        raise TooDeepError from None
    return tuple(statements)


class _Parser(ConditionalReader):
    """Reads a whole text; each method begins at a token and ends at the next one."""

    __slots__ = ()

    # --- sequences -------------------------------------------------------------

    def statements(self, ends: frozenset[str], into: list[Statement]) -> None:
        """Read up to one of these operators or reserved words."""
        while True:
            self.skip_lines()
            if (self.bare or self.symbol) in ends:
                return
            into.append(self._statement())
            if self.symbol in _SEPARATORS:
                self.advance()
            elif (self.bare or self.symbol) not in ends:
                self.unexpected()

    def script_inside(self) -> Script:
        """Read commands up to the ``)`` that ends a substitution, and that."""
        self.enter()
        outer = self.hold_line_breaks()
        word_around = self.in_body, self.loose
        self.in_body = False
        self.advance()
        statements: list[Statement] = []
        self.statements(_PARENTHESIS, statements)
        self.in_body, self.loose = word_around
        self.release_line_breaks(outer)
        self.depth -= 1
        return tuple(statements)

    def script_within(self, text: str) -> Script:
        """Read a text of its own, one level deeper."""
        inner = self.within(text)
        inner.advance()
        statements: list[Statement] = []
        inner.statements(_END, statements)
        return tuple(statements)

    def _block(self, *ends: str) -> Script:
        """Read at least one statement, one level deeper, up to an end."""
        self.enter()
        statements: list[Statement] = []
        self.statements(frozenset(ends), statements)
        if not statements:
            self.unexpected()
        self.depth -= 1
        return tuple(statements)

    def _statement(self) -> Statement:
        first = self._pipeline()
        rest: list[Link] = []
        while self.symbol in ("&&", "||"):
            operator = self.symbol
            self.advance_over_lines()
            rest.append(Link(operator, self._pipeline()))
        return Statement(first, tuple(rest), self.symbol == "&")

    def _pipeline(self) -> Pipeline:
        negated = timed = False
        while self.symbol == WORD and (
            self.bare == "!" or (self.bare == "time" and self.bash)
        ):
            if self.bare == "!":
                if negated:
                    self.unexpected()
                negated = True
                self.advance()
            else:
                if timed:
                    self.unexpected()
                timed = True
                self.advance()
                if self.bare == "-p":
                    self.advance()
                # In a substitution, bash takes no array right behind `time`.
                if self.bare.startswith("-") or self.array_follows():
                    self.unexpected()
        commands = [self._command()]
        while self.symbol in ("|", "|&"):
            if self.symbol == "|&":
                commands[-1] = self._with_errors(commands[-1])
            self.advance_over_lines()
            commands.append(self._command())
        return Pipeline(tuple(commands), negated, timed)

    def _with_errors(self, command: Command) -> Command:
        if isinstance(command, Function):
            self.unexpected()
        redirections = (*command.redirections, BOTH)
        return attrs.evolve(command, redirections=redirections)

    # --- commands --------------------------------------------------------------

    def _command(self) -> Command:
        self.budget.command()
        if self.symbol == WORD:
            bare = self.bare
            reader = (_BASH_COMPOUND if self.bash else _COMPOUND).get(bare)
            if reader is not None:
                return reader(self)
            command = self.simple()
            if self.symbol != "(":
                return command
            if not bare or command != Simple((), (Word((Literal(bare),)),)):
                self.unexpected()
            return self._function_with_parentheses(bare)
        if self.symbol != "(":
            return self.simple()
        if self.bash and self.text.startswith("(", self.position):
            return self._arithmetic_command()
        self.advance()
        body = self._block(")")
        self.advance()
        return Subshell(body, self.redirections())

    def _reserved(self) -> Command:
        self.unexpected()

    def _coproc(self) -> Command:
        self.fail("`coproc` starts a coprocess", self.start)

    def _arithmetic_command(self) -> Command:
        start = self.start
        self.position += 1
        expression = self.arithmetic_in_parentheses(start)
        self.advance()
        return ArithmeticCommand(expression, self.redirections())

    def _group(self) -> Command:
        self.advance()
        body = self._block("}")
        self.advance()
        return Group(body, self.redirections())

    def _if(self) -> Command:
        branches: list[tuple[Script, Script]] = []
        while self.bare in ("if", "elif"):
            self.advance()
            condition = self._block("then")
            self.advance()
            branches.append((condition, self._block("elif", "else", "fi")))
        otherwise = None
        if self.bare == "else":
            self.advance()
            otherwise = self._block("fi")
        self.advance()
        return If(tuple(branches), otherwise, self.redirections())

    def _loop(self) -> Command:
        until = self.bare == "until"
        self.advance()
        condition = self._block("do")
        body = self._do()
        return Loop(condition, body, until, self.redirections())

    def _do(self) -> Script:
        if self.bare != "do":
            self.unexpected()
        self.advance()
        body = self._block("done")
        self.advance()
        return body

    # --- for and select --------------------------------------------------------

    def _for(self) -> Command:
        select = self.bare == "select"
        self.advance()
        if self.symbol == "(" and self.bash and not select:
            return self._arithmetic_for()
        name = self.bare
        if not NAME.fullmatch(name):
            self.unexpected()
        self.advance()
        words = self._for_words()
        body = self._do()
        return For(name, words, body, select, self.redirections())

    def _for_words(self) -> tuple[Word, ...] | None:
        if self.symbol == ";":
            self.advance_over_lines()
            return None
        self.skip_lines()
        if self.bare != "in":
            return None
        self.advance()
        words: list[Word] = []
        while self.symbol == WORD:
            words += self.arguments()
            self.advance()
        if self.symbol not in (";", "\n"):
            self.unexpected()
        self.advance_over_lines()
        return tuple(words)

    def _arithmetic_for(self) -> Command:
        if not self.text.startswith("(", self.position):
            self.unexpected()
        self.position += 1
        start = self.arithmetic(";")
        self.position += 1
        condition = self.arithmetic(";")
        self.position += 1
        step = self.arithmetic_in_parentheses(self.start)
        self.advance()
        if self.symbol == ";":
            self.advance()
        self.skip_lines()
        body = self._do()
        return ArithmeticFor(start, condition, step, body, self.redirections())

    # --- case ------------------------------------------------------------------

    def _case(self) -> Command:
        self.advance()
        if self.symbol != WORD:
            self.unexpected()
        subject = self.plain_word()
        self.advance_over_lines()
        if self.bare != "in":
            self.unexpected()
        self.advance_over_lines()
        arms: list[CaseArm] = []
        while self.bare != "esac":
            arms.append(self._arm())
            self.skip_lines()
        self.advance()
        return Case(subject, tuple(arms), self.redirections())

    def _arm(self) -> CaseArm:
        if self.symbol == "(":
            self.advance()
        patterns: list[Word] = []
        while True:
            if self.symbol != WORD or self.bare == "esac":
                self.unexpected()
            patterns.append(self.pattern())
            self.advance()
            if self.symbol != "|":
                break
            self.advance()
        if self.symbol != ")":
            self.unexpected()
        self.advance()
        self.enter()
        statements: list[Statement] = []
        self.statements(_ARM_ENDS, statements)
        self.depth -= 1
        terminator = ";;"
        if self.symbol != WORD:
            terminator = self.symbol
            self.advance()
        return CaseArm(tuple(patterns), tuple(statements), terminator)

    # --- functions -------------------------------------------------------------

    def _function(self) -> Command:
        self.advance()
        name, start = self.bare, self.start
        if not name:
            self.unexpected()
        self.advance()
        if self.symbol == "(":
            return self._function_with_parentheses(name)
        return self._body(name, start)

    def _function_with_parentheses(self, name: str) -> Function:
        start = self.start
        self.advance()
        if self.symbol != ")":
            self.unexpected()
        self.advance()
        return self._body(name, start)

    def _body(self, name: str, start: int) -> Function:
        if name in RESERVED or not FUNCTION_NAMES[self.dialect].fullmatch(name):
            self.fail("the name of a function is odd", start)
        self.skip_lines()
        command = self._command()
        if isinstance(command, Simple | Function):
            self.fail("the body of a function is no compound command", start)
        return Function(name, command)


_Reader = Callable[[_Parser], Command]

_COMPOUND: Final[dict[str, _Reader]] = {
    **dict.fromkeys(
        ("!", "}", "do", "done", "elif", "else", "esac", "fi", "in", "then"),
        _Parser._reserved,
    ),
    "{": _Parser._group,
    "case": _Parser._case,
    "for": _Parser._for,
    "if": _Parser._if,
    "until": _Parser._loop,
    "while": _Parser._loop,
}
_BASH_COMPOUND: Final[dict[str, _Reader]] = {
    **_COMPOUND,
    **dict.fromkeys(("]]", "time"), _Parser._reserved),
    "[[": _Parser.conditional,
    "coproc": _Parser._coproc,
    "function": _Parser._function,
    "select": _Parser._for,
}
