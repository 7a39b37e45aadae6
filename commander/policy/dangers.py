"""The default blocklist: one rule per program, over expanded words.

A rule looks at what a command would do, not at how it is spelled: any order and
abbreviation of options, and any path that comes to the same directory.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable
from typing import Final

from commander.policy.carriers import find_commands, program_of, search_roots
from commander.policy.expansion import UNKNOWN
from commander.policy.options import read_options
from commander.policy.walk import Invocation
from commander.policy.wordset import wordset

__all__ = ["DISPLAY_NAMES", "PROGRAMS", "default_danger"]

DISPLAY_NAMES: Final = (
    "rm -rf /",
    "rm -rf /*",
    "find / -delete",
    "mkfs",
    "dd",
    "chmod -R 777 /",
    "chown -R /",
    "> /dev/sda",
    "shutdown",
    "reboot",
    "halt",
    "poweroff",
    "systemctl poweroff",
    "init 0",
    "init 6",
    "fork bombs",
)
"""The list as people are shown it; each stands for all ways to write it."""

_SYSTEM_DIRECTORIES: Final = wordset(
    "bin boot dev etc home lib lib32 lib64 opt proc root run sbin srv sys usr var"
)
_SOME_HOME: Final = "/home/~"
_REMOVERS: Final = frozenset({"rm", "shred", "unlink"})
_BLOCK_DEVICE: Final = re.compile(r"/dev/(?:sd|hd|vd|xvd|nvme|mmcblk)[a-z0-9*?\[]")
_GLOB: Final = re.compile(r"[*?\[]")
_MAX_GLOB_CHARACTERS: Final = 64
"""Of a path component; no name that matters is longer."""
_SYSTEMCTL_VERBS: Final = wordset(
    "reboot poweroff halt kexec suspend hibernate hybrid-sleep soft-reboot "
    "suspend-then-hibernate"
)
_SYSTEMCTL_WITH_VALUE: Final = wordset(
    "H M t p s n o P host machine type property signal lines output"
)
_SYSTEMCTL_TARGETS: Final = re.compile(
    r"(?:reboot|poweroff|halt|kexec|suspend|hibernate|shutdown|runlevel[06])\.target"
)

_Rule = Callable[[Invocation], str | None]


def default_danger(invocation: Invocation) -> str | None:
    """The entry of ``DISPLAY_NAMES`` that a command falls under, if any."""
    if invocation.multiplies:
        return "fork bombs"
    if any(_is_block_device(path) for path in invocation.writes):
        return "> /dev/sda"
    program = _known_program(program_of(invocation.words))
    if program.startswith("mkfs."):
        program = "mkfs"
    rule = _RULES.get(program)
    return rule(invocation) if rule else None


def _known_program(name: str) -> str:
    """Resolve a glob in the place of a program to the blocked one it can match."""
    if not _GLOB.search(name) or not 2 <= len(name) <= _MAX_GLOB_CHARACTERS:
        return name
    if len(_GLOB.sub("", name)) < 2:  # ./* can be anything: nothing is told by it
        return name
    return next((known for known in PROGRAMS if fnmatch.fnmatchcase(known, name)), name)


# --- paths -------------------------------------------------------------------------


def _is_system_path(path: str, directory: str | None) -> bool:
    """Whether a path is the root or a first directory of it, or all of its content."""
    if path.startswith("~"):  # any home: what counts is whether it is left upwards
        path = _SOME_HOME + path[len(path.partition("/")[0]) :]
    if UNKNOWN in path or not (path.startswith("/") or directory):
        return False
    match _components(posixpath.join(directory or "/", path)):
        case []:
            return True
        case [first]:
            return _matches_system_directory(first)
        case [first, last] if not last.strip("*.?"):
            return _matches_system_directory(first)
    return False


def _components(path: str) -> list[str]:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return parts


def _matches_system_directory(name: str) -> bool:
    if name in _SYSTEM_DIRECTORIES:
        return True
    if not _GLOB.search(name) or len(name) > _MAX_GLOB_CHARACTERS:
        return False
    # A leading dot is for ".*", which matches ".." in some shells.
    return name == ".*" or any(
        fnmatch.fnmatchcase(known, name) for known in _SYSTEM_DIRECTORIES
    )


def _is_block_device(path: str) -> bool:
    normal = "/" + "/".join(_components(path))
    return path.startswith("/") and _BLOCK_DEVICE.match(normal) is not None


# --- rules -------------------------------------------------------------------------


def _always(name: str) -> _Rule:
    return lambda _: name


def _remove(invocation: Invocation) -> str | None:
    parsed = read_options(invocation.words[1:], permute=True)
    # A word that is not known may be the option that is missing.
    recursive = parsed.has("r", "R", "recursive") or any(
        UNKNOWN in word for word in parsed.operands
    )
    for path in parsed.operands if recursive else ():
        if _is_system_path(path, invocation.directory):
            return "rm -rf /*" if _GLOB.search(path) else "rm -rf /"
    return None


def _change_recursively(name: str) -> _Rule:
    def rule(invocation: Invocation) -> str | None:
        parsed = read_options(invocation.words[1:], ("reference", "from"), permute=True)
        hit = parsed.has("R", "recursive") and any(
            _is_system_path(path, invocation.directory) for path in parsed.operands
        )
        return name if hit else None

    return rule


def _find(invocation: Invocation) -> str | None:
    words = invocation.words[1:]
    removes = "-delete" in words or any(
        program_of(command) in _REMOVERS for command in find_commands(words)
    )
    hit = removes and any(
        _is_system_path(path, invocation.directory) for path in search_roots(words)
    )
    return "find / -delete" if hit else None


def _write_to_operand(invocation: Invocation) -> str | None:
    return "> /dev/sda" if any(map(_is_block_device, invocation.words[1:])) else None


def _init(invocation: Invocation) -> str | None:
    operands = read_options(invocation.words[1:], ("t",), permute=True).operands
    return f"init {operands[0]}" if operands[:1] in (("0",), ("6",)) else None


def _systemctl(invocation: Invocation) -> str | None:
    parsed = read_options(invocation.words[1:], _SYSTEMCTL_WITH_VALUE, permute=True)
    match parsed.operands:
        case (verb, *_) if verb in _SYSTEMCTL_VERBS:
            return "systemctl poweroff"
        case ("start" | "isolate", *units) if any(
            map(_SYSTEMCTL_TARGETS.fullmatch, units)
        ):
            return "systemctl poweroff"
    return None


_RULES: Final[dict[str, _Rule]] = {
    "rm": _remove,
    "find": _find,
    "mkfs": _always("mkfs"),
    "dd": _always("dd"),
    "chmod": _change_recursively("chmod -R 777 /"),
    "chown": _change_recursively("chown -R /"),
    "chgrp": _change_recursively("chown -R /"),
    "tee": _write_to_operand,
    "shutdown": _always("shutdown"),
    "reboot": _always("reboot"),
    "halt": _always("halt"),
    "poweroff": _always("poweroff"),
    "systemctl": _systemctl,
    "loginctl": _systemctl,
    "init": _init,
    "telinit": _init,
}
PROGRAMS: Final = frozenset({"mkfs", "dd", "shutdown", "reboot", "halt", "poweroff"})
"""Programs that are blocked whatever their words are."""
