"""What is known of a shell at one point of its text.

A value is a tuple of alternatives: every content that a variable may have here. One
alternative is a tuple of elements, of which an ordinary variable has one and an array
any number, or None for a variable that is not set. Where two branches meet, their
scopes are merged: the alternatives are put together.

A variable that the text never sets is unset or comes from outside, so it has two
alternatives, unless its name is one that is always there. That is what makes
``rm -rf $X/`` a danger, ``rm -rf ${X:?}/`` none, and ``$SUDO reboot`` a reboot.

All growth is bounded: a value that is longer, or one variable more, is not known.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import attrs

from commander.policy.block.paths import climbs_to_root
from commander.policy.block.unknown import UNKNOWN
from commander.policy.budget import Budget
from commander.policy.shell.syntax import Command, Dialect
from commander.policy.wordset import wordset

__all__ = [
    "BLANKS",
    "HOME",
    "MAX_ALTERNATIVES",
    "UNKNOWN",
    "Elements",
    "Scope",
    "Texts",
    "Value",
]

HOME: Final = "/home/~"
"""Some home directory; what counts is whether it is left upwards."""

BLANKS: Final = " \t\n"
MAX_ALTERNATIVES: Final = 8
"""Of one value."""

_MAX_VALUE_CHARACTERS: Final = 4 * 1024
_MAX_PATH_CHARACTERS: Final = 256
_MAX_NAMES: Final = 64
"""Of variables, and of everything else that has names."""
_MAX_ELEMENTS: Final = 256

_FROM_OUTSIDE: Final = wordset(
    "BASH BASHPID BASH_SOURCE BASH_VERSION CI EPOCHSECONDS EUID GITHUB_WORKSPACE "
    "GROUPS HOSTNAME LANG LC_ALL LINENO LOGNAME OLDPWD OSTYPE PPID PWD RANDOM REPLY "
    "SECONDS SHELL SRANDOM TEMP TERM TMP TMPDIR UID USER VIRTUAL_ENV ? $ ! - _"
)
"""Names that have a value even if the text sets none."""

_T = TypeVar("_T")
Elements = tuple[str, ...]
Value = tuple[Elements | None, ...]
Texts = tuple[str, ...]
"""Alternatives of a text; never empty."""

_UNKNOWN_VALUE: Final[Value] = ((UNKNOWN,),)
_MAYBE_UNSET: Final[Value] = ((UNKNOWN,), None)
_OUTSIDE: Final[dict[str, Value]] = {
    "HOME": ((HOME,),),
    "IFS": ((BLANKS,),),
    "PATH": (("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",),),
}


@attrs.define
class Scope:
    """What is known of a shell at one point of its text."""

    budget: Budget
    """Of the whole decision; all scopes share it."""
    dialect: Dialect
    directories: tuple[str, ...] = ()
    """Where it may be, as far as known; absolute."""
    previous: tuple[str, ...] = ()
    """Where it was before the last ``cd``."""
    variables: dict[str, Value] = attrs.field(factory=dict)
    """Under ``@`` the arguments; without it they are not known."""
    functions: dict[str, Command] = attrs.field(factory=dict)
    aliases: dict[str, Texts] = attrs.field(factory=dict)
    files: dict[str, Texts] = attrs.field(factory=dict)
    """What the text itself wrote to files and pipes, by their names."""
    input: Texts = (UNKNOWN,)
    """What is left to read from standard input."""
    calls: tuple[str, ...] = ()
    """Functions that are being run, the innermost last."""
    forked: int = 0
    """How many functions were being run at the last ``&`` or ``|``."""
    open: bool = False
    """Variables may have been set by something that nobody can see."""
    strict: bool = False
    """``set -u``: a variable that is not set ends the shell."""
    depth: int = 0
    """Of nesting, in texts within texts as well."""

    def inner(self) -> Scope:
        """What a subshell or a branch starts with; its changes stay in it."""
        self.budget.spend(1 + len(self.variables) // 16)
        return attrs.evolve(
            self,
            variables=dict(self.variables),
            functions=dict(self.functions),
            aliases=dict(self.aliases),
            files=dict(self.files),
        )

    def fork(self) -> Scope:
        """What a shell in the background or in a pipeline starts with."""
        scope = self.inner()
        scope.forked = len(self.calls)
        return scope

    def become(self, ends: Sequence[Scope]) -> None:
        """Go on from any of several ends; there is at least one."""
        first, *others = ends
        for field in ("directories", "previous", "input", "strict", "open"):
            setattr(self, field, getattr(first, field))
        for field in ("variables", "functions", "aliases", "files"):
            setattr(self, field, getattr(first, field))
        for other in others:
            self.merge(other)

    def merge(self, other: Scope) -> None:
        """Go on from here or from another end."""
        self.budget.spend(1 + len(other.variables) // 16)
        self.directories = _union(self.directories, other.directories)
        self.previous = _union(self.previous, other.previous)
        self.input = _union(self.input, other.input)
        self.strict = self.strict and other.strict
        self.open = self.open or other.open
        self.functions.update(other.functions)
        self.aliases.update(other.aliases)
        for path, texts in other.files.items():
            self.files[path] = _union(self.files.get(path, ()), texts)
        for name in {*self.variables, *other.variables}:
            mine, theirs = self.variables.get(name), other.variables.get(name)
            if mine != theirs:
                self.variables[name] = _union(
                    self.lookup(name) if mine is None else mine,
                    other.lookup(name) if theirs is None else theirs,
                )

    # --- variables ---------------------------------------------------------------

    def lookup(self, name: str) -> Value:
        """Every content that a parameter may have."""
        if name.isdecimal() and len(name) <= len(str(_MAX_NAMES)):
            return self._argument(int(name))
        if name == "PWD":
            return tuple((path,) for path in self.directories) or _UNKNOWN_VALUE
        if name == "OLDPWD":
            return tuple((path,) for path in self.previous) or _UNKNOWN_VALUE
        if name == "#":
            return tuple((str(len(each or ())),) for each in self.lookup("@"))
        known = self.variables.get("@" if name == "*" else name, _OUTSIDE.get(name))
        if known is not None:
            return known
        closed = not self.open and name not in _FROM_OUTSIDE and name not in ("@", "*")
        return _MAYBE_UNSET if closed else _UNKNOWN_VALUE

    def _argument(self, number: int) -> Value:
        if number == 0:
            return self.variables.get("0", ((self.dialect.value,),))
        if "@" not in self.variables:
            return _UNKNOWN_VALUE
        arguments = (each or () for each in self.variables["@"])
        return tuple(dict.fromkeys(_nth(each, number - 1) for each in arguments))

    def assign(self, name: str, value: Iterable[Elements | None]) -> None:
        """Remember a value; one that is too long or too large is not known."""
        kept = tuple(dict.fromkeys(value))[:MAX_ALTERNATIVES]
        if name not in self.variables and len(self.variables) >= _MAX_NAMES:
            self.open = True
            return
        for each in kept:
            size = sum(map(len, each or ()))
            if size > _MAX_VALUE_CHARACTERS or len(each or ()) > _MAX_ELEMENTS:
                kept = _UNKNOWN_VALUE
                break
            self.budget.spend(1, size)
        self.variables[name] = kept or _UNKNOWN_VALUE

    def assign_text(self, name: str, texts: Texts) -> None:
        """Remember the texts of an ordinary variable."""
        self.assign(name, ((text,) for text in texts))

    def forget(self, name: str) -> None:
        """A variable is set, to nobody knows what."""
        self.assign(name, _UNKNOWN_VALUE)

    def hold(self, name: str) -> None:
        """The text has looked at a variable: it is not unset by accident."""
        if name not in self.variables and self.lookup(name) == _MAYBE_UNSET:
            self.forget(name)

    # --- the rest ----------------------------------------------------------------

    def enter(self, targets: Sequence[str]) -> None:
        """Follow a ``cd`` to any of several places, ``-`` for the last one."""
        here, places = self.directories, list[str]()
        for target in targets:
            if target == "-":
                places.extend(self.previous)
            elif target.startswith("/"):
                places.append(target)
            elif climbs_to_root(target):
                places.append(f"/{target}")
            else:
                places.extend(posixpath.join(base, target) for base in here)
        self.directories = tuple(
            dict.fromkeys(
                "/" + posixpath.normpath(place).lstrip("/")
                for place in places[:MAX_ALTERNATIVES]
                if UNKNOWN not in place and len(place) <= _MAX_PATH_CHARACTERS
            )
        )
        self.previous = here

    def path(self, name: str) -> str:
        """A file's name, the same however it is written, if that can be told."""
        base = self.directories[0] if len(self.directories) == 1 else ""
        return posixpath.normpath(posixpath.join(base, name))

    def write(self, name: str, texts: Texts) -> None:
        """Remember what is in a file now."""
        if len(self.files) < _MAX_NAMES and UNKNOWN not in name:
            self.files[self.path(name)] = texts

    def read(self, name: str) -> Texts:
        """What is in a file."""
        if name == "/dev/null":
            return ("",)
        if name in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"):
            return self.input
        return self.files.get(self.path(name), (UNKNOWN,))

    def define(self, name: str, body: Command) -> None:
        """Remember a function."""
        if len(self.functions) < _MAX_NAMES:
            self.functions[name] = body

    def name(self, name: str, texts: Texts) -> None:
        """Remember an alias."""
        if len(self.aliases) < _MAX_NAMES:
            self.aliases[name] = texts


def _nth(elements: Elements, index: int) -> Elements | None:
    """One of the arguments; what follows an unknown one is not known either."""
    if UNKNOWN in elements[:index]:
        return (UNKNOWN,)
    return elements[index : index + 1] or None


def _union(mine: tuple[_T, ...], theirs: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys((*mine, *theirs)))[:MAX_ALTERNATIVES]
