"""``commander-mcp doctor``: what is active here, and what each missing thing costs.

Each examination looks at one thing and says one line about it. Nothing is changed:
what would be written is only asked about.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from commander.auth.state import state_file
from commander.execution.checks import directory_problem, shell_problem
from commander.execution.launcher import find_launcher
from commander.settings import Settings
from commander.sources import binds_loopback

__all__ = ["Finding", "examine", "report"]

_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_VERSION: Final = 1
_DESCRIPTORS_PER_COMMAND: Final = 4
_DESCRIPTORS_SPARE: Final = 64


@attrs.frozen(kw_only=True)
class Finding:
    """One line of the report."""

    subject: str
    state: str
    cost: str = ""
    """What is lost by this state; empty if nothing is."""


def examine(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything; may start one short process and takes some milliseconds."""
    yield _python()
    yield _shell(settings)
    yield _session()
    yield _token(settings, environ)
    yield _policy(settings)
    yield _descriptors(settings)
    yield from _paths(settings, environ)
    yield _reaper()
    yield _sandbox()
    yield _cgroup()
    yield Finding(
        subject="spool",
        state="not in this version",
        cost="output beyond MCP_MAX_OUTPUT_BYTES a stream is counted, not kept",
    )


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
    launcher = find_launcher()
    if launcher.name == "setsid":
        return Finding(subject="command sessions", state="by setsid and env --chdir")
    return Finding(
        subject="command sessions",
        state="by Python",
        cost="a Python start for each command; install util-linux and GNU coreutils",
    )


def _token(settings: Settings, environ: Mapping[str, str]) -> Finding:
    if settings.transport == "stdio":
        return Finding(subject="token", state="none needed on stdio")
    if settings.auth_token is not None:
        return Finding(
            subject="token",
            state="from MCP_AUTH_TOKEN",
            cost="root, or who can read the environment of what started the server, "
            "can find it there",
        )
    if settings.no_auth:
        return Finding(
            subject="token",
            state="off by --no-auth",
            cost="every process of this machine can run commands",
        )
    path = state_file(environ)
    if path is not None and path.exists():
        return Finding(subject="token", state=f"generated earlier; digest in {path}")
    return Finding(subject="token", state="will be generated and shown at the start")


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
        cost=problem or _if_not_writable(Path(settings.commands_directory)),
    )
    temporary = Path(environ.get("TMPDIR") or "/tmp")  # noqa: S108 - asked about only
    yield Finding(
        subject="temporary files",
        state=str(temporary),
        cost=_if_not_writable(temporary),
    )
    if settings.log_dir is not None:
        logs = Path(settings.log_dir)
        yield Finding(
            subject="log files", state=str(logs), cost=_if_not_writable(_nearest(logs))
        )


def _nearest(path: Path) -> Path:
    """The path itself, or what is there of it."""
    return next(part for part in (path, *path.parents) if part.exists())


def _if_not_writable(path: Path) -> str:
    return "" if os.access(path, os.W_OK) else "not writable for this user"


def _reaper() -> Finding:
    return Finding(
        subject="process reaper",
        state="not in this version",
        cost="a process that leaves its session (setsid, double fork) outlives its "
        "command"
        + ("; as process 1, use an init such as tini" if os.getpid() == 1 else ""),
    )


def _sandbox() -> Finding:
    version = _landlock_version()
    kernel = f"kernel offers Landlock {version}" if version else "no Landlock here"
    return Finding(
        subject="sandbox",
        state=f"not in this version ({kernel})",
        cost="the policy is text only: an allowed program can run and write others",
    )


def _landlock_version() -> int:
    """The Landlock ABI of the kernel, or 0."""
    if os.uname().sysname != "Linux":
        return 0
    number = ctypes.CDLL(None).syscall(
        _LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION
    )
    return max(0, int(number))


def _cgroup() -> Finding:
    writable = os.access("/sys/fs/cgroup/cgroup.procs", os.W_OK)
    return Finding(
        subject="limits",
        state="not in this version"
        + (" (cgroup is writable here)" if writable else " (cgroup is not writable)"),
        cost="memory, processor and processes of a command are bound by the container",
    )
