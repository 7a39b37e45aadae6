"""How the limits of commands are kept here, decided once at the start.

Most are kept by the kernel for each process. That of processes depends on what the
server may do. A control group for each command is exact, but for what a command has
started and lost before its process was moved there; so its processes are counted as
well. The kernel's limit for a user is good where commands have one of their own, and
there the process waits for ``prlimit`` and ``setpriv`` before it can start anything.
Counting alone is what is left.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from commander.execution.cgroups import CommandGroups, open_groups, writable_group
from commander.execution.limits import (
    LIMIT_PROCESSES,
    ChildSetup,
    CommandLimits,
    ResourceLimit,
    resource_limits,
)
from commander.execution.process_count import COUNT_SECONDS
from commander.execution.run_as import RunAs, find_run_as

__all__ = ["Confinement", "confine"]


@attrs.frozen(kw_only=True)
class Confinement:
    """What binds every command of a server, by whom."""

    setup: ChildSetup
    """What is done to each new process."""
    run_as: RunAs | None
    """Stands in front of the shell."""
    launcher_limits: tuple[ResourceLimit, ...]
    """What ``run_as`` has to set; empty without it."""
    counted_processes: int | None
    """Processes a command may have where they must be counted; else None."""
    mechanisms: Mapping[str, str]
    """For the log: what keeps each limit that is set, by the setting's name."""


def confine(
    limits: CommandLimits, *, run_as: str | None, directory: str
) -> Confinement:
    """See what this machine offers; takes some milliseconds.

    Args:
        limits: What a command may use.
        run_as: Whose processes commands are, as the setting says; None for the
            server's own user.
        directory: Where commands run that do not say.

    Raises:
        StartError: Commands cannot run as that user, or not there.
    """
    launcher = None if run_as is None else find_run_as(run_as, directory)
    groups = _groups(limits)
    by_user = launcher is not None and not isinstance(groups, CommandGroups)
    kernel_limits = resource_limits(limits, with_processes=by_user)
    mechanisms = {
        each.setting: f"RLIMIT_{each.option.upper()}" for each in kernel_limits
    }
    counting = f"counted every {COUNT_SECONDS} s"
    if isinstance(groups, CommandGroups):
        also = "" if launcher is not None else f", and {counting}"
        mechanisms[LIMIT_PROCESSES] = f"a control group for each command{also}"
    elif by_user and groups is not None:
        mechanisms[LIMIT_PROCESSES] += f", for all processes of {run_as} together"
    elif groups is not None:
        mechanisms[LIMIT_PROCESSES] = f"{counting} ({groups})"
    return Confinement(
        setup=ChildSetup(
            kernel_limits if launcher is None else (),
            groups=groups if isinstance(groups, CommandGroups) else None,
        ),
        run_as=launcher,
        launcher_limits=() if launcher is None else kernel_limits,
        counted_processes=limits.processes if launcher is None else None,
        mechanisms=mechanisms,
    )


def _groups(limits: CommandLimits) -> CommandGroups | str | None:
    """Groups for the limit of processes, or why not; None if there is no limit."""
    if limits.processes is None:
        return None
    own = writable_group()
    return own if isinstance(own, str) else open_groups(limits.processes, own)
