"""One command against an allow-list: its words, and what they carry.

``judge`` walks the text and brings the words of each simple command here. What they
carry comes back to it as a text, or here again as words.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from functools import partial

from commander.policy.allow.allowlist import AllowList
from commander.policy.allow.assignments import steers
from commander.policy.allow.code_usage import is_streamed
from commander.policy.allow.fields import Field
from commander.policy.allow.record import Draft, Record
from commander.policy.allow.scopes import Certain
from commander.policy.allow.shell_builtins import IMPLICIT, REFUSED, builtin_problems
from commander.policy.allow.targets import Places
from commander.policy.allow.usage import (
    Finding,
    InnerCommand,
    InnerText,
    Problem,
    Setting,
    Target,
    use,
)
from commander.policy.budget import MAX_NESTING, TooDeepError
from commander.policy.denials import shorten
from commander.policy.programs import find
from commander.policy.shell.syntax import Dialect

__all__ = ["CommandJudge"]


class CommandJudge:
    """Judges commands; one for each text.

    Args:
        allowed: The entries.
        places: Where may be written.
        record: Takes what is to be said.
        judge_text: Judges a text that a shell of this name runs.
    """

    def __init__(
        self,
        *,
        allowed: AllowList,
        places: Places,
        record: Record,
        judge_text: Callable[[Field, str, Certain], None],
    ) -> None:
        self._allowed = allowed
        self._places = places
        self._record = record
        self._judge_text = judge_text
        self._depth = 0
        self._linked: set[str] = set()
        """Names that the text makes links of."""
        self.dialect = Dialect.SH

    def sets(self, name: str, value: str | None) -> None:
        """Judge a variable that is set; None for a value that is not known."""
        if name and steers(name, value) and not self._allowed.may_set(name):
            self._record.refuse(
                "assignment",
                f"the variable `{shorten(name)}` decides what programs do",
                "Leave it out; an operator can add the name to MCP_ALLOWED_ENV.",
            )

    def run(self, fields: Sequence[Field], scope: Certain) -> None:
        """Judge words that run as a command."""
        if self._depth > MAX_NESTING:
            raise TooDeepError
        self._depth += 1
        try:
            self._judge_words(fields, scope)
        finally:
            self._depth -= 1

    def _judge_words(self, fields: Sequence[Field], scope: Certain) -> None:
        first = fields[0]
        if not first.static or not first.text.isascii() or not first.text:
            self._record.refuse(
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
            self._record.refuse(
                "builtin",
                f"`{name}` evaluates text or changes what later commands mean",
                "Write the commands out one by one.",
            )
            return
        for problem in builtin_problems(fields, self.dialect):
            self._record.refuse("builtin", f"`{name}`: {problem}")
        if name in IMPLICIT:
            return
        entries = self._allowed.matching(fields)
        if not entries:
            self._record.refuse(
                "not-allowed",
                f"no entry of this server's allow-list covers `{name}`",
                self._allowed.remedy(),
            )
            return
        self._use(fields, entries, scope)
        self._remember_links(fields)

    def _allowed_builtin(self, fields: Sequence[Field], scope: Certain) -> bool:
        """The few forms of refused builtins that an entry allows."""
        if not self._allowed.matching(fields):
            return False
        words = fields[1:]
        match fields[0].text:
            case "command":
                return bool(words) and words[0].text in ("-v", "-V")
            case "." | "source":
                return bool(words) and _is_script(words[0])
            case "mapfile" | "readarray":
                return all(word.static and _is_plain(word.text) for word in words)
        return False

    def _use(
        self,
        fields: Sequence[Field],
        entries: Sequence[tuple[str, ...]],
        scope: Certain,
    ) -> None:
        """Judge by the entry that has the least against it."""
        program = find(posixpath.basename(fields[0].text))
        if program is None:
            return
        best: tuple[list[tuple[str, str, str]], list[Draft]] | None = None
        draft, kept, drafts = (
            self._record.draft,
            self._record.draft.refusals,
            self._record.drafts,
        )
        for entry in entries:
            draft.refusals, self._record.drafts = [], []
            for finding in use(program, fields, entry):
                self._find(finding, scope)
                self._record.draft = draft
            inner = sum(len(each.refusals) for each in self._record.drafts)
            if best is None or len(draft.refusals) + inner == 0:
                best = draft.refusals, self._record.drafts
            if not (best[0] or any(each.refusals for each in best[1])):
                break
        draft.refusals, self._record.drafts = kept, drafts
        if best is not None:
            draft.refusals.extend(best[0])
            self._record.drafts.extend(best[1])

    def _find(self, finding: Finding, scope: Certain) -> None:
        match finding:
            case Problem(cause):
                self._record.refuse(
                    "program",
                    cause,
                    "A command without it may pass; an operator can name it in an "
                    "entry of MCP_ALLOWED_COMMANDS.",
                )
            case InnerCommand(fields):
                self._record.depth += 1
                self._record.begin(partial(_shown, fields))
                if fields:
                    self.run(fields, scope.copy())
                self._record.depth -= 1
            case InnerText(text, shell):
                self._judge_text(text, shell, scope)
            case Target(field):
                self.target(field, scope)
            case Setting(name, value):
                self.sets(name, value)

    def _change_directory(self, words: Sequence[Field], scope: Certain) -> None:
        operands = [word for word in words if word.text not in ("--", "-P", "-L")]
        scope_before, scope.directory = scope.directory, None
        if len(operands) != 1 or not operands[0].static or not operands[0].text:
            return
        text = operands[0].text
        if text.startswith("-") or ".." in text.split("/") or self._is_link(text):
            return
        if text.startswith("/"):
            scope.directory = text
        elif scope_before is not None:
            scope.directory = posixpath.join(scope_before, text)

    def _remember_links(self, fields: Sequence[Field]) -> None:
        """What a command makes links of, whatever they will point to."""
        name = posixpath.basename(fields[0].text)
        words = [posixpath.normpath(field.text) for field in fields[1:]]
        links = name == "ln" or (name == "cp" and any(_makes_links(w) for w in words))
        if links and words:
            last = words[-1]
            names = map(posixpath.basename, words)
            self._linked.update((last, *names))
            self._linked.update(f"{last}/{posixpath.basename(w)}" for w in words)

    def _is_link(self, target: str) -> bool:
        """Whether a path is, or leads through, a link that the text makes."""
        parts = posixpath.normpath(target).split("/")
        leading = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        return not self._linked.isdisjoint(leading)

    def target(self, field: Field, scope: Certain) -> None:
        """Judge a file that is written."""
        problem = self._places.problem(field, scope.directory)
        if problem is None and self._is_link(field.text):
            problem = "is a link, or behind one, that the same text makes"
        if problem is not None:
            self._record.refuse(
                "target",
                f"the target `{shorten(field.shown())}` {problem}",
                "Write to a plain relative name or to /tmp; an operator can set "
                "MCP_WORKSPACE.",
            )


def _shown(fields: Sequence[Field]) -> str:
    return " ".join(field.shown() for field in fields)


def _makes_links(word: str) -> bool:
    """Whether a word of ``cp`` makes links or copies them as they are."""
    if word.startswith("--"):
        return word.startswith(("--s", "--arch", "--no-d", "--pres"))
    return word.startswith("-") and not {"s", "a", "d", "P"}.isdisjoint(word)


def _is_script(word: Field) -> bool:
    """Whether a word names a file: from bash 5.3 on, ``.`` has an option, ``-p``."""
    return word.static and not word.text.startswith("-") and not is_streamed(word)


def _is_plain(word: str) -> bool:
    return word == "-t" or (word.isidentifier() and not steers(word, None))
