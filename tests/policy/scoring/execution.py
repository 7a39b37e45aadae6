"""Runs a text in a world, so that nothing of it gets out or stays.

It runs as nobody, who can gain no privileges, in namespaces of its own: it sees no
other processes, has no network, and finds the world's directories in the place of
``/tmp`` and what else everybody may write to. When it is over, its whole process
namespace is ended.

Sandboxed, the kernel holds it as well, by the server's own rules for its allow-list,
with the workspace as ``MCP_WORKSPACE``. The rules are made outside and come in as a
descriptor; they are about files and not about names, so that they mean the same where
the world is mounted.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from commander.execution.landlock import landlock_version
from commander.execution.sandbox import Sandbox, make_plan, open_sandbox
from tests.policy.scoring.world import HOME, MOUNT, PATH, WORKSPACE, Template, World

__all__ = ["Execution", "Outcome", "why_not", "why_not_sandboxed"]

_NAMESPACES: Final = (
    *("unshare", "--mount", "--net", "--pid", "--ipc"),
    *("--fork", "--kill-child", "--mount-proc"),
)
_UNPRIVILEGED: Final = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"),
)
_LIMITS: Final = (
    *("prlimit", "--cpu=10", "--fsize=33554432", "--nofile=512", "--core=0"),
    *("--nproc=600", "--data=4294967296"),
)
# Landlock's restrict_self has this number on every architecture. Who runs here cannot
# reach the tests' own interpreter.
_RESTRICTED: Final = (
    *("perl", "-e"),
    "syscall(446, int(shift), 0) == 0 or die qq(landlock: $!\\n);"
    " exec {$ARGV[0]} @ARGV",
)
# The first process of the namespace. When the text's own is over, processes that it
# left behind get a moment to finish.
_INIT: Final = f"""
mount --bind "$1" {MOUNT} && mount --bind {MOUNT}/tmp /tmp || exit 126
mount --bind {MOUNT}/vartmp /var/tmp || exit 126
for shared in /dev/shm /run/lock /run/screen; do
    [ ! -d "$shared" ] || mount -t tmpfs -o mode=1777 none "$shared" || exit 126
done
cd "$2" || exit 126
shift 2
"$@"
status=$?
turns=0
while [ $turns -lt 20 ] && kill -0 -1 2>/dev/null; do
    sleep 0.05
    turns=$((turns + 1))
done
exit $status
"""
_MAX_OUTPUT_BYTES: Final = 1 << 20
_POLL_SECONDS: Final = 0.02


@attrs.frozen(kw_only=True)
class Outcome:
    """What a text did."""

    status: int | None
    """None if it had to be ended."""
    stdout: bytes
    stderr: bytes
    breached: bool
    """Whether ``pwn`` ran."""
    touched: bool = False
    """Whether something was written where nothing may be."""
    files: Mapping[str, bytes] = attrs.field(factory=dict, repr=False)


def why_not_sandboxed() -> str | None:
    """Why the kernel can hold nothing here; None if it can."""
    version = landlock_version()
    return version if isinstance(version, str) else None


def why_not() -> str | None:
    """Why nothing can be executed here; None if it can."""
    if os.geteuid() != 0:
        return "only root can become nobody and make namespaces"
    if not (shutil.which("unshare") and shutil.which("setpriv")):
        return "unshare and setpriv of util-linux are not here"
    command = [*_NAMESPACES, "mount", "-t", "tmpfs", "none", MOUNT]
    trial = subprocess.run(command, capture_output=True, text=True, check=False)
    if trial.returncode:
        return f"namespaces cannot be made here: {trial.stderr.strip()}"
    return None


class Execution:
    """Runs texts, each in a fresh copy of a template.

    Args:
        template: The caller closes it.
        seconds: After which a text is ended.
        wrapper: Words of a program that runs in front of the shell; ``{allowed}`` in
            them stands for the allow-list, with commas.
        sandboxed: Whether the kernel holds the allow-list and the workspace too.
    """

    def __init__(
        self,
        template: Template,
        *,
        seconds: float = 8.0,
        wrapper: Sequence[str] = (),
        sandboxed: bool = False,
    ) -> None:
        self.template = template
        self._seconds = seconds
        self._wrapper = tuple(wrapper)
        self._sandboxed = sandboxed

    def run(
        self,
        text: str,
        *,
        shell: str = "/bin/sh",
        allowed: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        directory: str | None = None,
        keep_files: bool = False,
    ) -> Outcome:
        """Run a text to its end; it is ended as soon as ``pwn`` ran.

        Args:
            text: As the shell gets it.
            shell: An absolute path.
            allowed: For the wrapper.
            env: Beside the plain environment.
            directory: Where it runs, in the world; the workspace if it is not there.
            keep_files: Whether the outcome tells what is in the world afterwards, and
                the text goes on after ``pwn`` ran.
        """
        entries = ",".join(allowed)
        in_front = [word.replace("{allowed}", entries) for word in self._wrapper]
        with contextlib.ExitStack() as stack:
            world = stack.enter_context(self.template.copy())
            inherited: tuple[int, ...] = ()
            if self._sandboxed:
                sandbox = _sandbox(world, shell, allowed)
                stack.callback(sandbox.close)
                if sandbox.ruleset is not None:
                    inherited = (sandbox.ruleset.fileno(),)
                    in_front = [*_RESTRICTED, str(inherited[0]), *in_front]
            where = _inside(world, directory)
            settings = {**_environment(shell), **(env or {})}
            words = [str(world.root), where, *_LIMITS, *_UNPRIVILEGED]
            # The text's own variables come when its user is nobody: they may be an
            # LD_PRELOAD.
            words += ["/usr/bin/env", "-i", *map("=".join, settings.items())]
            words += [*in_front, shell, "-c", text]
            try:
                encoded = [os.fsencode(word) for word in words]
            except UnicodeEncodeError:
                return Outcome(status=None, stdout=b"", stderr=b"", breached=False)
            with _Run(encoded, inherited) as run:
                status = run.finish(
                    self._seconds, lambda: not keep_files and world.breached
                )
            return Outcome(
                status=status,
                stdout=bytes(run.output[0]),
                stderr=bytes(run.output[1]),
                breached=world.breached,
                touched=world.touched,
                files=world.files() if keep_files else {},
            )


def _inside(world: World, directory: str | None) -> str:
    full = os.path.normpath(os.path.join(WORKSPACE, directory or "."))
    for seen, kept in ((MOUNT, world.root), ("/var/tmp", world.root / "vartmp")):
        below = os.path.relpath(full, seen)
        if not below.startswith("..") and (kept / below).is_dir():
            return full
    return WORKSPACE


def _sandbox(world: World, shell: str, allowed: Sequence[str]) -> Sandbox:
    """What a server with this allow-list has the kernel hold; the caller closes it.

    The marker may be written: else ``pwn`` could run and not tell.
    """
    plan = make_plan(
        mode="auto",
        entries=tuple(allowed),
        workspace=(str(world.root / "ws"), str(world.marker.parent)),
        in_front=(shell,),
        environment={"PATH": PATH, "TMPDIR": str(world.root / "tmp")},
    )
    return open_sandbox(plan)


def _environment(shell: str) -> dict[str, str]:
    return {
        "PATH": PATH,
        "HOME": HOME,
        "SHELL": shell,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": "/tmp",
        # So that two runs make the same commits.
        "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_DATE": "1700000000 +0000",
    }


class _Run:
    """One run; leaving it ends all of its processes."""

    def __init__(self, words: Sequence[bytes], inherited: Sequence[int]) -> None:
        self.output = (bytearray(), bytearray())
        self._readers = selectors.DefaultSelector()
        writers = []
        for part in self.output:
            reader, writer = os.pipe()
            # So that /dev/stdout can be opened, as it can by who starts commands.
            os.fchown(writer, 65534, 65534)
            self._readers.register(reader, selectors.EVENT_READ, part)
            writers.append(writer)
        try:
            self._process = subprocess.Popen(
                [*_NAMESPACES, "/bin/sh", "-c", _INIT, "init", *words],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=writers[0],
                stderr=writers[1],
                start_new_session=True,
                pass_fds=inherited,
            )
        except ValueError:  # a NUL, which no command line can hold
            self._process = subprocess.Popen(["false"], start_new_session=True)
        finally:
            for writer in writers:
                os.close(writer)

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for key in list(self._readers.get_map().values()):
            os.close(key.fd)
        self._readers.close()

    def finish(self, seconds: float, is_over: Callable[[], bool]) -> int | None:
        """Wait for the end; the exit status, or None if there is none.

        Args:
            seconds: To wait.
            is_over: Whether there is nothing left to wait for.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not is_over():
            if not self._read() and self._process.poll() is not None:
                return self._process.returncode
        return None

    def _read(self) -> bool:
        """Read what is there, or wait a moment; false if all is read."""
        if not self._readers.get_map():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_POLL_SECONDS)
            return False
        for key, _ in self._readers.select(_POLL_SECONDS):
            got = os.read(key.fd, 65536)
            key.data.extend(got)
            # Who writes more than that finds the pipe closed, as in front of head.
            if not got or len(key.data) > _MAX_OUTPUT_BYTES:
                self._readers.unregister(key.fd)
                os.close(key.fd)
        return True
