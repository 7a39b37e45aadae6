"""From an allow-list to the files that commands may execute.

These are the programs that its entries begin with, their companions as
``commander.policy.companions`` knows them, what stands in front of every command, and
whatever the kernel has to open to execute one of those. One entry whose program may
execute anything makes all of it pointless: it is *open*, and is named.
"""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from commander.execution.environment import DEFAULT_PATH
from commander.execution.programs import find_programs, with_interpreters
from commander.policy.companions import MANY_IN_ONE, Companions, companions_of

__all__ = ["Executables", "Identity", "find_executables", "identity_of"]

_UNLISTED: Final = ("true", "false", "test", "[", "pwd")
"""What the policy lets pass without an entry and is a program as well."""
_FIND_EXECUTES: Final = ("-exec", "-execdir", "-ok", "-okdir")
_KNOWN: Final = Companions()


Identity = tuple[int, int]
"""Of a file: its device and its number there."""


@attrs.frozen(kw_only=True)
class Executables:
    """What commands may execute behind an allow-list."""

    files: Mapping[str, Identity] = attrs.field(factory=dict)
    """Real paths of programs, scripts, interpreters and loaders, and which file each
    was: the kernel's rules are about these files, whatever stands there later."""
    directories: tuple[str, ...] = ()
    """Everything in and below them."""
    programs: int = 0
    """How many that the list names are there."""
    not_found: tuple[str, ...] = ()
    """Programs of entries that are not there; nothing is added for them."""
    opened_by: tuple[str, ...] = ()
    """Entries whose programs may execute anything."""
    many_in_one: tuple[str, ...] = ()
    """Files among the above that hold more programs than their entry names."""

    def cover(self, path: str) -> bool:
        """Whether a real path means one of them now."""
        return identity_of(path) in self.files.values() or any(
            path.startswith(f"{each}/") for each in self.directories
        )


def identity_of(path: str) -> Identity | None:
    """Which file a path means now; None if none can be reached."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def find_executables(
    entries: Iterable[str], *, in_front: Iterable[str], path: str
) -> Executables:
    """Look at the machine; executes nothing and takes some milliseconds.

    Args:
        entries: Of the allow-list.
        in_front: Paths of the shell and of what replaces itself with it.
        path: Where commands look for programs.
    """
    finding = _Finding(path, f"{path}:{DEFAULT_PATH}")
    for entry in entries:
        finding.add_entry(entry)
    for name in _UNLISTED:
        finding.files.update(find_programs(name, path))
    finding.files.update(in_front)
    files = with_interpreters(finding.files, finding.companions_path)
    return Executables(
        files={
            file: identity
            for file in sorted(files)
            if (identity := identity_of(file)) is not None
        },
        directories=tuple(sorted(finding.directories)),
        programs=len(finding.programs),
        not_found=tuple(finding.not_found),
        opened_by=tuple(finding.opened_by),
        many_in_one=tuple(
            sorted(file for file in files if posixpath.basename(file) in MANY_IN_ONE)
        ),
    )


def _runs_arguments(program: str) -> bool:
    companions = companions_of(posixpath.basename(program))
    return companions is not None and companions.runs_arguments


def _wrapped(
    program: str, words: Sequence[str], path: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The programs that one executes because an entry's words say so, with files.

    The first word that is a program counts: what stands before it are options and
    their values, what comes behind it is the affair of that program.
    """
    while _runs_arguments(program):
        places = [at for at, word in enumerate(words) if word in _FIND_EXECUTES]
        if posixpath.basename(program) == "find":
            words = words[places[0] + 1 :] if places else ()
        for place, word in enumerate(words):
            if found := find_programs(word, path):
                yield word, found
                program, words = word, words[place + 1 :]
                break
        else:
            return


@attrs.define
class _Finding:
    """What was found so far."""

    path: str
    companions_path: str
    """Programs call others also by the paths where they usually are."""
    files: set[str] = attrs.field(factory=set)
    directories: set[str] = attrs.field(factory=set)
    programs: set[str] = attrs.field(factory=set)
    # Dictionaries without values: sets that keep their order.
    not_found: dict[str, None] = attrs.field(factory=dict)
    opened_by: dict[str, None] = attrs.field(factory=dict)
    _seen: set[str] = attrs.field(factory=set)

    def add_entry(self, entry: str) -> None:
        """Add the program of an entry, and those that a wrapper in front executes."""
        first, *others = entry.split()
        if "/" in first and not first.startswith("/"):
            # Which file that is, the working directory of a call decides.
            self.opened_by[entry] = None
            return
        found = find_programs(first, self.path)
        if found:
            self._add_listed(first, found, entry)
        elif companions_of(first) is None:
            self.not_found[first] = None
        for word, wrapped in _wrapped(first, others, self.path):
            self._add_listed(word, wrapped, entry)

    def _add_listed(self, word: str, found: tuple[str, ...], entry: str) -> None:
        self.files.update(found)
        self.programs.add(word)
        companions = self._companions(word, found)
        if companions is None:
            self.opened_by[entry] = None
        else:
            self._add(companions)

    def _companions(self, word: str, found: tuple[str, ...]) -> Companions | None:
        name = posixpath.basename(word)
        if name != word and not set(found) & set(find_programs(name, self.path)):
            return None  # another program of that name
        return companions_of(name)

    def _add(self, companions: Companions) -> None:
        for pattern in companions.directories:
            real = map(os.path.realpath, glob.glob(pattern))
            self.directories.update(filter(os.path.isdir, real))
        for name in companions.programs - self._seen:
            self._seen.add(name)
            self.files.update(find_programs(name, self.companions_path))
            self._add(companions_of(name) or _KNOWN)
