"""Commands as real processes: their endings, their output, and what they inherit.

They are started through the real reactor, and none is left afterwards.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from commander.commands import CommandRequest, EndedBy, Outcome, StartFailed
from commander.execution.executor import ExecutionLimits, Executor
from commander.execution.groups import PosixGroups
from commander.execution.launcher import find_launcher
from commander.policy.checker import Approved, PolicyChecker
from commander.principals import ANONYMOUS
from commander.reactors import ICommanderReactor

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_descriptor_left")]

LIMITS = ExecutionLimits(
    shell="/bin/sh",
    shell_arg="-c",
    directory="/",
    kill_grace_seconds=0.5,
    max_output_bytes=64 * 1024,
    output_limit_bytes=None,
)


class RealProcesses:
    """Runs commands as the server does, without the server."""

    def __init__(self, stdin_descriptor: int) -> None:
        self._stdin_descriptor = stdin_descriptor
        self.environ = dict(os.environ)

    def executor(self, limits: ExecutionLimits = LIMITS) -> Executor:
        return Executor(
            reactor=ICommanderReactor(reactor, reactor),
            monotonic=time.monotonic,
            limits=limits,
            launcher=find_launcher(),
            groups=PosixGroups(),
            environ=self.environ,
            stdin_descriptor=self._stdin_descriptor,
        )

    async def run(
        self,
        command: str,
        *,
        timeout_seconds: float = 20.0,
        directory: str | None = None,
        env: dict[str, str] | None = None,
        limits: ExecutionLimits = LIMITS,
    ) -> Outcome:
        """Run a command to its end."""
        approved = self.approve(command, timeout_seconds, directory, env)
        running = self.executor(limits).start(approved)
        assert not isinstance(running, StartFailed), running.reason
        return await running.finished

    def approve(
        self,
        command: str,
        timeout_seconds: float = 20.0,
        directory: str | None = None,
        env: dict[str, str] | None = None,
    ) -> Approved:
        checker = PolicyChecker(
            allowed=(), blocked=(), use_default_blocklist=True, allowed_env=()
        )
        verdict = checker.check(
            CommandRequest(
                command=command,
                timeout_seconds=timeout_seconds,
                working_directory=directory,
                env=env or {},
            ),
            ANONYMOUS,
        )
        assert isinstance(verdict, Approved), verdict
        return verdict

    @staticmethod
    def limits(**changes: object) -> ExecutionLimits:
        return attrs.evolve(LIMITS, **changes)  # type: ignore[arg-type]  # names are given by tests


@pytest.fixture
def processes() -> Iterator[RealProcesses]:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    yield RealProcesses(descriptor)
    os.close(descriptor)


@pytest.fixture
def no_descriptor_left() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    # Twisted closes pipes in a later turn of the reactor than it is told to.
    for _ in range(100):
        if len(os.listdir("/proc/self/fd")) <= before:
            return
        pytest_twisted.blockon(deferLater(ICommanderReactor(reactor, reactor), 0.01))
    pytest.fail("a descriptor is left")


def text(outcome: Outcome) -> str:
    return (outcome.stdout.head + outcome.stdout.tail).decode()


def is_dead(pid: int) -> bool:
    """Whether a process is gone; a zombie is, whoever has to reap it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat[stat.rindex(")") + 2] in "ZX"


def peak_bytes() -> int:
    """The most memory that this process has held, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def pid_in(file: Path) -> int:
    return int(file.read_text())


@pytest_twisted.ensureDeferred
async def test_output_and_exit_code_are_told(processes: RealProcesses) -> None:
    outcome = await processes.run("echo out; echo err >&2; exit 3")
    assert text(outcome) == "out\n"
    assert outcome.stderr.head + outcome.stderr.tail == b"err\n"
    assert outcome.exit_code == 3
    assert outcome.ended_by is EndedBy.EXIT


@pytest_twisted.ensureDeferred
async def test_a_signal_from_elsewhere_is_named(processes: RealProcesses) -> None:
    outcome = await processes.run("kill -SEGV $$")
    assert (outcome.exit_code, outcome.signal) == (None, "SIGSEGV")


@pytest_twisted.ensureDeferred
async def test_the_directory_is_the_one_asked_for(
    processes: RealProcesses, tmp_path: Path
) -> None:
    odd = tmp_path / "with space\nand line"
    odd.mkdir()
    outcome = await processes.run("pwd", directory=str(odd))
    assert text(outcome) == f"{odd.resolve()}\n"


@pytest_twisted.ensureDeferred
async def test_standard_input_is_at_its_end(processes: RealProcesses) -> None:
    outcome = await processes.run("cat; echo done")
    assert text(outcome) == "done\n"


@pytest_twisted.ensureDeferred
async def test_a_timeout_ends_the_children_too(
    processes: RealProcesses, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    outcome = await processes.run(
        f"sleep 100 & echo $! > {file}; wait", timeout_seconds=0.5
    )
    assert outcome.ended_by is EndedBy.TIMEOUT
    assert outcome.signal == "SIGTERM"
    assert is_dead(pid_in(file))


@pytest_twisted.ensureDeferred
async def test_a_tree_that_ignores_term_is_killed_in_time(
    processes: RealProcesses, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    outcome = await processes.run(
        f"trap '' TERM HUP INT; (sleep 100) & echo $! > {file}; wait; sleep 100",
        timeout_seconds=0.5,
    )
    assert outcome.signal == "SIGKILL"
    assert is_dead(pid_in(file))
    # Deadline 0.5 s, grace 0.5 s, and the second that is promised on top.
    assert outcome.duration_seconds < 2.0


@pytest_twisted.ensureDeferred
async def test_a_stopped_child_does_not_survive(
    processes: RealProcesses, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    await processes.run(
        f"sleep 100 & echo $! > {file}; kill -STOP $!; wait", timeout_seconds=0.5
    )
    assert is_dead(pid_in(file))


@pytest_twisted.ensureDeferred
async def test_background_processes_end_with_the_command(
    processes: RealProcesses, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    outcome = await processes.run(f"sleep 100 & echo $! > {file}; echo started")
    assert text(outcome) == "started\n"
    assert outcome.exit_code == 0
    assert outcome.background_ended
    assert is_dead(pid_in(file))


@pytest_twisted.ensureDeferred
async def test_a_process_that_left_the_session_does_not_hold_the_answer(
    processes: RealProcesses, tmp_path: Path
) -> None:
    """It is the one that survives: without its own group nothing can find it yet."""
    file = tmp_path / "pid"
    outcome = await processes.run(
        f"setsid sh -c 'echo $$ > {file}; exec sleep 3' & sleep 0.2; echo started"
    )
    try:
        assert text(outcome) == "started\n"
        assert outcome.duration_seconds < 2.0
        assert not is_dead(pid_in(file))
    finally:
        os.kill(pid_in(file), signal.SIGKILL)


@pytest_twisted.ensureDeferred
async def test_the_group_kill_is_what_ends_the_children(
    processes: RealProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative test: signalling the shell alone would leave the child."""
    file = tmp_path / "pid"

    def shell_only(self: PosixGroups, group: int, number: int) -> bool:
        os.kill(group, number)
        return True

    monkeypatch.setattr(PosixGroups, "send", shell_only)
    monkeypatch.setattr(PosixGroups, "alive", lambda self, group: not is_dead(group))
    await processes.run(f"sleep 5 & echo $! > {file}; wait", timeout_seconds=0.5)
    try:
        assert not is_dead(pid_in(file))
    finally:
        os.kill(pid_in(file), signal.SIGKILL)


@pytest_twisted.ensureDeferred
async def test_64_mib_of_output_are_counted_and_the_ends_are_kept(
    processes: RealProcesses,
) -> None:
    limits = processes.limits(max_output_bytes=1024 * 1024)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = peak_bytes()
    outcome = await processes.run(
        "echo first; head -c 67108864 /dev/zero; echo last", limits=limits
    )
    window = outcome.stdout
    assert window.total_bytes == 67108864 + len("first\nlast\n")
    assert window.head.startswith(b"first\n")
    assert window.tail.endswith(b"last\n")
    assert len(window.head) + len(window.tail) == 1024 * 1024
    assert window.omitted_bytes == window.total_bytes - 1024 * 1024
    # Twice 1 MiB is kept, copied once; the rest is room for what else is measured.
    assert peak_bytes() - before < 16 * 1024 * 1024


@pytest_twisted.ensureDeferred
async def test_the_last_output_before_the_exit_is_not_lost(
    processes: RealProcesses,
) -> None:
    for _ in range(20):
        outcome = await processes.run("head -c 60000 /dev/zero")
        assert outcome.stdout.total_bytes == 60000


@pytest_twisted.ensureDeferred
async def test_too_much_output_ends_the_command(processes: RealProcesses) -> None:
    limits = processes.limits(output_limit_bytes=1_000_000)
    outcome = await processes.run("yes", limits=limits)
    assert outcome.ended_by is EndedBy.OUTPUT_LIMIT
    assert outcome.stdout.total_bytes > 1_000_000


@pytest_twisted.ensureDeferred
async def test_a_closed_pipe_ends_a_writer_quietly(processes: RealProcesses) -> None:
    outcome = await processes.run("yes | head -n 1")
    assert text(outcome) == "y\n"
    assert outcome.stderr.total_bytes == 0


@pytest_twisted.ensureDeferred
async def test_no_secret_of_the_server_is_in_the_environment(
    processes: RealProcesses,
) -> None:
    processes.environ |= {
        "MCP_AUTH_TOKEN": "very-secret",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
        "ECS_CONTAINER_METADATA_URI_V4": "very-secret",
    }
    outcome = await processes.run("env", env={"MINE": "1"})
    assert "very-secret" not in text(outcome)
    assert "MINE=1\n" in text(outcome)


@pytest_twisted.ensureDeferred
async def test_no_descriptor_of_the_server_is_inherited(
    processes: RealProcesses,
) -> None:
    secret = os.open("/etc/hostname", os.O_RDONLY)
    try:
        outcome = await processes.run("ls /proc/$$/fd")
    finally:
        os.close(secret)
    assert set(text(outcome).split()) <= {"0", "1", "2"}


@pytest_twisted.ensureDeferred
async def test_a_command_of_the_longest_size_runs(processes: RealProcesses) -> None:
    outcome = await processes.run("echo ok #" + "x" * 30_000)
    assert text(outcome) == "ok\n"


@pytest_twisted.ensureDeferred
async def test_a_hundred_commands_leave_nothing(processes: RealProcesses) -> None:
    for _ in range(100):
        outcome = await processes.run("true")
        assert outcome.exit_code == 0


def test_a_missing_shell_is_a_result(processes: RealProcesses) -> None:
    executor = processes.executor(processes.limits(shell="/no/such/shell"))
    failed = executor.start(processes.approve("true"))
    assert isinstance(failed, StartFailed)
    assert "/no/such/shell" in failed.reason


@pytest_twisted.ensureDeferred
async def test_text_reaches_the_shell_as_utf_8_whatever_the_locale(
    processes: RealProcesses,
) -> None:
    outcome = await processes.run("echo €uro $NAME", env={"NAME": "ß"})
    assert text(outcome) == "€uro ß\n"
