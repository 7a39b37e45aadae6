"""Programs that run the command which their words end with.

Most stand in the tables of ``programs``. Those serve allow-lists, which refuse what
they do not know; a blocklist has to see through it. So what is there is completed
here: with options that take a value and that no allow-list lets pass, and with
programs that none lets pass at all.
"""

from __future__ import annotations

import functools
import itertools
from typing import Final

import attrs

from commander.policy.programs import PROGRAMS, find
from commander.policy.programs.model import Program, Wraps
from commander.policy.wordset import wordset

__all__ = ["WRAPPERS", "Wrapper", "wrapper_of"]


@attrs.frozen
class Wrapper:
    """How a program's words are followed by a command's."""

    with_value: frozenset[str] = frozenset()
    """Options that take the next word, without their dashes."""
    operands: int = 0
    """Words of its own before the command."""
    not_running: frozenset[str] = frozenset()
    """Options with which it runs nothing."""
    subcommands: frozenset[str] = frozenset()
    """If any: it runs a command only behind one of them."""
    directory: frozenset[str] = frozenset()
    """Options that name where the command runs."""


def _wrapper(
    with_value: str = "",
    *,
    operands: int = 0,
    not_running: str = "",
    subcommands: str = "",
    directory: str = "",
) -> Wrapper:
    return Wrapper(
        wordset(f"{with_value} {directory}"),
        operands,
        wordset(not_running),
        wordset(subcommands),
        wordset(directory),
    )


_WRAPPERS: Final = {
    "aws-vault": _wrapper("d duration", operands=1, subcommands="exec"),
    "builtin": _wrapper(),
    "bwrap": _wrapper(),
    "caffeinate": _wrapper("t w"),
    "chroot": _wrapper("userspec groups", operands=1),
    "command": _wrapper(not_running="v V"),
    "coproc": _wrapper(),
    "direnv": _wrapper(operands=1, subcommands="exec"),
    "exec": _wrapper("a"),
    "faketime": _wrapper(operands=1),
    "firejail": _wrapper(),
    "npx": _wrapper("p package"),
    "nsenter": _wrapper("t S G target setuid setgid"),
    "parallel": _wrapper("j S I a jobs sshlogin arg-file"),
    "perf": _wrapper("e o F", subcommands="stat record trace"),
    "pipenv": _wrapper(subcommands="run"),
    "poetry": _wrapper("C P", subcommands="run"),
    "rlwrap": _wrapper("f H C"),
    "runuser": _wrapper("u g G s w user group shell whitelist-environment"),
    "setarch": _wrapper(operands=1),
    "systemd-inhibit": _wrapper("what who why mode"),
    "systemd-run": _wrapper("p u H M E t unit property description slice setenv"),
    "torify": _wrapper(),
    "unshare": _wrapper("S G R w setuid setgid root wd map-user map-group"),
    "uv": _wrapper("p python with directory", subcommands="run"),
}
"""Programs that the tables do not call wrappers."""

_COMPLETED: Final = {
    "doas": _wrapper("C"),
    "env": _wrapper(directory="C chdir"),
    "genv": _wrapper(directory="C chdir"),
    "pkexec": _wrapper("u"),
    "sudo": _wrapper("C r t R h U chroot host", directory="D chdir"),
    "taskset": _wrapper(),
    "xargs": _wrapper("max-lines"),
}
"""What else is known of those in the tables."""


@functools.lru_cache(maxsize=256)
def wrapper_of(program: str) -> Wrapper | None:
    """How a program wraps a command, if it does."""
    if (known := _WRAPPERS.get(program)) is not None:
        return known
    found = find(program)
    if found is None or found.wraps is None or found.wraps.joined:
        return None
    return _completed(found, found.wraps, _COMPLETED.get(program, Wrapper()))


def _completed(program: Program, wraps: Wraps, more: Wrapper) -> Wrapper:
    options = itertools.chain(
        program.valued.split(),
        *(risk.options.split() for risk in program.risks if not risk.bare),
    )
    return attrs.evolve(
        more,
        with_value=more.with_value | {name.lstrip("-") for name in options},
        operands=wraps.operands,
        not_running=frozenset(name.lstrip("-") for name in wraps.stops.split()),
    )


WRAPPERS: Final = frozenset(_WRAPPERS) | {
    name for program in PROGRAMS if program.wraps for name in program.names.split()
}
"""Their names."""
