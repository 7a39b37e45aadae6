"""What is kept of a shell between two commands: its directory and its variables.

No shell lives on between them. Each command is a process of its own, with its own
tree, limits and ending, and starts where the one before it has left off. So nothing
that one command does can wedge the next, and the policy judges each knowing the
directory and the variables.

A command that runs in a shell gets a line in front of its text. It sets what the
environment cannot hold, variables that are not exported, and has the shell tell its
state when it exits, on ``REPORT``. A shell that is killed or replaced by another
program tells nothing; then the state is what it was before.

The report is three texts, each with a NUL behind it: the directory, what ``export -p``
prints, and what ``set`` prints. Whoever runs below the shell could have written it
too, which gives nobody more than the command itself had: it is judged like the rest of
the next request.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from commander.execution.descriptors import REPORT

__all__ = ["ShellReport", "ShellState", "prologue", "read_report"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXPORTED: Final = re.compile(
    r"(?:export|declare -[a-zA-Z]*) ([A-Za-z_][A-Za-z0-9_]*)(=?)"
)
_SET: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(=)")
_WORD: Final = re.compile(
    r"""
      '(?P<single>[^']*)'
    | \$'(?P<ansi>(?:[^'\\]|\\.)*)'
    | "(?P<double>(?:[^"\\]|\\.)*)"
    | \\(?P<escaped>.)
    | (?P<plain>(?:[^'"\\$\n] | \$(?!'))+)
    """,
    re.VERBOSE | re.DOTALL,
)
_DOUBLE_ESCAPE: Final = re.compile(r"\\([$`\"\\\n])")
_ANSI_ESCAPE: Final = re.compile(
    r"\\(?:([abefnrtv\\'\"?])|([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})"
    r"|U([0-9A-Fa-f]{1,8})|E|c(.))",
    re.DOTALL,
)
_SURROGATES: Final = range(0xD800, 0xE000)
_ANSI_LETTERS: Final = dict(zip("abefnrtv", "\a\b\x1b\f\n\r\t\v", strict=True))

_OWN: Final = frozenset(
    {
        "BASH",
        "BASHOPTS",
        "BASHPID",
        "BASH_ARGV0",
        "BASH_COMMAND",
        "BASH_EXECUTION_STRING",
        "BASH_SUBSHELL",
        "BASH_VERSION",
        "COLUMNS",
        "COMP_WORDBREAKS",
        "DIRSTACK",
        "EPOCHREALTIME",
        "EPOCHSECONDS",
        "EUID",
        "FUNCNAME",
        "GROUPS",
        "HISTCMD",
        "HOSTNAME",
        "HOSTTYPE",
        "IFS",
        "LINENO",
        "LINES",
        "MACHTYPE",
        "OLDPWD",
        "OPTARG",
        "OPTERR",
        "OPTIND",
        "OSTYPE",
        "PIPESTATUS",
        "POSIXLY_CORRECT",
        "PPID",
        "PS1",
        "PS2",
        "PS4",
        "PWD",
        "RANDOM",
        "SECONDS",
        "SHELL",
        "SHELLOPTS",
        "SHLVL",
        "SRANDOM",
        "TERM",
        "UID",
        "_",
    }
)
"""What each shell makes anew."""
_OWN_PREFIXES: Final = ("BASH_", "COMMANDER_", "MCP_")
_HELD: Final = (7, 8)
"""Where a shell holds its report. Not on 3, which people take for a copy of their
output; and on two, since whoever takes one of these does not mean to have all variables
written there: the shell tells its state only if both still are the same."""


@attrs.frozen(kw_only=True)
class ShellState:
    """What the next command of a shell finds, beside its environment."""

    unexported: frozenset[str] = frozenset()
    """Names of the request's ``env`` that are variables of the shell only."""
    unset: tuple[str, ...] = ()
    """Names that the command would inherit, and that the shell has taken away."""


@attrs.frozen(kw_only=True)
class ShellReport:
    """What a shell told at its end."""

    directory: str
    exported: Mapping[str, str]
    unexported: Mapping[str, str]
    unset: tuple[str, ...]
    """Names that it would have inherited."""


def prologue(state: ShellState, env: Mapping[str, str], shell: str) -> str:
    """The line in front of a command's text.

    Args:
        state: Of the shell.
        env: Of the request; the policy has seen it.
        shell: Path of the program.
    """
    words = [f"unset {name}; " for name in state.unset if _NAME.fullmatch(name)]
    for name in sorted(state.unexported):
        words.append(f"{name}={_quoted(env[name])}; ")
    # In POSIX mode bash leaves its functions out.
    tell_all = "set"
    if shell.rpartition("/")[2] == "bash":
        tell_all = "(set -o posix; set)"
    first, second = _HELD
    words.append(
        f"trap '{{ if [ /dev/fd/{first} -ef /dev/fd/{second} ]; then {{ "
        r'printf "%s\0" "${PWD-}"; export -p; printf "\0"; '
        rf'{tell_all}; printf "\0"; '
        f"}} >&{first}; fi; }} 2>/dev/null' EXIT; "
        f"exec {first}>&{REPORT} {second}>&{REPORT} {REPORT}>&-\n"
    )
    return "".join(words)


def read_report(data: bytes, inherited: Mapping[str, str]) -> ShellReport | None:
    """What a report tells; None if it is not whole.

    Arrays and what every shell makes anew are left out, and so is what a command
    inherits anyhow.

    Args:
        data: As it came.
        inherited: The variables that every command gets, with their values.
    """
    texts = data.decode("utf-8", "surrogateescape").split("\0")
    if len(texts) < 4 or not texts[0].startswith("/"):
        return None
    directory, exports, everything = texts[:3]
    exported = dict(_told(exports, _EXPORTED))
    return ShellReport(
        directory=directory,
        exported={
            name: value
            for name, value in exported.items()
            if value is not None and _is_kept(name) and inherited.get(name) != value
        },
        unexported={
            name: value
            for name, value in _told(everything, _SET)
            if value is not None and _is_kept(name) and name not in exported
        },
        unset=tuple(sorted(inherited.keys() - exported.keys() - _OWN)),
    )


def _is_kept(name: str) -> bool:
    return name not in _OWN and not name.startswith(_OWN_PREFIXES)


def _told(text: str, line: re.Pattern[str]) -> Iterator[tuple[str, str | None]]:
    """The variables that a shell has printed for itself to read.

    Args:
        text: What it printed.
        line: How a variable begins; it ends with whether there is a value.

    Yields:
        Names and values; None where there is no value, or an array.
    """
    position = 0
    while position < len(text):
        found = line.match(text, position)
        if found is not None:
            value, position = None, found.end()
            if found[2]:
                value, position = _value(text, position)
            yield found[1], value
        position = _next_line(text, position)


def _value(text: str, position: int) -> tuple[str | None, int]:
    """A value with its quotes taken off; None for an array, or what can be none."""
    if text.startswith("(", position):
        return None, position
    parts: list[str] = []
    while position < len(text) and text[position] != "\n":
        found = _WORD.match(text, position)
        if found is None:
            return None, position
        parts.append(_unquoted(found))
        position = found.end()
    # Bytes of one character may have been told one by one.
    told = "".join(parts).encode("utf-8", "surrogateescape")
    value = told.decode("utf-8", "surrogateescape")
    return None if "\0" in value else value, position


def _unquoted(found: re.Match[str]) -> str:
    kind = str(found.lastgroup)
    inner = found[kind]
    if kind == "double":
        return _DOUBLE_ESCAPE.sub(lambda m: "" if m[1] == "\n" else m[1], inner)
    if kind == "ansi":
        return _ANSI_ESCAPE.sub(_ansi, inner)
    return "" if kind == "escaped" and inner == "\n" else inner


def _ansi(found: re.Match[str]) -> str:
    letter, octal, small, short, long, control = found.groups()
    if letter is not None:
        return _ANSI_LETTERS.get(letter, letter)
    if octal is not None or small is not None:
        byte = int(octal, 8) if octal is not None else int(small, 16)
        return bytes([byte & 0xFF]).decode("ascii", "surrogateescape")
    if short is not None or long is not None:
        number = int(short or long, 16)
        if number > sys.maxunicode or number in _SURROGATES:
            return "\N{REPLACEMENT CHARACTER}"
        return chr(number)
    return "\x1b" if control is None else chr(ord(control) & 0x1F)


def _next_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"
