"""Which files the kernel opens to execute a program.

A name stands for the executable files of that name on a search path. A file that is
no program by itself brings others: a script its interpreter, and what ``env`` in its
first line names; a dynamic program its loader. To execute the one, all of them must
be allowed. Nothing here executes anything.
"""

from __future__ import annotations

import os
import posixpath
import stat
import struct
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

__all__ = ["find_programs", "is_executable", "with_interpreters"]

_SCRIPT: Final = b"#!"
_FIRST_LINE_BYTES: Final = 256
"""The kernel reads no more of a script's first line."""
_ELF: Final = b"\x7fELF"
_HEADER_BYTES: Final = 64
_NAMES_INTERPRETER: Final = 3
"""Type of the segment that holds the loader's path."""
_MOST_SEGMENTS: Final = 512
_MOST_PATH_BYTES: Final = 4096
_MODE_EXECUTES: Final = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


@attrs.frozen
class _Layout:
    """Where an ELF file of one class keeps what is looked for here."""

    place: str
    """Format of the offset of the segments' table, and where it stands."""
    place_at: int
    sizes_at: int
    """Of the size of a table entry and their number, two bytes each."""
    segment: str
    """Format of the beginning of a table entry."""
    offset_index: int
    size_index: int


_LAYOUTS: Final = {
    1: _Layout("I", 28, 42, "IIIII", offset_index=1, size_index=4),
    2: _Layout("Q", 32, 54, "IIQQQQ", offset_index=2, size_index=5),
}
"""By the byte that tells 32 from 64 bits."""
_ORDERS: Final = {1: "<", 2: ">"}


def find_programs(name: str, path: str) -> tuple[str, ...]:
    """The executable files that a name can mean, symbolic links resolved.

    Args:
        name: Without a slash it is looked for in every directory of ``path``;
            an absolute path means itself, a relative one nothing.
        path: Directories, as of the variable ``PATH``.
    """
    if "/" in name:
        candidates = [name] if name.startswith("/") else []
    else:
        candidates = [os.path.join(each, name) for each in path.split(":") if each]
    found = (os.path.realpath(each) for each in candidates if is_executable(each))
    return tuple(dict.fromkeys(found))


def is_executable(path: str) -> bool:
    """Whether a path is a file that somebody may execute, by its mode."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) and bool(mode & _MODE_EXECUTES)


def with_interpreters(files: Iterable[str], path: str) -> frozenset[str]:
    """Files with all that the kernel opens to execute them.

    What cannot be read brings nothing: the kernel will refuse what is missing.

    Args:
        files: Paths.
        path: Where ``env`` in a script's first line will look.
    """
    seen: set[str] = set()
    waiting = list(files)
    while waiting:
        file = os.path.realpath(waiting.pop())
        if file not in seen:
            seen.add(file)
            waiting.extend(each for each in _brings(file, path) if "\0" not in each)
    return frozenset(seen)


def _brings(file: str, path: str) -> Iterator[str]:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return
    try:
        beginning = os.pread(descriptor, _FIRST_LINE_BYTES, 0)
        if beginning.startswith(_SCRIPT):
            yield from _script_interpreters(beginning, path)
        elif beginning.startswith(_ELF):
            yield from _loader(descriptor, beginning)
    except (OSError, OverflowError, struct.error):
        return  # no regular file, or a broken one
    finally:
        os.close(descriptor)


def _script_interpreters(beginning: bytes, path: str) -> Iterator[str]:
    line = os.fsdecode(beginning[len(_SCRIPT) :].partition(b"\n")[0])
    words = line.split()
    if not words or not words[0].startswith("/"):
        return
    yield words[0]
    if posixpath.basename(words[0]) == "env":
        named = (word for word in words[1:] if word[0] != "-" and "=" not in word)
        yield from find_programs(next(named, ""), path)


def _loader(descriptor: int, beginning: bytes) -> Iterator[str]:
    """The path in an ELF file's interpreter segment, if it has one."""
    if len(beginning) < _HEADER_BYTES:
        return
    layout, order = _LAYOUTS.get(beginning[4]), _ORDERS.get(beginning[5])
    if layout is None or order is None:
        return
    (table,) = struct.unpack_from(order + layout.place, beginning, layout.place_at)
    size, count = struct.unpack_from(order + "HH", beginning, layout.sizes_at)
    entries = os.pread(descriptor, size * min(count, _MOST_SEGMENTS), table)
    for number in range(len(entries) // max(1, size)):
        segment = struct.unpack_from(order + layout.segment, entries, number * size)
        if segment[0] == _NAMES_INTERPRETER:
            length = min(segment[layout.size_index], _MOST_PATH_BYTES)
            text = os.pread(descriptor, length, segment[layout.offset_index])
            loader = os.fsdecode(text.rstrip(b"\0"))
            if loader.startswith("/"):
                yield loader
