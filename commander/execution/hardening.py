"""What the server does to itself, before its first thread and its first command.

A command runs as the server's user. Linux lets processes of one user read each
other's environment, memory and descriptors, unless the process says that it is not
to be dumped; programs that it starts are dumpable again by their ``exec``. What a
command starts could become another user by a setuid program, and then be neither
read nor ended by the server; no process gets new privileges once its ancestor has
renounced them. And what leaves its session and its parent is adopted by process 1,
unless an ancestor asks to be the one.

The second of these belongs to the thread that asks, and to the threads and processes
that it makes afterwards. So ``harden`` is called in the main thread, first of all.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

import attrs

__all__ = [
    "Hardening",
    "become_subreaper",
    "forbid_new_privileges",
    "harden",
    "hardening_offered",
    "keep_out_of_proc",
]

_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_GET_CHILD_SUBREAPER: Final = 37
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_GET_NO_NEW_PRIVS: Final = 39
_THREADS: Final = Path("/proc/self/task")


@attrs.frozen(kw_only=True)
class Hardening:
    """Which protections hold; of each that does not, why and what it costs."""

    memory_closed: bool = True
    """Other processes of this user cannot read this one's environment and memory."""
    no_new_privileges: bool = True
    """Setuid programs give no command another user."""
    subreaper: bool = True
    """What leaves its parent becomes a child of this process."""
    missing: tuple[str, ...] = ()
    """One line for each of the above that does not hold, or not for all threads."""


def keep_out_of_proc() -> bool:
    """Close ``/proc/PID/environ``, ``mem`` and ``fd`` to processes of the same user.

    Root with all capabilities still gets in, and so does who can read the
    environment of the process that started the server.
    """
    return _prctl(_PR_SET_DUMPABLE, 0) is None


def forbid_new_privileges() -> bool:
    """Let no program that this thread starts gain rights: no sudo, su or ping.

    Cannot be undone, for this thread or for what it starts.
    """
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1) is None


def become_subreaper() -> bool:
    """Adopt the orphans among the descendants; whoever asks has to reap them."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1) is None


def harden() -> Hardening:
    """Put all protections in force; once, before any other thread is started.

    What the system refuses is told and is no error: no protection is worth a server
    that does not start on a kernel that lacks it.
    """
    hardening = _result(
        memory=_prctl(_PR_SET_DUMPABLE, 0),
        privileges=_prctl(_PR_SET_NO_NEW_PRIVS, 1),
        subreaper=_prctl(_PR_SET_CHILD_SUBREAPER, 1),
    )
    others = _other_threads()
    if others and hardening.no_new_privileges:
        late = f"setuid programs have their effect in {others} older thread(s)"
        hardening = attrs.evolve(hardening, missing=(*hardening.missing, late))
    return hardening


def hardening_offered() -> Hardening:
    """What ``harden`` would reach here; changes nothing."""
    return _result(
        memory=_prctl(_PR_GET_DUMPABLE, 0),
        privileges=_prctl(_PR_GET_NO_NEW_PRIVS, 0),
        subreaper=_subreaper_known(),
    )


def _result(
    *, memory: str | None, privileges: str | None, subreaper: str | None
) -> Hardening:
    """The result, from the problem of each protection or None."""
    costs = {
        "commands can read the token in the server's memory": memory,
        "setuid programs such as sudo can take a command out of reach": privileges,
        "processes that leave their session can outlive their command": subreaper,
    }
    return Hardening(
        memory_closed=memory is None,
        no_new_privileges=privileges is None,
        subreaper=subreaper is None,
        missing=tuple(f"{cost} ({why})" for cost, why in costs.items() if why),
    )


def _prctl(option: int, value: int) -> str | None:
    """Ask something of the kernel for this process; why not, if it refuses."""
    if os.uname().sysname != "Linux":
        return "not on this system"
    try:
        library = ctypes.CDLL(None, use_errno=True)
        # The kernel wants the unused arguments to be zero, as wide as a register.
        unused = (ctypes.c_ulong(0),) * 3
        if int(library.prctl(option, ctypes.c_ulong(value), *unused)) >= 0:
            return None
    except (OSError, AttributeError):
        return "the C library offers no prctl"
    return os.strerror(ctypes.get_errno())


def _subreaper_known() -> str | None:
    """This question is answered through a pointer, unlike the others."""
    answer = ctypes.c_int()
    return _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.addressof(answer))


def _other_threads() -> int:
    try:
        return sum(1 for _ in _THREADS.iterdir()) - 1
    except OSError:
        return 0
