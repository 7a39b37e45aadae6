"""Commands as real processes: their endings, their output, and what they inherit.

They are started through the real reactor, and none is left afterwards.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_twisted

from commander.commands import EndedBy, Outcome, StartFailed
from commander.execution.groups import GroupTrees

if TYPE_CHECKING:
    from tests.process.conftest import RealProcesses

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_descriptor_left")]


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
    # Deadline 0.5 s and grace 0.5 s; the rest is for busy machines, and far below the
    # 100 s that it would take unkilled. How soon it is, `make bench` measures.
    assert outcome.duration_seconds < 20.0


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
    assert outcome.background_processes == 1
    assert is_dead(pid_in(file))


@pytest_twisted.ensureDeferred
async def test_a_process_that_left_the_session_does_not_hold_the_answer(
    processes: RealProcesses, tmp_path: Path
) -> None:
    """By process groups alone it cannot be found, and survives; else it ends too."""
    file = tmp_path / "pid"
    outcome = await processes.run(
        f"setsid sh -c 'echo $$ > {file}; exec sleep 60' & sleep 0.2; echo started"
    )
    groups_only = isinstance(processes.engine.trees, GroupTrees)
    try:
        assert text(outcome) == "started\n"
        assert outcome.duration_seconds < 20.0
        assert is_dead(pid_in(file)) is not groups_only
        assert outcome.background_processes == (0 if groups_only else 1)
    finally:
        if groups_only:
            os.kill(pid_in(file), signal.SIGKILL)


@pytest_twisted.ensureDeferred
async def test_64_mib_of_output_are_counted_and_the_ends_are_kept(
    processes: RealProcesses,
) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = peak_bytes()
    outcome = await processes.run(
        "echo first; head -c 67108864 /dev/zero; echo last",
        max_output_bytes=1024 * 1024,
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
    outcome = await processes.run("yes", output_limit_bytes=1_000_000)
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
async def test_a_variable_of_the_server_that_is_no_utf_8_is_inherited_as_it_is(
    processes: RealProcesses,
) -> None:
    processes.environ |= {"HOME": os.fsdecode(b"/h\xff")}
    outcome = await processes.run("printf %s $HOME")
    assert outcome.stdout.head == b"/h\xff"


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
    executor = processes.executor(shell="/no/such/shell")
    failed = executor.start(processes.approve("true"), "run")
    assert isinstance(failed, StartFailed)
    assert "/no/such/shell" in failed.reason


@pytest_twisted.ensureDeferred
async def test_text_reaches_the_shell_as_utf_8_whatever_the_locale(
    processes: RealProcesses,
) -> None:
    outcome = await processes.run("echo €uro $NAME", env={"NAME": "ß"})
    assert text(outcome) == "€uro ß\n"
