"""``commander-mcp doctor``: what is active here, and what each missing thing costs.

Each examination looks at one thing and says one line about it. Nothing is changed:
what would be written is only asked about.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from commander.errors import StartError
from commander.execution.cgroups import writable_group
from commander.execution.checks import directory_problem, shell_problem
from commander.execution.hardening import hardening_offered
from commander.execution.landlock import landlock_version
from commander.execution.launcher import find_launcher
from commander.execution.memory_killer import find_victim_count
from commander.execution.native import Unavailable, load
from commander.execution.run_as import find_run_as
from commander.execution.sandbox import open_sandbox
from commander.findings import Finding, if_not_writable, nearest
from commander.first_process import is_first_process
from commander.job_findings import examine_jobs
from commander.service import sandbox_plan
from commander.settings import Settings
from commander.sources import Loaded, binds_loopback
from commander.token_findings import examine_tokens

__all__ = ["Finding", "examine", "report"]

_DESCRIPTORS_PER_COMMAND: Final = 4
_DESCRIPTORS_SPARE: Final = 64


def examine(loaded: Loaded, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything; may start three short processes and takes some milliseconds.

    Args:
        loaded: The settings of a server that would be started here.
        environ: The environment, without what an entry point has handed over.
    """
    settings = loaded.settings
    yield _python()
    yield _shell(settings)
    yield _session()
    yield _user(settings)
    yield from examine_tokens(loaded, environ)
    yield _policy(settings)
    yield _descriptors(settings)
    yield from _paths(settings, environ)
    yield _reaper()
    yield _protection()
    yield _sandbox(settings, environ)
    yield _limits(settings)
    yield _processes(settings)
    yield _memory_killer()
    yield from examine_jobs(settings)


def report(findings: Iterator[Finding]) -> str:
    """The findings as a table for a terminal, what costs something marked."""
    lines = []
    for finding in findings:
        mark = "!" if finding.cost else " "
        lines.append(f"{mark} {finding.subject:<18} {finding.state}")
        if finding.cost:
            lines.append(f"  {'':<18} -> {finding.cost}")
    return "\n".join(lines) + "\n"


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    system = os.uname().sysname
    return Finding(
        subject="platform",
        state=f"{system}, Python {version}",
        cost=""
        if system == "Linux"
        else "tested on Linux only; a zombie counts as a process that is left",
    )


def _shell(settings: Settings) -> Finding:
    problem = shell_problem(settings.shell)
    return Finding(
        subject="shell",
        state=f"{settings.shell} {settings.shell_arg}",
        cost=f"no command can start: {problem}" if problem else "",
    )


def _session() -> Finding:
    bindings = load()
    if not isinstance(bindings, Unavailable):
        return Finding(
            subject="command sessions", state="by posix_spawn, in threads of their own"
        )
    slower = f"slower starts, which hold the server up ({bindings.reason})"
    if find_launcher().name == "setsid":
        return Finding(
            subject="command sessions", state="by setsid and env --chdir", cost=slower
        )
    return Finding(
        subject="command sessions",
        state="by Python",
        cost=f"{slower}, and a Python for each; install util-linux and GNU coreutils",
    )


def _user(settings: Settings) -> Finding:
    subject = "commands run as"
    if settings.run_as is None:
        return Finding(
            subject=subject,
            state="the server's user",
            cost="they can signal the server, and read and write its files",
        )
    try:
        user = find_run_as(settings.run_as).user
    except StartError as error:
        return Finding(
            subject=subject, state=settings.run_as, cost=f"no start: {error}"
        )
    return Finding(
        subject=subject,
        state=f"{settings.run_as} (uid {user.uid}, gid {user.gid})",
        cost=user.directory_problem(settings.commands_directory) or "",
    )


def _policy(settings: Settings) -> Finding:
    listed = len(settings.allowed_commands)
    if listed:
        return Finding(subject="policy", state=f"allow-list of {listed} entries")
    cost = ""
    if not settings.use_default_blocklist:
        cost = "no default blocklist either"
    elif not binds_loopback(settings):
        cost = "set MCP_ALLOWED_COMMANDS where others can reach the server"
    return Finding(
        subject="policy", state="everything that no blocklist names", cost=cost
    )


def _descriptors(settings: Settings) -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = (
        settings.max_connections
        + settings.max_concurrent * _DESCRIPTORS_PER_COMMAND
        + _DESCRIPTORS_SPARE
    )
    enough = soft == resource.RLIM_INFINITY or soft >= needed
    return Finding(
        subject="descriptors",
        state=f"{soft} allowed, {needed} needed at most",
        cost=""
        if enough
        else "commands fail to start under full load; raise `ulimit -n`",
    )


def _paths(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    problem = directory_problem(settings.commands_directory)
    yield Finding(
        subject="commands run in",
        state=settings.commands_directory,
        cost=problem or if_not_writable(Path(settings.commands_directory)),
    )
    temporary = Path(environ.get("TMPDIR") or "/tmp")  # noqa: S108 - asked about only
    yield Finding(
        subject="temporary files",
        state=str(temporary),
        cost=if_not_writable(temporary),
    )
    if settings.log_dir is not None:
        logs = Path(settings.log_dir)
        yield Finding(
            subject="log files", state=str(logs), cost=if_not_writable(nearest(logs))
        )


def _reaper() -> Finding:
    # A kernel can be built without it.
    lists_children = Path(f"/proc/self/task/{os.getpid()}/children").exists()
    if not (lists_children and hardening_offered().subreaper):
        return Finding(
            subject="process reaper",
            state="none: the kernel does not list children or hand orphans over",
            cost="a process that leaves its session (setsid, double fork) outlives its "
            "command",
        )
    return Finding(
        subject="process reaper",
        state="the server adopts, ends and reaps what its commands leave",
        cost="as process 1 it also ends what others, such as `docker exec`, leave here"
        if is_first_process()
        else "",
    )


def _protection() -> Finding:
    missing = hardening_offered().missing
    return Finding(
        subject="self-defence",
        state="in part"
        if missing
        else "memory and environment closed, no new privileges for commands",
        cost="; ".join(missing),
    )


def _sandbox(settings: Settings, environ: Mapping[str, str]) -> Finding:
    plan = sandbox_plan(settings, environ)
    version = landlock_version()
    kernel = version if isinstance(version, str) else f"Landlock {version}"
    try:
        sandbox = open_sandbox(plan)
    except StartError as error:
        return Finding(subject="sandbox", state=kernel, cost=f"no start: {error}")
    sandbox.close()
    state = "; ".join(f"{what}: {held}" for what, held in sandbox.described.items())
    cost = ""
    if sandbox.executables is None:
        cost = "commands can execute anything; set MCP_ALLOWED_COMMANDS"
        if settings.allowed_commands:
            cost = "the allow-list is text only: an allowed program can execute others"
    return Finding(subject="sandbox", state=f"{state} ({kernel})", cost=cost)


def _limits(settings: Settings) -> Finding:
    each = {
        "processor time": settings.limit_cpu_seconds,
        "memory": settings.limit_memory_bytes,
        "file size": settings.limit_file_bytes,
        "open files": settings.limit_files,
    }
    limited = [name for name, limit in each.items() if limit is not None]
    if limited:
        state = f"{', '.join(limited)} of each process, by the kernel"
        return Finding(subject="limits", state=state)
    return Finding(
        subject="limits",
        state="none",
        cost="a command may use what the server may; set MCP_LIMIT_CPU_SECONDS and "
        "others, or bound the container",
    )


def _processes(settings: Settings) -> Finding:
    subject = "process limit"
    if settings.limit_processes is None:
        return Finding(
            subject=subject,
            state="none",
            cost="a fork bomb stops everything; set MCP_LIMIT_PROCESSES, or bound the "
            "container",
        )
    group = writable_group()
    if not isinstance(group, str):
        return Finding(subject=subject, state=f"by control groups in {group.path}")
    if settings.run_as is not None:
        return Finding(
            subject=subject,
            state=f"of all processes of {settings.run_as} together",
            cost=f"commands share it: {group}",
        )
    return Finding(
        subject=subject,
        state="counted",
        cost=f"between two counts a command may have more: {group}",
    )


def _memory_killer() -> Finding:
    count = find_victim_count()
    return Finding(
        subject="out of memory",
        state="not told by the kernel" if count is None else f"told by {count.file}",
        cost="a command that the kernel ends for want of memory looks killed by anyone"
        if count is None
        else "",
    )
