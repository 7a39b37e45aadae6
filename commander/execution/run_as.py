"""Commands as another user than the server's.

A process of another user can neither signal nor trace the server, nor read its
memory, nor change its files: the one boundary between a command and its server that
the kernel itself keeps. It takes a server that may change its user: root, or one
with the capabilities SETUID, SETGID and KILL.

Two small programs of util-linux stand in front of the shell and replace themselves.
``prlimit`` sets what cannot be set from outside once the user is another: the limits
and the tag. ``setpriv`` changes the user and drops all capabilities. With both a
command takes about four times as long to start; in exchange its limits hold from its
beginning.

Until ``setpriv`` is done these programs have the server's rights, and a variable such
as LD_PRELOAD would take them over. So the caller's variables come under names that
mean nothing to anybody, and a shell with the new user's rights renames them.
"""

from __future__ import annotations

import os
import pwd
import re
import select
import shutil
import stat
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import attrs

from commander.errors import StartError
from commander.execution.environment import RUN_ID
from commander.execution.limits import ResourceLimit
from commander.execution.owners import SERVER

__all__ = ["RunAs", "User", "find_run_as", "find_user", "programs_in_front"]

_OURS: Final = frozenset({RUN_ID, SERVER})
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
"""What a shell can set; names that are none mean nothing to a C library either."""
_CARRIER: Final = "COMMANDER_ENV_"
_SHELL: Final = "/bin/sh"
_PROBE_TAG: Final = 1
"""Below every command's, so that a server that has one itself may put it on."""
_WAIT_SECONDS: Final = 5
_STATUS_BYTES: Final = 65536
_ACCESS_LIST: Final = "system.posix_acl_access"
_RIGHTS: Final = "the server must be root, or have CAP_SETUID, CAP_SETGID and CAP_KILL"


@attrs.frozen(kw_only=True)
class User:
    """A user of this machine, or only a number."""

    uid: int
    gid: int
    groups: frozenset[int]
    name: str | None = None
    """None if the machine knows no user with this number."""
    home: str = "/"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that tell programs who they run as."""
        name = self.name or str(self.uid)
        return {"HOME": self.home, "USER": name, "LOGNAME": name}

    def directory_problem(self, directory: str) -> str | None:
        """Why this user cannot enter a directory that exists, or a parent of it."""
        real = Path(os.path.realpath(directory))
        for path in (*reversed(real.parents), real):
            if not self.may_enter(path):
                who = self.name or self.uid
                return f"working directory may not be entered by {who}: {path}"
        return None

    def may_enter(self, path: Path) -> bool:
        """Whether this one directory is open to the user, by its permission bits.

        Where an access list stands beside them, the kernel has to decide.
        """
        try:
            found = os.stat(path)
            if found.st_uid == self.uid:
                return bool(found.st_mode & stat.S_IXUSR)
            bit = stat.S_IXGRP if found.st_gid in self.groups else stat.S_IXOTH
            return bool(found.st_mode & bit) or _ACCESS_LIST in os.listxattr(path)
        except OSError:  # gone, or without lists: the kernel will say
            return True


@attrs.frozen(kw_only=True)
class RunAs:
    """How commands are started as another user."""

    user: User
    prlimit: str
    setpriv: str

    def start(
        self,
        command: Iterable[str],
        *,
        env: Mapping[str, str],
        tag: int,
        limits: Iterable[ResourceLimit] = (),
    ) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """How to start a command.

        Args:
            command: The shell and its arguments.
            env: The caller's variables.
            tag: As of ``tags.put_tag``.
            limits: What is set before the user changes.

        Returns:
            The argument list, whose first element is the program's path, and the
            variables to set in place of the caller's.
        """
        names = [
            name for name in env if name not in _OURS and _IDENTIFIER.fullmatch(name)
        ]
        groups = ",".join(map(str, sorted(self.user.groups)))
        arguments = (
            self.prlimit,
            *(f"--{each.option}={each.soft}:{each.hard}" for each in limits),
            f"--locks={tag}:{tag}",
            self.setpriv,
            f"--reuid={self.user.uid}",
            f"--regid={self.user.gid}",
            f"--groups={groups}",
            "--inh-caps=-all",
            "--ambient-caps=-all",
            *(_naming(names) if names else ()),
            *command,
        )
        numbers = {name: f"{_CARRIER}{number}" for number, name in enumerate(names)}
        return arguments, {numbers.get(name, name): env[name] for name in env}


def _naming(names: Sequence[str]) -> tuple[str, ...]:
    """A shell that gives the caller's variables their names and becomes the command."""
    carriers = [f"{_CARRIER}{number}" for number in range(len(names))]
    script = "".join(
        f'{name}="${carrier}"; export {name}; unset {carrier}; '
        for name, carrier in zip(names, carriers, strict=True)
    )
    return (_SHELL, "-c", script + 'exec "$@"', _SHELL)


def find_run_as(text: str, directory: str = "/") -> RunAs:
    """Find the user and the programs, and try them with one process.

    Takes some milliseconds.

    Args:
        text: The setting: a name, ``uid`` or ``uid:gid``.
        directory: Where commands run that do not say.

    Raises:
        StartError: Commands cannot run as this user, or not there, and why.
    """
    try:
        run_as = RunAs(
            user=find_user(text),
            prlimit=_path_of("prlimit"),
            setpriv=_path_of("setpriv"),
        )
        _try(run_as)
        problem = run_as.user.directory_problem(directory)
        if problem is not None:
            raise ValueError(problem)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise StartError(f'MCP_RUN_AS="{text}" cannot be used: {why}') from None
    return run_as


def programs_in_front() -> tuple[str, ...]:
    """Paths of the programs that a command of another user begins with, if there."""
    found = map(shutil.which, ("prlimit", "setpriv"))
    return (*filter(None, found), _SHELL)


def find_user(text: str) -> User:
    """The user that a text means.

    A name, or a number that has one, brings its groups. ``uid:gid`` means just these
    two, whatever groups the user has.

    Raises:
        ValueError: There is no such user, or it is no other than root or the server.
    """
    number, colon, group = text.partition(":")
    entry = _entry(number)
    uid = int(number) if entry is None else entry.pw_uid
    if uid in (0, os.geteuid()):
        whose = "root" if uid == 0 else "the server's own user"
        raise ValueError(f"it is {whose}, which protects nothing")
    if colon:
        gid, groups = int(group), [int(group)]
    elif entry is None:
        raise ValueError(f"user {uid} has no name here: add its group, as in {uid}:100")
    else:
        gid = entry.pw_gid
        groups = os.getgrouplist(entry.pw_name, gid)
    return User(
        uid=uid,
        gid=gid,
        groups=frozenset(groups),
        name=None if entry is None else entry.pw_name,
        home="/" if entry is None else entry.pw_dir,
    )


def _entry(name: str) -> pwd.struct_passwd | None:
    """The machine's entry for a name or number; None for a number without."""
    try:
        return pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        if name.isdigit():
            return None
        raise ValueError("there is no such user") from None


def _path_of(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise ValueError(f"it takes the program {program} of util-linux")
    return os.path.abspath(path)


def _try(run_as: RunAs) -> None:
    """Start a process as the user, look at what it is, and kill it.

    Raises:
        ValueError: It did not start, or is more than that user, or cannot be killed.
    """
    look = (_path_of("cat"), "/proc/self/status", "-")
    arguments, _ = run_as.start(look, env={}, tag=_PROBE_TAG)
    with subprocess.Popen(  # noqa: S603 - our own arguments
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
    ) as probe:
        problem = _problem(run_as.user, _first_words(probe.stdout))
        try:
            probe.kill()
        except PermissionError:
            problem = problem or "its processes cannot be killed"
        _, said = probe.communicate(timeout=_WAIT_SECONDS)
    if problem is not None:
        words = " ".join(said.decode(errors="replace").split())
        raise ValueError(f"{words or problem}; {_RIGHTS}")


def _first_words(stream: IO[bytes] | None) -> str:
    """What a process writes at once; nothing if it ends or does not write in time."""
    if stream is None or not select.select([stream], [], [], _WAIT_SECONDS)[0]:
        return ""
    return os.read(stream.fileno(), _STATUS_BYTES).decode(errors="replace")


def _problem(user: User, status: str) -> str | None:
    """What is wrong with a process that describes itself so."""
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if not facts:
        return "a process did not start"
    if facts["Uid"].split() != [str(user.uid)] * 4:
        return "a process stayed the server's user"
    if facts["Gid"].split() != [str(user.gid)] * 4:
        return "a process kept the server's group"
    if {int(group) for group in facts["Groups"].split()} != user.groups:
        return "a process kept the server's groups"
    if any(int(facts[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")):
        return "a process kept capabilities"
    return None
