"""What ``commander-mcp doctor`` finds of jobs: their output, terminals and input."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from commander.durations import format_duration
from commander.execution.seams import TerminalWish
from commander.execution.terminal import open_terminal
from commander.execution.waiting import SeenIn, WaitingEvidence, waiting_for_input
from commander.findings import Finding, if_not_writable
from commander.kinds import SIZE
from commander.settings import Settings

__all__ = ["examine_jobs"]

_SEEN: Final = {
    SeenIn.CALL: "told by the kernel",
    SeenIn.FUNCTION: "told by the kernel, without the descriptor",
}
_EVIDENCE_SECONDS: Final = 1.0
"""A shell that starts needs a few milliseconds to its first read."""
_EVIDENCE_POLL_SECONDS: Final = 0.01


def examine_jobs(settings: Settings) -> Iterator[Finding]:
    """Look at what jobs need; starts one short process and makes one terminal."""
    yield _jobs(settings)
    yield _spool(settings)
    yield _terminals(settings)
    yield _input(settings)


def _jobs(settings: Settings) -> Finding:
    return Finding(
        subject="jobs",
        state=f"{settings.max_concurrent} at once, {settings.max_queued} wait, "
        f"{settings.max_finished} kept for "
        f"{format_duration(settings.finished_ttl_seconds)} after their end",
        cost=""
        if settings.execute_yield_seconds
        else "MCP_EXECUTE_YIELD=0: clients give up on commands over some 60 s",
    )


def _spool(settings: Settings) -> Finding:
    named = settings.spool_path
    if named is None:
        return Finding(
            subject="spool",
            state="none",
            cost="of more output than MCP_MAX_OUTPUT_BYTES a stream the middle is "
            "counted, not kept; set MCP_SPOOL_DIR",
        )
    path, total = Path(named), settings.spool_total_bytes
    there = path if path.exists() else path.parent
    problem = if_not_writable(there) if there.is_dir() else "its parent is not there"
    if problem:
        ends = (
            "output is kept in memory only" if settings.spool_is_wished else "no start"
        )
        return Finding(subject="spool", state=named, cost=f"{ends}: {problem}")
    sizes = SIZE.show(settings.spool_job_bytes), SIZE.show(total)
    disk = os.statvfs(there)
    free = disk.f_bavail * disk.f_frsize
    return Finding(
        subject="spool",
        state=f"{named}, {sizes[0]} of a job, {sizes[1]} of all",
        cost=""
        if free >= total
        else f"{free // 2**20} MiB are free there; a job that finds it full goes on "
        "in memory",
    )


def _terminals(settings: Settings) -> Finding:
    if not settings.may_have_terminals:
        return Finding(
            subject="terminals",
            state="for no command, by MCP_TERMINALS"
            if settings.terminals == "off"
            else "for no command, as there is an allow-list",
        )
    try:
        terminal, master = open_terminal(TerminalWish())
    except OSError as error:
        return Finding(
            subject="terminals", state="none to be had", cost=str(error.strerror)
        )
    terminal.close()
    os.close(master)
    return Finding(subject="terminals", state="for commands that ask for one (`tty`)")


def _input(settings: Settings) -> Finding:
    try:
        evidence = _evidence(settings.shell)
    except OSError as error:
        evidence = None
        cause = f"it could not be tried: {error.strerror}"
    else:
        cause = "the kernel does not let the server look into its commands"
    if evidence is not None:
        return Finding(subject="waiting for input", state=_SEEN[evidence.seen_in])
    return Finding(
        subject="waiting for input",
        state="not told",
        cost=f"a job that waits for input looks as if it worked: {cause}",
    )


def _evidence(shell: str) -> WaitingEvidence | None:
    """What is seen of a shell that waits for a line.

    Raises:
        OSError: It cannot be started.
    """
    theirs, ours = os.pipe()
    try:
        with subprocess.Popen(  # noqa: S603 - the operator's shell
            [shell, "-c", "read -r line"],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as reading:
            try:
                return _seen(reading, ours)
            finally:
                reading.kill()
    finally:
        os.close(theirs)
        os.close(ours)


def _seen(reading: subprocess.Popen[bytes], ours: int) -> WaitingEvidence | None:
    deadline = time.monotonic() + _EVIDENCE_SECONDS
    while reading.poll() is None and time.monotonic() < deadline:
        evidence = waiting_for_input([reading.pid], stdin_descriptor=ours)
        if evidence is not None:
            return evidence
        time.sleep(_EVIDENCE_POLL_SECONDS)
    return None
