"""Where a command may write, under an allow-list.

A file that is written can be as good as a command: ``.git/config``, a hook,
``authorized_keys``. So a target must be known, must lie in one of the server's roots
after symbolic links are followed, and no part of it may begin with a dot, where
programs keep their settings, or with a dash, which a later ``*`` would turn into an
option. What a link points to when the command runs is not known here: that is for the
kernel to hold.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from commander.policy.wordset import wordset

if TYPE_CHECKING:
    from commander.policy.allow.fields import Field

__all__ = ["Places", "is_inside", "reaches_network"]

_STREAMS: Final = wordset(
    "/dev/null /dev/stdout /dev/stderr /dev/tty /dev/fd/1 /dev/fd/2"
)
_PATTERN_CHARACTERS: Final = "*?["
_TEMPORARY: Final = "/tmp"  # noqa: S108 - a root to compare with, not a file
_NETWORK: Final = re.compile(r"/+dev/+(?:tcp|udp)(?:/|\Z)")


def is_inside(path: str, root: str) -> bool:
    """Whether a normal absolute path is a root or lies below it."""
    return path == root or path.startswith("/" if root == "/" else f"{root}/")


@attrs.frozen(kw_only=True)
class Places:
    """The roots of a server, and how a path is followed.

    Attributes:
        workspace: Roots that the operator has named; none for the server's directory
            and ``/tmp``.
        directory: The server's own, where commands run that do not say.
        resolve: The path with every symbolic link followed; what is not there yet
            stays as it is.
    """

    workspace: tuple[str, ...] = ()
    directory: str = "/"
    resolve: Callable[[str], str] = posixpath.normpath

    def roots(self) -> tuple[str, ...]:
        """Where a target may lie, links followed."""
        named = self.workspace or (self.directory,)
        return tuple(dict.fromkeys(map(self.resolve, (*named, _TEMPORARY))))

    def contains(self, path: str) -> bool:
        """Whether an absolute path is in a root."""
        real = self.resolve(path)
        return any(is_inside(real, root) for root in self.roots())

    def problem(self, target: Field, directory: str | None) -> str | None:
        """Why a command may not write to a file; ends "the target ...".

        Args:
            target: As the command names it.
            directory: Where the command runs, absolute; None if that is not certain.
        """
        text = target.text
        if text in _STREAMS and target.static:
            return None
        if not target.known:
            return "is not known before the command runs; write the name out"
        if not text:
            return "has no name"
        if ".." in text.split("/"):
            return "leads upwards by `..`; name it from where it is"
        relative = not text.startswith("/")
        if relative and directory is None:
            return "is relative to a directory that is not known"
        full = posixpath.join(directory or "/", text)
        known = full if target.static else _before_pattern(full)
        if not self.contains(known):
            return f"is not in {self._named()}"
        parts = [*self._parts_below_root(known), *full[len(known) :].split("/")]
        if any(part.startswith((".", "-")) for part in parts):
            return (
                "has a part that begins with a dot or a dash, where settings and "
                "options are"
            )
        return None

    def _parts_below_root(self, full: str) -> list[str]:
        """The parts of a path inside, as it is written and as it is."""
        real = self.resolve(full)
        roots = [root for root in self.roots() if is_inside(real, root)]
        below = real[len(max(roots, key=len)) :]
        return [part for part in below.split("/") if part]

    def _named(self) -> str:
        named = self.workspace or (self.directory,)
        return " or ".join(dict.fromkeys((*named, _TEMPORARY)))


def _before_pattern(path: str) -> str:
    """The directory whose content a pattern names; names with a dot it does not."""
    start = min(path.find(char) for char in _PATTERN_CHARACTERS if char in path)
    return path[: path.rfind("/", 0, start)] or "/"


def reaches_network(path: str) -> bool:
    """Whether bash would open a connection in place of a file."""
    return _NETWORK.match(path) is not None
