"""What may run, by the lists of one server.

``commander.policy.checker`` asks; nothing else may, since it alone approves. It is a
module of its own because it brings half of the policy with it, the grammar and the
tables, and a server that listens sooner has them read by its first command.

Two modes. With an allow-list, every command of the text must begin with the words of
an entry, and what the parser does not model is refused. Without one, a text is refused
for what a blocklist names, in any spelling that the tree can resolve, and never for
being unusual. The blocklists hold in both.

What runs is what was checked: the shell gets the text that is written anew from the
tree, wherever the whole of it was understood. Where it was not, which can only be
without an allow-list, it gets the text as it came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from commander.commands import CommandRequest, Stdin
from commander.policy.allow.allowlist import AllowList
from commander.policy.allow.judge import Judge
from commander.policy.allow.record import Draft
from commander.policy.block.blocklist import Blocklist, Hit
from commander.policy.budget import (
    MAX_NESTING,
    Budget,
    TooDeepError,
    TooMuchError,
)
from commander.policy.denials import Denied, Segment, deny, shorten
from commander.policy.environment import check_environment
from commander.policy.lists import PolicyLists
from commander.policy.shell.parser import NotModelledError, parse
from commander.policy.shell.render import NotRenderableError, render
from commander.policy.shell.syntax import Command, Dialect, Pipeline, Script, Statement

__all__ = ["MAX_COMMAND_BYTES", "Passed", "Rules", "dialect_of", "plain_words"]

MAX_COMMAND_BYTES: Final = 32 * 1024
"""Of the command's text in UTF-8. Longer texts are files; Linux takes 128 KiB."""

_MAX_RENDERED_BYTES: Final = 96 * 1024
"""Of the text for the shell; a quote inside a word becomes five characters."""
_MAX_CAUSES: Final = 3
"""Told in one reason; all are in the segments."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0]")
_SHELLS: Final = {
    "sh": Dialect.SH,
    "dash": Dialect.SH,
    "ash": Dialect.SH,
    "bash": Dialect.BASH,
}


def dialect_of(shell: str) -> Dialect | None:
    """How a shell reads a text, by the name of its program; None if nobody knows."""
    return _SHELLS.get(shell.rpartition("/")[2])


def plain_words(text: str) -> tuple[str, ...] | None:
    """The words of a text that is one command of static words; else None."""
    try:
        script = parse(text, Dialect.SH)
    except (NotModelledError, TooDeepError, TooMuchError):
        return None
    match script:
        case (Statement(Pipeline((command,), negated=False), (), background=False),):
            words = getattr(command, "words", ())
            bare = not (
                getattr(command, "assignments", True)
                or getattr(command, "redirections", True)
            )
            statics = [getattr(word, "static", None) for word in words]
            if bare and statics and None not in statics:
                return tuple(word for word in statics if word is not None)
    return None


@attrs.frozen(kw_only=True)
class Passed:
    """What is said of a command that may run."""

    text: str
    """Exactly what the shell is to get."""
    drafts: tuple[Draft, ...] = ()
    """Every command of the text, in its order, where there is an allow-list."""


class Rules:
    """Judges commands; holds nothing but the operator's lists.

    Args:
        lists: As the operator wrote them.

    Raises:
        ValueError: There is an allow-list, and nobody knows how the shell reads texts.
    """

    def __init__(self, lists: PolicyLists) -> None:
        self._allows_all = not lists.allowed
        self._allowed_env = frozenset(lists.allowed_env)
        self._allowed = AllowList(
            lists.allowed, map(_entry_words, lists.allowed), may_set=self._allowed_env
        )
        self._blocklist = Blocklist(
            lists.blocked, use_default=lists.use_default_blocklist
        )
        self._terminals = lists.terminals
        known = dialect_of(lists.shell)
        if known is None and lists.allowed:
            raise ValueError(f"no allow-list can hold for the shell {lists.shell}")
        self._dialect = known or Dialect.BASH
        self._renders = known is not None
        self._places = lists.places

    @property
    def blocked_commands(self) -> tuple[str, ...]:
        """The operator's patterns, then the default list if it is in force."""
        return self._blocklist.names

    def check_environment(self, env: Mapping[str, str | None]) -> Denied | None:
        """Judge the variables that a call sets, or takes away with None."""
        allowed = None if self._allows_all else self._allowed_env
        return check_environment(env, allowed=allowed)

    def judge(self, request: CommandRequest) -> Passed | Denied:
        """Decide on one request."""
        refusal = (
            _check_text(request.command)
            or self.check_environment(request.env)
            or self._check_directory(request.working_directory)
            or self._check_terminal(request.stdin)
        )
        if refusal is not None:
            return refusal
        try:
            return self._check_commands(request)
        except TooDeepError:
            return _deny_limit(f"nests deeper than {MAX_NESTING} levels")
        except TooMuchError as error:
            return _deny_limit(str(error))

    def _check_directory(self, directory: str | None) -> Denied | None:
        if not self._places.workspace or directory is None:
            return None
        if self._places.contains(directory):
            return None
        return deny(
            "working-directory",
            f"the working directory `{shorten(directory)}` is not in "
            f"{' or '.join(self._places.workspace)}",
            "Choose one that is; an operator can add to MCP_WORKSPACE.",
        )

    def _check_terminal(self, stdin: Stdin) -> Denied | None:
        if self._terminals or stdin is not Stdin.TERMINAL:
            return None
        return deny(
            "terminal",
            "commands get no terminal on this server",
            'Start it without "tty"; an operator can set MCP_TERMINALS=on.',
        )

    def _check_commands(self, request: CommandRequest) -> Passed | Denied:
        budget = Budget()
        directory = request.working_directory
        try:
            script = parse(request.command, self._dialect, budget=budget)
        except NotModelledError as error:
            return self._check_unmodelled(request, error, budget)
        if not script:
            return _deny_empty()
        hit = self._blocklist.find(
            script,
            directory,
            dialect=self._dialect,
            budget=budget,
            environment=request.env,
            text=request.command,
        )
        if hit is not None:
            return _deny_hit(hit)
        if not self._allows_all:
            return self._check_allowed(request, script, budget)
        text = request.command
        if self._blocklist.names and self._renders:
            text = self._rendered(script) or text
        return Passed(text=text)

    def _check_unmodelled(
        self, request: CommandRequest, error: NotModelledError, budget: Budget
    ) -> Passed | Denied:
        if not self._allows_all:
            return _deny_syntax(error)
        directory, dialect = request.working_directory, self._dialect
        hit = self._blocklist.find(
            error.before,
            directory,
            dialect=dialect,
            budget=budget,
            environment=request.env,
        ) or self._blocklist.scan(
            request.command, directory, dialect=dialect, budget=budget
        )
        if hit is not None:
            return _deny_hit(hit)
        return Passed(text=request.command)

    def _check_allowed(
        self, request: CommandRequest, script: Script, budget: Budget
    ) -> Passed | Denied:
        drafts = Judge(
            allowed=self._allowed,
            places=self._places,
            dialect=self._dialect,
            budget=budget,
            show=self._shown,
        ).judge(script, request.working_directory)
        if any(draft.refusals for draft in drafts):
            return _deny_segments(tuple(draft.finish() for draft in drafts))
        text = self._rendered(script)
        if text is None:
            return _deny_limit(
                f"cannot be written anew in {_MAX_RENDERED_BYTES} bytes; split it up"
            )
        return Passed(text=text, drafts=drafts)

    def _rendered(self, script: Script) -> str | None:
        """The text for the shell; None if there is none, or a longer one."""
        try:
            text = render(script, self._dialect)
        except NotRenderableError:
            return None
        return text if len(text.encode()) <= _MAX_RENDERED_BYTES else None

    def _shown(self, command: Command) -> str:
        try:
            return render((Statement(Pipeline((command,))),), self._dialect)
        except NotRenderableError:
            return "..."


def _entry_words(entry: str) -> tuple[str, ...]:
    """An entry's words; an entry that is no plain command is compared as written."""
    return plain_words(entry) or tuple(entry.split())


def _check_text(command: str) -> Denied | None:
    """Look at the text as characters, before anything reads it."""
    if len(command) > MAX_COMMAND_BYTES:
        return _deny_length()
    try:
        size = len(command.encode())
    except UnicodeEncodeError:
        return _deny_limit("holds half of a surrogate pair, which is no character")
    if size > MAX_COMMAND_BYTES:
        return _deny_length()
    if control := _CONTROL.search(command):
        return _deny_limit(f"holds the control character U+{ord(control[0]):04X}")
    if not command.strip(" \t\n"):
        return _deny_empty()
    return None


def _deny_empty() -> Denied:
    return deny("empty", "there is no command in it", "Send the command to run.")


def _deny_length() -> Denied:
    return _deny_limit(f"is longer than {MAX_COMMAND_BYTES} bytes of UTF-8")


def _deny_limit(cause: str) -> Denied:
    return deny(
        "limits",
        f"the command {cause}",
        "Write long or unusual text to a file first; no setting changes this limit.",
    )


def _deny_hit(hit: Hit) -> Denied:
    if hit.operators:
        return deny(
            "operator-blocklist",
            f"`{shorten(hit.found)}` is blocked on this server by the entry "
            f"`{hit.name}`",
            "Please do not look for another spelling; an operator can take it off "
            "MCP_BLOCKED_COMMANDS.",
        )
    return deny(
        "default-blocklist",
        f"`{shorten(hit.found)}` falls under `{hit.name}` of this server's default "
        "blocklist",
        "Please do not look for another spelling; an operator can switch the list off "
        "with --use-default-blocklist=false.",
    )


def _deny_syntax(error: NotModelledError) -> Denied:
    return deny(
        "shell-syntax",
        f"{error.reason} (at character {error.position}, `{shorten(error.fragment)}`)",
        "What this server does not understand does not pass where an operator has set "
        "MCP_ALLOWED_COMMANDS; write it in plainer shell.",
    )


def _deny_segments(segments: tuple[Segment, ...]) -> Denied:
    # A text of sh is read in two ways, and mostly says the same in both.
    refused = list(dict.fromkeys(each for each in segments if each.rule_id))
    causes = [f"in `{each.text}`, {each.reason}" for each in refused[:_MAX_CAUSES]]
    if len(refused) > _MAX_CAUSES:
        causes.append(f"and {len(refused) - _MAX_CAUSES} more commands are refused")
    remedies = dict.fromkeys(each.remedy for each in refused[:_MAX_CAUSES])
    remedy = " ".join(filter(None, remedies))
    return deny(refused[0].rule_id, "; ".join(causes), remedy, segments)
