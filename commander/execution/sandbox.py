"""The kernel's hold behind the policy: what commands may execute, and where they write.

The policy reads the text of a command. What a program then does is not in the text:
``find -exec``, a hook, a copied binary. So the kernel is told as well. With an
allow-list, commands can execute only what it names (see ``executables``); with
``MCP_WORKSPACE`` they can write only below its directories and where temporary files
go. Reading stays free.

It is done by Landlock, once in each thread that starts processes, whose children
inherit it. The server itself stays as it was: the threads are restricted, and the
rules are made before, in the main thread, as one descriptor for all of them.

What this does not hold: a program that is given to the dynamic loader as a file
(``ld.so PROGRAM``), which only reads it, and code in memory that has no path
(``memfd_create``). Nor does it hold changes of mode, owner and times.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from commander.errors import StartError
from commander.execution.landlock import (
    WRITING,
    Right,
    Ruleset,
    known_rights,
    landlock_version,
)

if TYPE_CHECKING:  # imported where there is an allow-list
    from commander.execution.executables import Executables

__all__ = ["NO_SANDBOX", "Plan", "Sandbox", "make_plan", "open_sandbox"]

_SCRATCH: Final = ("/tmp", "/dev/shm")  # noqa: S108 - nothing is made there by us
"""Where everybody's temporary files and shared memory are."""
_DEVICES: Final = (
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
)
"""What is written to and keeps nothing; the last two are terminals."""
_BELOW: Final = (WRITING & ~(Right.MAKE_CHAR | Right.MAKE_BLOCK)) | Right.REFER
"""For a directory to write in. Device files can be made nowhere: who can make one
below a directory where he may write can write the whole disk."""
_OFF: Final = "off"
_REQUIRE: Final = "require"


@attrs.frozen(kw_only=True)
class Plan:
    """What the kernel is to hold, before it is asked to."""

    mode: str = "auto"
    """As ``MCP_SANDBOX`` says."""
    executables: Executables | None = None
    """None without an allow-list."""
    workspace: tuple[str, ...] = ()
    """Real paths; empty if commands may write anywhere."""
    scratch: tuple[str, ...] = ()
    """Directories to write in beside the workspace."""
    version: int | str = "it was not asked for"
    """Of Landlock, or why there is none."""

    @property
    def holds_execute(self) -> bool:
        """Whether the kernel shall hold the allow-list."""
        found = self.executables
        return self.mode != _OFF and found is not None and not found.opened_by

    @property
    def holds_write(self) -> bool:
        """Whether it shall hold the workspace."""
        return self.mode != _OFF and bool(self.workspace)

    @property
    def unheld(self) -> str:
        """Why nothing can be held here; empty if it can."""
        return self.version if isinstance(self.version, str) else ""

    def described(self, unheld: str = "") -> Mapping[str, str]:
        """For the log and the doctor: what is held, or why not.

        Args:
            unheld: Why the kernel holds nothing, if it does not.
        """
        if self.mode == _OFF:
            return {"state": "off by MCP_SANDBOX"}
        not_held = f"not held: {unheld}"
        words = {
            "execute": not_held if self.holds_execute and unheld else self._execute(),
            "write": not_held if self.holds_write and unheld else self._write(),
        }
        if self.executables is not None and self.executables.not_found:
            words["not_found"] = ", ".join(self.executables.not_found)
        return words

    def _execute(self) -> str:
        found = self.executables
        if found is None:
            return "anything: there is no allow-list"
        if found.opened_by:
            return f"open: {', '.join(found.opened_by)}"
        words = f"{found.programs} program{'' if found.programs == 1 else 's'}"
        if found.many_in_one:
            words += f", and all that {', '.join(found.many_in_one)} holds"
        return words

    def _write(self) -> str:
        if not self.workspace:
            return "anywhere: MCP_WORKSPACE is not set"
        words = ", ".join((*self.workspace, *self.scratch))
        if isinstance(self.version, int) and not (
            Right.TRUNCATE & known_rights(self.version)
        ):
            words += f" (Landlock {self.version} lets files elsewhere be truncated)"
        return words


def make_plan(
    *,
    mode: str,
    entries: tuple[str, ...],
    workspace: tuple[str, ...],
    in_front: Iterable[str],
    environment: Mapping[str, str],
) -> Plan:
    """Look at the machine; changes nothing and takes some milliseconds.

    Args:
        mode: As ``MCP_SANDBOX`` says.
        entries: Of the allow-list; none allows everything.
        workspace: Directories to write in; none allows all.
        in_front: Paths of the shell and of what replaces itself with it.
        environment: What every command gets.
    """
    if mode == _OFF:
        return Plan(mode=mode)
    executables = None
    if entries:
        from commander.execution.executables import find_executables

        executables = find_executables(
            entries, in_front=in_front, path=environment["PATH"]
        )
    scratch = (*_SCRATCH, environment.get("TMPDIR") or _SCRATCH[0])
    roots = dict.fromkeys(map(os.path.realpath, workspace))
    beside = dict.fromkeys(filter(os.path.isdir, map(os.path.realpath, scratch)))
    return Plan(
        mode=mode,
        executables=executables,
        workspace=tuple(roots),
        scratch=tuple(each for each in beside if each not in roots) if roots else (),
        version=landlock_version(),
    )


@attrs.frozen(kw_only=True)
class Sandbox:
    """What is in force; one object for the server."""

    described: Mapping[str, str] = attrs.field(factory=dict)
    """For the log."""
    ruleset: Ruleset | None = None
    """None if the kernel holds nothing."""
    executables: Executables | None = None
    """What may be executed, if the kernel holds that."""
    writable: tuple[str, ...] = ()
    """Directories to write in, if the kernel holds that."""

    def restrict(self) -> None:
        """Restrict this thread and what it starts, for good.

        Raises:
            StartError: The kernel refused.
        """
        if self.ruleset is None:
            return
        try:
            self.ruleset.restrict()
        except OSError as error:
            raise StartError(f"MCP_SANDBOX: {_refused(error)}") from None

    def close(self) -> None:
        """No thread will be restricted any more; a second call does nothing."""
        if self.ruleset is not None:
            self.ruleset.close()


NO_SANDBOX: Final = Sandbox()
"""The kernel holds nothing, and nothing is said about it."""


def open_sandbox(plan: Plan) -> Sandbox:
    """Make the rules, and try them in a thread of their own.

    Returns:
        What is in force; the caller closes it.

    Raises:
        StartError: ``require`` demands what cannot be held, and why.
    """
    if plan.mode == _REQUIRE:
        _check_required(plan)
    if plan.unheld or not (plan.holds_execute or plan.holds_write):
        return Sandbox(described=plan.described(plan.unheld))
    try:
        ruleset = _ruleset(plan)
    except OSError as error:
        if plan.mode == _REQUIRE:
            raise _required(_refused(error)) from None
        return Sandbox(described=plan.described(_refused(error)))
    return Sandbox(
        described=plan.described(),
        ruleset=ruleset,
        executables=plan.executables if plan.holds_execute else None,
        writable=(*plan.workspace, *plan.scratch) if plan.holds_write else (),
    )


def _check_required(plan: Plan) -> None:
    """Raise what ``require`` cannot be content with."""
    found = plan.executables
    if found is None and not plan.workspace:
        raise _required(
            "there is nothing to hold: set MCP_ALLOWED_COMMANDS, MCP_WORKSPACE or both"
        )
    if found is not None and found.opened_by:
        raise _required(
            "what these entries of MCP_ALLOWED_COMMANDS execute is not known, or may "
            f"be anything: {', '.join(found.opened_by)}"
        )
    if found is not None and found.many_in_one:
        raise _required(
            "the kernel cannot tell apart the programs that are one file: "
            f"{', '.join(found.many_in_one)}"
        )
    if plan.unheld:
        raise _required(plan.unheld)


def _required(why: str) -> StartError:
    return StartError(f'MCP_SANDBOX="require" cannot be met: {why}')


def _refused(error: OSError) -> str:
    return f"the kernel refused the rules: {error.strerror or error}"


def _ruleset(plan: Plan) -> Ruleset:
    """The rules of a plan, tried.

    Raises:
        OSError: They do not work here.
    """
    handled = Right.REFER
    if plan.holds_execute:
        handled |= Right.EXECUTE
    if plan.holds_write:
        handled |= WRITING
    version = plan.version if isinstance(plan.version, int) else 0
    ruleset = Ruleset(handled & known_rights(version))
    try:
        for path, rights in _rules(plan):
            with contextlib.suppress(FileNotFoundError):  # gone since it was looked at
                ruleset.allow(path, rights)
        _try(ruleset)
    except BaseException:
        ruleset.close()
        raise
    return ruleset


def _rules(plan: Plan) -> Iterator[tuple[str, Right]]:
    """Paths, and what is allowed there; the kernel adds up what is said twice."""
    if plan.holds_write:
        for directory in (*plan.workspace, *plan.scratch):
            yield directory, _BELOW
        for device in _DEVICES:
            yield device, Right.WRITE_FILE | Right.TRUNCATE
    else:
        yield "/", Right.REFER
    if plan.holds_execute and plan.executables is not None:
        for file in (*plan.executables.files, *plan.executables.directories):
            yield file, Right.EXECUTE


def _try(ruleset: Ruleset) -> None:
    """Restrict a thread that ends at once.

    Raises:
        OSError: The kernel refused.
    """
    problems: list[OSError] = []

    def live_with_it() -> None:
        try:
            ruleset.restrict()
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=live_with_it, name="sandbox-trial", daemon=True)
    thread.start()
    thread.join()
    for problem in problems:
        raise problem
