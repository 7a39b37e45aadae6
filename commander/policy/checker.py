"""The one place where a command becomes one that may run.

Two modes. With an allow-list, one simple command of plain words passes if its words
begin with the words of an entry; it is rendered again from those words, so what
runs is what was compared. Without one, every text passes as it is. The blocklists
hold in both. When in doubt an allow-list refuses and a blocklist does not: the
first is a promise, the second a guard rail.
"""

from __future__ import annotations

import re
import shlex
from typing import Final

import attrs

from commander.commands import CommandRequest
from commander.policy.blocklist import Blocklist, Hit
from commander.policy.budget import TooMuchError
from commander.policy.denials import Denied, deny, shorten
from commander.policy.environment import check_environment
from commander.policy.launchers import launches
from commander.policy.simple import NotPlain, plain_words
from commander.policy.words import MAX_NESTING, TooDeepError
from commander.principals import Principal

__all__ = ["MAX_COMMAND_BYTES", "Approved", "Denied", "PolicyChecker"]

MAX_COMMAND_BYTES: Final = 32 * 1024
"""Of the command's text in UTF-8. Longer texts are files; Linux takes 128 KiB."""

_MAX_RENDERED_BYTES: Final = 96 * 1024
"""Of the text for the shell; a quote inside a word becomes five characters."""
_MAX_ENTRIES_SHOWN: Final = 12
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SEAL: Final = object()


@attrs.frozen(kw_only=True, init=False)
class Approved:
    """A command that may run. Only a ``PolicyChecker`` can make one."""

    request: CommandRequest
    text: str
    """Exactly what the shell gets."""

    def __init__(
        self, *, request: CommandRequest, text: str, seal: object = None
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("only a PolicyChecker can approve a command")
        self.__attrs_init__(request=request, text=text)


class PolicyChecker:
    """Decides what may run; holds nothing but the operator's lists.

    Args:
        allowed: Commands that may run, each as words; none allows everything.
        blocked: Commands that may not, each as words; beside the default list.
        use_default_blocklist: Whether the default list is in force.
        allowed_env: Names that calls may set beside the harmless ones.
    """

    def __init__(
        self,
        *,
        allowed: tuple[str, ...],
        blocked: tuple[str, ...],
        use_default_blocklist: bool,
        allowed_env: tuple[str, ...],
    ) -> None:
        self.allowed_commands = allowed
        self.using_default_blocklist = use_default_blocklist
        self._entries = tuple(map(_entry_words, allowed))
        self._blocklist = Blocklist(blocked, use_default=use_default_blocklist)
        self._allowed_env = frozenset(allowed_env)

    @property
    def allow_all(self) -> bool:
        """Whether everything runs that no blocklist names."""
        return not self.allowed_commands

    @property
    def blocked_commands(self) -> tuple[str, ...]:
        """The operator's patterns, then the default list if it is in force."""
        return self._blocklist.names

    def check(self, request: CommandRequest, principal: Principal) -> Approved | Denied:
        """Decide on one request. Never raises; whoever asks is not yet looked at."""
        try:
            return self._check(request)
        except Exception as error:
            # A bug must not let a command through, nor end the call without an answer.
            cause = f"the policy failed on this command ({type(error).__name__})"
            return deny("checker-error", cause, "Please report it to the operator.")

    def _check(self, request: CommandRequest) -> Approved | Denied:
        refusal = _check_text(request.command) or check_environment(
            request.env, allowed=None if self.allow_all else self._allowed_env
        )
        if refusal is not None:
            return refusal
        if self.allow_all:
            return self._unless_blocked(request, request.command)
        words = plain_words(request.command)
        if isinstance(words, NotPlain):
            return _deny_syntax(words)
        rendered = shlex.join(words)
        if len(rendered.encode()) > _MAX_RENDERED_BYTES:
            return _deny_limit(f"takes over {_MAX_RENDERED_BYTES} bytes when quoted")
        verdict = self._unless_blocked(request, rendered)
        if isinstance(verdict, Denied):
            return verdict
        return self._check_allowed(words) or verdict

    def _unless_blocked(self, request: CommandRequest, text: str) -> Approved | Denied:
        try:
            hit = self._blocklist.find(text, request.working_directory)
        except TooDeepError:
            return _deny_limit(f"nests deeper than {MAX_NESTING} levels")
        except TooMuchError as error:
            return _deny_limit(str(error))
        if hit is not None:
            return _deny_hit(hit)
        return Approved(request=request, text=text, seal=_SEAL)

    def _check_allowed(self, words: tuple[str, ...]) -> Denied | None:
        """Compare with every entry; the first one that covers all decides."""
        cause = None
        for entry in self._entries:
            if entry and words[: len(entry)] == entry:
                cause = launches(words, entry)
                if cause is None:
                    return None
        if cause is not None:
            return deny(
                "launcher",
                cause,
                "A command without it may pass; an operator can list the command with "
                "the words in question in MCP_ALLOWED_COMMANDS.",
            )
        return deny(
            "not-allowed",
            f"`{shorten(shlex.join(words))}` begins with no entry of this server's "
            "allow-list",
            f"Allowed are commands that begin with {self._shown_entries()}; an "
            "operator can add others to MCP_ALLOWED_COMMANDS.",
        )

    def _shown_entries(self) -> str:
        shown = ", ".join(f"`{e}`" for e in self.allowed_commands[:_MAX_ENTRIES_SHOWN])
        more = len(self.allowed_commands) - _MAX_ENTRIES_SHOWN
        return f"{shown} (and {more} more)" if more > 0 else shown


def _entry_words(entry: str) -> tuple[str, ...]:
    """An entry's words; an entry that is no plain command is compared as written."""
    words = plain_words(entry)
    return words if isinstance(words, tuple) and words else tuple(entry.split())


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
        return deny("empty", "the command is empty", "Send the command to run.")
    return None


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


def _deny_syntax(found: NotPlain) -> Denied:
    return deny(
        "shell-syntax",
        f"{found.cause}, and this server's allow-list takes one simple command of "
        "plain words",
        "Send one command a call, its words bare or in single quotes; where an "
        "operator has set MCP_ALLOWED_COMMANDS nothing else passes.",
    )
