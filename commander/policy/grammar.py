"""From tokens to a tree: what runs, joined by what.

The reader is lenient. A shell runs a text line by line and finds an error only
when it comes to it, so a keyword out of place must not hide what stands before.
Where the grammar says where a thing ends (``)``, ``}``, ``esac``) it is kept;
``if``, ``while`` and their like only separate commands here.
"""

from __future__ import annotations

import re
from typing import Final

from commander.policy.budget import Budget
from commander.policy.tree import (
    Command,
    Function,
    Group,
    Loop,
    Pipeline,
    Redirection,
    Script,
    Simple,
    Text,
    Word,
)
from commander.policy.words import Scanner, UnreadableError
from commander.policy.wordset import wordset

__all__ = ["parse"]

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^]]*\])?(\+?)=")
_KEYWORDS: Final = wordset("! if then elif else fi while until do done time coproc")
"""Those that a command may follow, which is all that they mean here."""
_BRANCH_ENDS: Final = frozenset({";;", ";&", ";;&", "esac"})
_STRAY: Final = frozenset({";", "&", "&&", "||", "\n", ")", "}"}) | _BRANCH_ENDS
"""What ends a command, and means nothing where a command may begin."""

_HERE_DOCUMENTS: Final = frozenset({"<<", "<<-"})
_REDIRECTING: Final = _HERE_DOCUMENTS | {"<", ">", ">>", "<>", "<&", ">&", ">|", "<<<"}


def parse(
    text: str,
    *,
    budget: Budget | None = None,
    ansi_quotes: bool = True,
    depth: int = 0,
) -> Script:
    """Read a shell text.

    Args:
        text: Of any content.
        budget: Of the decision that the text is read for; None for one of its own.
        ansi_quotes: Whether ``$'...'`` is one quote, as in bash, or a dollar sign
            before one, as in dash.
        depth: Levels of nesting around the text.

    Raises:
        UnreadableError: The text ends inside a quote or a substitution.
        TooDeepError: It nests deeper than ``words.MAX_NESTING``.
        TooMuchError: It takes more than the budget.
    """
    scanner = Scanner(
        text,
        _read_nested,
        budget=budget or Budget(),
        ansi_quotes=ansi_quotes,
        depth=depth,
    )
    return _Reader(scanner).script(frozenset())


def _read_nested(scanner: Scanner, closer: str) -> Script:
    reader = _Reader(scanner)
    with scanner.nested():
        script = reader.script(frozenset({closer}))
    if reader.end() != closer:
        raise UnreadableError
    return script


class _Reader:
    """Recursive descent with one token of look-ahead."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._ahead: Word | str | None = None

    def _peek(self) -> Word | str:
        if self._ahead is None:
            self._ahead = self._scanner.token()
        return self._ahead

    def _next(self) -> Word | str:
        token = self._peek()
        self._ahead = None
        return token

    def _take(self, *wanted: str) -> str | None:
        """Consume the next token if it is one of these operators or keywords."""
        if (text := _plain(self._peek())) in wanted:
            self._ahead = None
            return text
        return None

    def _skip_newlines(self) -> None:
        while self._take("\n"):
            pass

    # --- sequences -------------------------------------------------------------

    def script(self, ends: frozenset[str]) -> Script:
        """Read up to one of these operators or keywords, or the end of the text."""
        pipelines: list[Pipeline] = []
        while True:
            token = _plain(self._peek())
            if token == "" or token in ends:
                return tuple(pipelines)
            if token in _STRAY:
                self._next()
            else:
                pipelines.append(self._pipeline())

    def end(self) -> str:
        """Consume what ended the last script."""
        return _plain(self._next())

    def _nested(self, *ends: str) -> Script:
        with self._scanner.nested():
            script = self.script(frozenset(ends))
        return script

    def _pipeline(self) -> Pipeline:
        after_keyword = self._skip_keywords()
        commands = [self._command()]
        while self._take("|", "|&"):
            self._skip_newlines()
            after_keyword |= self._skip_keywords()
            commands.append(self._command())
        return Pipeline(tuple(commands), self._peek() == "&", after_keyword)

    def _skip_keywords(self) -> bool:
        found = False
        while (keyword := _plain(self._peek())) in _KEYWORDS:
            found = True
            self._next()
            if keyword == "time":
                self._take("-p")
            self._skip_newlines()
        return found

    # --- commands --------------------------------------------------------------

    def _command(self) -> Command:
        self._scanner.budget.command()
        token = self._peek()
        match _plain(token):
            case "(":
                return self._parentheses()
            case "{":
                return self._braces()
            case "case":
                return self._case()
            case "for" | "select":
                return self._loop()
            case "function":
                self._next()
                return self._function(_plain(self._next()))
        return self._simple()

    def _parentheses(self) -> Group:
        scanner = self._scanner
        around = scanner.arithmetic
        scanner.arithmetic = around or scanner.text.startswith("(", scanner.position)
        self._next()
        body = self._nested(")")
        self._next()
        scanner.arithmetic = around
        return Group(body, self._redirections(), subshell=True)

    def _braces(self) -> Group:
        self._next()
        body = self._nested("}")
        self._next()
        return Group(body, self._redirections())

    def _case(self) -> Group:
        self._next()
        subject = self._next()
        words = (subject,) if isinstance(subject, Word) else ()
        commands = [Pipeline((Loop("", words),))]
        self._skip_newlines()
        self._take("in")
        while self._peek() != "" and not self._take("esac"):
            if self._next() == ")":  # everything up to there is the pattern
                commands.extend(self._nested(*_BRANCH_ENDS))
                self._take(";;", ";&", ";;&")
        return Group(tuple(commands), self._redirections())

    def _loop(self) -> Loop:
        self._next()
        if self._peek() == "(":
            return Loop("", ())  # for ((...)): the group is read as what follows
        name = _plain(self._next())
        self._skip_newlines()
        words: list[Word] = []
        if self._take("in"):
            while isinstance(token := self._peek(), Word):
                words.append(token)
                self._next()
        return Loop(name, tuple(words))

    def _function(self, name: str) -> Function:
        if self._take("("):
            self._take(")")
        self._skip_newlines()
        with self._scanner.nested():
            self._skip_keywords()
            return Function(name, (Pipeline((self._command(),)),))

    def _simple(self) -> Command:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while True:
            if words and words[-1].bare == "=~":
                words.append(self._scanner.regex())
            redirections.extend(self._redirections())
            token = self._peek()
            if not isinstance(token, Word) or (not words and token.bare in _STRAY):
                break
            self._next()
            assignment = None if words else _split_assignment(token)
            if assignment:
                assignments.append(assignment)
            else:
                words.append(token)
        may_name_function = len(words) == 1 and not assignments
        if may_name_function and self._peek() == "(":
            return self._function(words[0].static or "")
        return Simple(tuple(assignments), tuple(words), tuple(redirections))

    # --- redirections ----------------------------------------------------------

    def _redirections(self) -> tuple[Redirection, ...]:
        found: list[Redirection] = []
        while isinstance(operator := self._peek(), str) and operator in _REDIRECTING:
            self._next()
            if operator in _HERE_DOCUMENTS and not self._scanner.arithmetic:
                found.append(self._scanner.here_document(operator))
                continue
            operator = "<" if operator in _HERE_DOCUMENTS else operator
            target = self._peek()
            if isinstance(target, Word):
                self._next()
                found.append(Redirection(operator, target))
        return tuple(found)


def _plain(token: Word | str) -> str:
    """An operator, or the text of a word that may be a keyword."""
    if isinstance(token, str):
        return token
    return token.bare or " "


def _split_assignment(word: Word) -> tuple[str, Word] | None:
    match word.parts:
        case (Text(text=text, quoted=False), *rest):
            name = _ASSIGNMENT.match(text)
            if name is None:
                return None
            value = Text(text[name.end() :], quoted=False)
            kept = name[1] + name[3] if name[2] is None else ""
            return kept, Word((value, *rest))
    return None
