"""Which paths are the system itself: the root, what is first below it, its devices."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Sequence
from typing import Final

from commander.policy.block.unknown import UNKNOWN
from commander.policy.wordset import wordset

__all__ = [
    "climbs_to_root",
    "has_glob",
    "is_block_device",
    "is_power_switch",
    "is_system_path",
]

_SYSTEM_DIRECTORIES: Final = wordset(
    "bin boot dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv "
    "sys usr var"
)
_DEVICES: Final = re.compile(
    r"/dev/(?:(?:sd|hd|vd|xvd|nvme|mmcblk|pmem)[a-z0-9*?\[]|(?:dm-|md)[0-9*?\[]"
    r"|(?:sd|hd|vd|xvd)\*|k?mem$|port$|mapper/(?!control)|disk/by-|block/)"
)
_SWITCHES: Final = wordset("/proc/sysrq-trigger /sys/power/state /sys/power/disk")
_GLOB: Final = re.compile(r"[*?\[]")
_MAX_GLOB_CHARACTERS: Final = 64
"""Of a path component; no name that matters is longer."""
_FAR_UP: Final = "../" * 4 + ".."
"""Few work deeper than that, and nobody means to be saved by it."""
_PROCESS: Final = re.compile(r"self|thread-self|\d+|[*?]")


def has_glob(path: str) -> bool:
    """Whether a path may stand for several."""
    return _GLOB.search(path) is not None


def is_system_path(path: str, directories: Sequence[str]) -> bool:
    """Whether a path is the root or a first directory of it, or all of its content.

    Args:
        path: As a command gets it.
        directories: Where the command may run, as far as known.
    """
    if path.startswith(UNKNOWN + "/"):
        path, directories = path.lstrip(UNKNOWN).lstrip("/"), ()
    if UNKNOWN in path or not path:
        return False
    if not path.startswith("/"):
        bases = ("/",) if climbs_to_root(path) else directories
        return any(_is_system(posixpath.join(base, path)) for base in bases)
    return _is_system(path)


def climbs_to_root(path: str) -> bool:
    """Whether a relative path leads so far up that the root is where it begins."""
    return path.startswith(_FAR_UP)


def _is_system(path: str) -> bool:
    parts = _components(path)
    while len(parts) > 2 and parts[0] == "proc" and parts[2] == "root":
        if not _PROCESS.fullmatch(parts[1]):
            break
        del parts[:3]
    match parts:
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
    if not has_glob(name) or len(name) > _MAX_GLOB_CHARACTERS:
        return False
    # A leading dot is for ".*", which matches ".." in some shells.
    return name == ".*" or any(
        fnmatch.fnmatchcase(known, name) for known in _SYSTEM_DIRECTORIES
    )


def is_block_device(path: str) -> bool:
    """Whether a path is a disk, a part of one, or the memory."""
    return path.startswith("/") and _DEVICES.match(_normal(path)) is not None


def is_power_switch(path: str) -> bool:
    """Whether to write to a path can stop the machine."""
    return path.startswith("/") and _normal(path) in _SWITCHES


def _normal(path: str) -> str:
    return "/" + "/".join(_components(path))
