"""What every way to start a process must do, on real processes.

The threaded spawner and the fallback must agree, or a tool would notice which of them
it has. Where Twisted's bare reactor can do a thing it is held to the same words: the
order of calls is its own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import (
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.execution.launcher import LaunchedSpawner, Launcher, find_launcher
from commander.execution.native import Unavailable, load
from commander.execution.seams import (
    IBufferedProcessProtocol,
    IPreparingProcessProtocol,
)
from commander.execution.spawner import ThreadedSpawner
from commander.execution.transport import SpawnFailed
from commander.reactors import ICommanderReactor

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("nothing_left")]

REACTOR = ICommanderReactor(reactor, reactor)
WAIT_SECONDS = 20
ENV = {b"PATH": os.fsencode(os.defpath), b"LC_ALL": b"C"}
SHELL = "/bin/sh"


class Recorder(ProcessProtocol):
    """Notes every call, and fires a Deferred at each stage."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.output = {1: bytearray(), 2: bytearray(), 3: bytearray()}
        self.pids: list[int | None] = []
        self.reasons: list[Failure] = []
        self.made: Deferred[None] = Deferred()
        self.exited: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self._called("made")
        self.made.callback(None)

    def childDataReceived(
        self,
        childFD: int,
        data: bytes,
    ) -> None:
        self.calls.append(("data", childFD))
        self.output[childFD] += data

    def childConnectionLost(self, childFD: int) -> None:
        self.calls.append(("lost", childFD))

    def processExited(self, reason: Failure) -> None:
        self._called("exited")
        self.reasons.append(reason)
        self.exited.callback(None)

    def processEnded(self, reason: Failure) -> None:
        self._called("ended")
        self.reasons.append(reason)
        self.ended.callback(None)

    def _called(self, name: str) -> None:
        self.calls.append((name, -1))
        self.pids.append(getattr(self.transport, "pid", None))

    @property
    def stdout(self) -> str:
        return self.output[1].decode()

    @property
    def stderr(self) -> str:
        return self.output[2].decode()

    @property
    def exit_code(self) -> int | None:
        """None if a signal ended it."""
        ending = self.reasons[-1].value
        assert isinstance(ending, ProcessDone | ProcessTerminated)
        return ending.exitCode

    @property
    def signal(self) -> int | None:
        ending = self.reasons[-1].value
        assert isinstance(ending, ProcessDone | ProcessTerminated)
        return ending.signal


@implementer(IBufferedProcessProtocol)
class BufferedRecorder(Recorder):
    """The same with memory of its own, in two parts of odd size."""

    def __init__(self) -> None:
        super().__init__()
        self._memory = bytearray(100_000)

    def child_buffers(self, descriptor: int, hint: int) -> Sequence[memoryview]:
        view = memoryview(self._memory)[:hint]
        return [view[:4099], view[4099:]]

    def child_buffers_filled(self, descriptor: int, count: int) -> None:
        self.childDataReceived(descriptor, bytes(self._memory[:count]))


@attrs.frozen
class Starter:
    """One way to start processes."""

    spawner: IReactorProcess
    null: int

    def start(
        self,
        text: str,
        *,
        protocol: Recorder | None = None,
        program: str = SHELL,
        arguments: Sequence[str] | None = None,
        env: Mapping[bytes, bytes] = ENV,
        directory: Path | None = None,
        stdin: bool = False,
        report: bool = False,
    ) -> Recorder:
        """Start a shell on a text, or another program."""
        recorder = protocol or Recorder()
        self.spawner.spawnProcess(
            recorder,
            program,
            [program, "-c", text] if arguments is None else [program, *arguments],
            env=env,
            path=None if directory is None else str(directory),
            childFDs={
                0: "w" if stdin else self.null,
                1: "r",
                2: "r",
                **({3: "r"} if report else {}),
            },
        )
        return recorder

    def start_in_terminal(self, text: str) -> Recorder:
        """Start a shell on a text, in a terminal."""
        recorder = Recorder()
        arguments = [SHELL, "-c", text]
        self.spawner.spawnProcess(recorder, SHELL, arguments, env=ENV, usePTY=True)
        return recorder

    async def run(self, text: str, **options: Any) -> Recorder:
        """Run it to its end."""
        recorder = self.start(text, **options)
        await within_time(recorder.ended)
        return recorder


async def within_time(waited: Deferred[Any]) -> None:
    """Wait, but not for ever; other waiters are not disturbed."""
    mine: Deferred[Any] = Deferred()
    waited.addBoth(_pass_on, mine)
    await mine.addTimeout(WAIT_SECONDS, REACTOR)


async def output_of(ran: Recorder, more_than: int = 0) -> None:
    """Wait until it has written something."""
    for _ in range(WAIT_SECONDS * 200):
        if len(ran.output[1]) > more_than:
            return
        await deferLater(REACTOR, 0.005)
    pytest.fail("no output came")


def _pass_on(result: Any, other: Deferred[Any]) -> Any:
    if not other.called:
        other.callback(None)
    return result


def twisted_spawner() -> IReactorProcess:
    return REACTOR


def launched_spawner() -> IReactorProcess:
    return LaunchedSpawner(REACTOR, find_launcher())


def python_launched_spawner() -> IReactorProcess:
    return LaunchedSpawner(REACTOR, Launcher(name="python"))


@contextlib.contextmanager
def threads(**options: Any) -> Iterator[ThreadedSpawner]:
    """A threaded spawner, for as long as it is needed."""
    bindings = load()
    if isinstance(bindings, Unavailable):
        pytest.skip(bindings.reason)
    spawner = ThreadedSpawner(REACTOR, bindings=bindings, **options)
    spawner.start()
    try:
        yield spawner
    finally:
        spawner.stop()


@pytest.fixture
def null() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def threaded(null: int) -> Iterator[Starter]:
    with threads() as spawner:
        yield Starter(spawner, null)


OWN_SESSION: tuple[Callable[[], IReactorProcess] | None, ...] = (
    None,  # the threaded one, which has to be stopped
    launched_spawner,
    python_launched_spawner,
)


@pytest.fixture(params=OWN_SESSION, ids=["threaded", "launched", "launched-python"])
def ours(request: pytest.FixtureRequest, null: int) -> Iterator[Starter]:
    """Each of our own spawners."""
    yield from starters(request.param, null)


@pytest.fixture(
    params=(None, launched_spawner, twisted_spawner),
    ids=["threaded", "launched", "twisted"],
)
def starter(request: pytest.FixtureRequest, null: int) -> Iterator[Starter]:
    """Each way, Twisted's own included."""
    yield from starters(request.param, null)


def starters(
    make: Callable[[], IReactorProcess] | None, null: int
) -> Iterator[Starter]:
    if make is not None:
        yield Starter(make(), null)
        return
    with threads() as spawner:
        yield Starter(spawner, null)


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No descriptor, no child and no zombie is left by a test."""
    turn()  # the reactor has opened what it needs
    before, children_before = open_descriptors(), children()
    yield
    for _ in range(200):
        left = open_descriptors() - before
        if not left and children() <= children_before:
            return
        turn(0.01)
    pytest.fail(f"left: descriptors {left}, children {children() - children_before}")


def turn(seconds: float = 0) -> None:
    pytest_twisted.blockon(deferLater(REACTOR, seconds))


def open_descriptors() -> set[tuple[str, str]]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            found.add((name, os.readlink(f"/proc/self/fd/{name}")))
    return found


def children() -> set[int]:
    """Of every thread of this process, zombies included."""
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError):  # no such file, or no such thread
            listed = Path("/proc/self/task", thread, "children").read_text()
            found.update(map(int, listed.split()))
    return found


# --- order of calls ------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_calls_come_in_twisteds_order(starter: Starter) -> None:
    ran = await starter.run("echo out; echo err >&2; exit 3")
    assert ran.calls[0] == ("made", -1)
    assert ran.calls[-1] == ("ended", -1)
    for name in ("made", "exited", "ended"):
        assert ran.calls.count((name, -1)) == 1
    for descriptor in (1, 2):
        assert ran.calls.count(("lost", descriptor)) == 1
        data = ran.calls.index(("data", descriptor))
        assert data < ran.calls.index(("lost", descriptor))


@pytest_twisted.ensureDeferred
async def test_the_process_id_is_known_from_the_start_to_the_exit(
    starter: Starter,
) -> None:
    ran = await starter.run("echo $$")
    assert ran.pids == [int(ran.stdout), None, None]


@pytest_twisted.ensureDeferred
async def test_pipes_that_close_early_are_told_early(starter: Starter) -> None:
    ran = await starter.run("exec >&- 2>&-; sleep 0.2")
    assert sorted(ran.calls[1:3]) == [("lost", 1), ("lost", 2)]
    assert ran.calls[3:] == [("exited", -1), ("ended", -1)]


# --- what the process gets -----------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_the_environment_is_what_was_given_and_no_more(starter: Starter) -> None:
    env = {**ENV, b"WORDS": b"two words", b"NOT_UTF8": b"\xff"}
    ran = await starter.run("", program="/usr/bin/env", arguments=["-0"], env=env)
    lines = bytes(ran.output[1]).rstrip(b"\0").split(b"\0")
    assert dict(line.split(b"=", 1) for line in lines) == env


@pytest_twisted.ensureDeferred
async def test_arguments_arrive_as_they_are(starter: Starter) -> None:
    arguments = ["%s|", "", " two  words ", "new\nline", "ümlaut", "$HOME", "--"]
    ran = await starter.run("", program="/usr/bin/printf", arguments=arguments)
    assert ran.stdout == "".join(f"{argument}|" for argument in arguments[1:])


@pytest_twisted.ensureDeferred
async def test_it_runs_in_the_directory_that_was_given(
    starter: Starter, tmp_path: Path
) -> None:
    directory = tmp_path / "a dir\nwith $odd=name"
    directory.mkdir()
    ran = await starter.run("readlink -z /proc/self/cwd", directory=directory)
    assert ran.stdout == f"{directory.resolve()}\0"
    assert ran.exit_code == 0


@pytest_twisted.ensureDeferred
async def test_without_a_directory_it_runs_in_ours(starter: Starter) -> None:
    ran = await starter.run("readlink /proc/self/cwd")
    assert ran.stdout.strip() == os.getcwd()


@pytest_twisted.ensureDeferred
async def test_it_leads_a_session_and_a_group_of_its_own(
    ours: Starter, tmp_path: Path
) -> None:
    text = "read -r stat </proc/$$/stat; echo $stat"
    ran = await ours.run(text, directory=tmp_path)
    pid, _name, _state, _parent, group, session, terminal = ran.stdout.split()[:7]
    assert int(pid) == ran.pids[0]
    assert pid == group == session
    assert terminal == "0"


@pytest_twisted.ensureDeferred
async def test_no_signal_is_ignored(starter: Starter) -> None:
    """Python ignores SIGPIPE and SIGXFSZ, an operator's nohup SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ran = await starter.run("grep ^SigIgn: /proc/self/status; yes | head -n 1")
    finally:
        signal.signal(signal.SIGHUP, before)
    ignored = int(ran.stdout.split()[1], 16)
    # The C library keeps two signals for itself, and ignores them.
    assert [n for n in signal.valid_signals() if ignored >> (n - 1) & 1] == []
    assert ran.stdout.endswith("\ny\n")
    assert ran.stderr == ""


@pytest_twisted.ensureDeferred
async def test_no_signal_is_blocked_whatever_is_blocked_in_the_server(
    null: int,
) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    try:
        with threads() as spawner:
            ran = await Starter(spawner, null).run(  # a shell would unblock them
                "", program="/bin/grep", arguments=["^SigBlk:", "/proc/self/status"]
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert int(ran.stdout.split()[1], 16) == 0


@pytest_twisted.ensureDeferred
async def test_no_descriptor_is_inherited_but_the_standard_ones(
    starter: Starter, null: int
) -> None:
    os.dup2(null, 200, inheritable=True)
    try:
        ran = await starter.run("ls /proc/self/fd")
    finally:
        os.close(200)
    assert ran.stdout.split() == ["0", "1", "2", "3"]  # 3 is the listing's own


@pytest_twisted.ensureDeferred
async def test_standard_input_is_what_was_given(starter: Starter) -> None:
    ran = await starter.run("readlink /proc/self/fd/0; cat")
    assert ran.stdout == "/dev/null\n"


@pytest_twisted.ensureDeferred
async def test_standard_input_can_be_a_pipe(starter: Starter) -> None:
    ran = starter.start("cat; echo end", stdin=True)
    await within_time(ran.made)
    assert ran.transport is not None
    size = 300_000  # more than a pipe holds
    ran.transport.writeToChild(0, b"x" * size)
    ran.transport.write(b"y\n")
    ran.transport.closeStdin()
    await within_time(ran.ended)
    assert ran.stdout == "x" * size + "y\nend\n"
    assert ran.calls.count(("lost", 0)) == 1


@pytest_twisted.ensureDeferred
async def test_a_process_that_closes_its_input_is_told(starter: Starter) -> None:
    ran = starter.start("exec <&-; echo closed; sleep 0.2", stdin=True)
    await within_time(ran.made)
    await within_time(ran.ended)
    assert ran.calls.index(("lost", 0)) < ran.calls.index(("exited", -1))


@pytest_twisted.ensureDeferred
async def test_a_third_pipe_is_read_beside_the_output(starter: Starter) -> None:
    ran = await starter.run(
        "echo out; echo told >&3; ls /proc/self/fd >&2", report=True
    )
    assert ran.stdout == "out\n"
    assert bytes(ran.output[3]) == b"told\n"
    assert ran.stderr.split() == ["0", "1", "2", "3", "4"]
    assert ran.calls.count(("lost", 3)) == 1


@pytest_twisted.ensureDeferred
async def test_a_third_pipe_that_somebody_holds_keeps_nothing_away(
    threaded: Starter,
) -> None:
    text = f"echo told >&3; sleep {10 * WAIT_SECONDS} >/dev/null 2>&1 & echo $!"
    ran = await threaded.run(text, report=True)
    assert bytes(ran.output[3]) == b"told\n"
    os.kill(int(ran.stdout), signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # unless it came to us
        os.waitpid(int(ran.stdout), 0)


# --- terminals -----------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_terminal_is_input_and_output(threaded: Starter) -> None:
    ran = threaded.start_in_terminal("stty -echo; tty; read line; echo got $line >&2")
    await output_of(ran)
    assert ran.transport is not None
    ran.transport.write(b"this\n")
    await within_time(ran.ended)
    assert ran.stdout.startswith("/dev/pts/")
    assert ran.stdout.endswith("\r\ngot this\r\n")
    assert sorted(call for call in ran.calls if call[0] == "lost") == [
        ("lost", 0),
        ("lost", 1),
    ]
    assert ran.calls[-1] == ("ended", -1)


@pytest_twisted.ensureDeferred
async def test_a_lost_terminal_is_a_hang_up_for_its_session(threaded: Starter) -> None:
    ran = threaded.start_in_terminal(f"echo ready; exec sleep {WAIT_SECONDS}")
    await output_of(ran)
    assert ran.transport is not None
    ran.transport.loseConnection()
    await within_time(ran.ended)
    assert ran.signal == signal.SIGHUP


@pytest_twisted.ensureDeferred
async def test_a_program_that_is_not_there_takes_its_terminal_with_it(
    threaded: Starter,
) -> None:
    recorder = Recorder()
    threaded.spawner.spawnProcess(recorder, "/bin/none", ["none"], usePTY=True)
    await within_time(recorder.ended)
    (reason,) = recorder.reasons
    assert isinstance(reason.value, SpawnFailed)
    assert "/bin/none" in str(reason.value)


@pytest.mark.parametrize("make", [launched_spawner, python_launched_spawner])
def test_where_there_are_no_terminals_one_is_refused_in_words(
    make: Callable[[], IReactorProcess], null: int
) -> None:
    with pytest.raises(OSError, match="posix_spawn"):
        Starter(make(), null).start_in_terminal("true")


# --- endings -------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 42, 255])
@pytest_twisted.ensureDeferred
async def test_exit_codes_arrive(starter: Starter, code: int) -> None:
    ran = await starter.run(f"exit {code}")
    assert (ran.exit_code, ran.signal) == (code, None)
    expected = ProcessTerminated if code else ProcessDone
    assert [reason.type for reason in ran.reasons] == [expected, expected]


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "USR1"])
@pytest_twisted.ensureDeferred
async def test_a_signal_that_ended_it_is_named(starter: Starter, name: str) -> None:
    ran = await starter.run(f"ulimit -c 0; kill -{name} $$; sleep {WAIT_SECONDS}")
    assert (ran.exit_code, ran.signal) == (None, signal.Signals[f"SIG{name}"])


@pytest.mark.parametrize("wanted", ["TERM", "KILL", signal.SIGUSR2])
@pytest_twisted.ensureDeferred
async def test_it_can_be_signalled_until_it_was_reaped(
    starter: Starter, wanted: str | int
) -> None:
    ran = starter.start(f"echo ready; exec sleep {WAIT_SECONDS}")
    await within_time(ran.made)
    assert ran.transport is not None
    await output_of(ran)  # before, a launcher may still be at work
    ran.transport.signalProcess(wanted)
    await within_time(ran.ended)
    number = wanted if isinstance(wanted, int) else signal.Signals[f"SIG{wanted}"]
    assert ran.signal == number
    with pytest.raises(ProcessExitedAlready):
        ran.transport.signalProcess("KILL")


@pytest_twisted.ensureDeferred
async def test_a_pipe_that_a_grandchild_holds_keeps_only_the_end_away(
    starter: Starter,
) -> None:
    ran = starter.start(f"sleep {10 * WAIT_SECONDS} & echo $!")
    await within_time(ran.exited)
    await output_of(ran)  # Twisted's own may tell of the exit first
    grandchild = int(ran.stdout)
    try:
        for _ in range(5):
            await deferLater(REACTOR, 0.01)
        assert ("ended", -1) not in ran.calls
        assert ran.transport is not None
        ran.transport.loseConnection()
        assert ("ended", -1) not in ran.calls, "never from within the call"
        await within_time(ran.ended)
    finally:
        os.kill(grandchild, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # unless it came to us
            os.waitpid(grandchild, 0)
    assert ran.exit_code == 0


@pytest_twisted.ensureDeferred
async def test_losing_the_connection_does_not_end_the_process(starter: Starter) -> None:
    ran = starter.start("sleep 0.2; exit 5")
    await within_time(ran.made)
    assert ran.transport is not None
    ran.transport.loseConnection()
    ran.transport.loseConnection()
    await within_time(ran.ended)
    assert ran.exit_code == 5


@pytest_twisted.ensureDeferred
async def test_who_writes_to_a_lost_pipe_is_ended_by_the_kernel(
    starter: Starter,
) -> None:
    ran = starter.start("exec yes")
    await within_time(ran.made)
    assert ran.transport is not None
    ran.transport.loseConnection()
    await within_time(ran.ended)
    assert ran.signal == signal.SIGPIPE


# --- output --------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Recorder, BufferedRecorder])
@pytest_twisted.ensureDeferred
async def test_what_stood_in_the_pipes_is_told_before_the_exit(
    threaded: Starter, make: Callable[[], Recorder]
) -> None:
    """Twisted's own does not promise that."""
    runs = [threaded.start("echo last words", protocol=make()) for _ in range(30)]
    await within_time(gatherResults([ran.ended for ran in runs]))
    for ran in runs:
        assert ran.calls.index(("data", 1)) < ran.calls.index(("exited", -1))


LARGE = "head -c 5000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait; echo end"


@pytest.mark.parametrize("make", [Recorder, BufferedRecorder])
@pytest_twisted.ensureDeferred
async def test_large_output_arrives_whole(
    starter: Starter, make: Callable[[], Recorder]
) -> None:
    ran = await starter.run(LARGE, protocol=make())
    assert ran.output[1] == bytes(5_000_000) + b"end\n"
    assert ran.output[2] == bytes(3_000_000)


@pytest_twisted.ensureDeferred
async def test_a_process_whose_output_nobody_reads_stands_still(
    starter: Starter,
) -> None:
    ran = starter.start("exec yes")
    await within_time(ran.made)
    process: Any = ran.transport
    process.pauseProducing()
    paused = len(ran.stdout)
    for _ in range(5):
        await deferLater(REACTOR, 0.01)
    assert len(ran.stdout) == paused
    process.resumeProducing()
    await output_of(ran, paused)
    process.signalProcess("KILL")
    await within_time(ran.ended)


@pytest_twisted.ensureDeferred
async def test_many_at_once_are_not_mixed_up(starter: Starter) -> None:
    runs = [starter.start(f"echo {n}; exit {n}") for n in range(60)]
    await within_time(gatherResults([ran.ended for ran in runs]))
    for number, ran in enumerate(runs):
        assert (ran.stdout, ran.exit_code) == (f"{number}\n", number)


# --- starts that fail ----------------------------------------------------------------


def start_of(starter: Starter, **options: Any) -> Recorder | OSError:
    try:
        return starter.start("true", **options)
    except OSError as error:
        return error


@pytest.mark.parametrize("what", ["program", "directory"])
@pytest_twisted.ensureDeferred
async def test_what_is_not_there_is_never_a_success(
    ours: Starter, what: str, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    started = start_of(ours, **{what: str(gone) if what == "program" else gone})
    if isinstance(started, OSError):
        return
    await within_time(started.ended)
    ending = started.reasons[-1].value
    assert isinstance(ending, SpawnFailed | ProcessTerminated)


async def refusal(starter: Starter, **options: Any) -> SpawnFailed:
    """Why it could not be started; its protocol heard nothing else."""
    ran = await starter.run("true", **options)
    assert ran.calls == [("ended", -1)]
    assert ran.transport is None
    error = ran.reasons[0].value
    assert isinstance(error, SpawnFailed)
    return error


@pytest_twisted.ensureDeferred
async def test_a_program_that_is_not_there_is_named(
    threaded: Starter, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    error = await refusal(threaded, program=str(gone), directory=tmp_path)
    assert error.number == errno.ENOENT
    assert str(error) == f"cannot start a process: {gone}: No such file or directory"


@pytest_twisted.ensureDeferred
async def test_a_program_that_is_not_executable_is_named(
    threaded: Starter, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    error = await refusal(threaded, program=str(program))
    assert error.number == errno.EACCES
    assert str(program) in str(error)


@pytest_twisted.ensureDeferred
async def test_a_file_that_is_no_program_is_named(
    threaded: Starter, tmp_path: Path
) -> None:
    """The library may hand it to a shell only if that is what was asked for."""
    program = tmp_path / "program"
    program.write_text("echo run by accident\n")
    program.chmod(0o755)
    error = await refusal(threaded, program=str(program))
    assert error.number == errno.ENOEXEC
    assert str(program) in str(error)


@pytest_twisted.ensureDeferred
async def test_a_directory_that_is_gone_is_named(
    threaded: Starter, tmp_path: Path
) -> None:
    error = await refusal(threaded, directory=tmp_path / "gone")
    assert error.number == errno.ENOENT
    assert str(tmp_path / "gone") in str(error)


@pytest_twisted.ensureDeferred
async def test_a_directory_that_is_a_file_is_named(
    threaded: Starter, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    error = await refusal(threaded, directory=file)
    assert error.number == errno.ENOTDIR
    assert str(file) in str(error)


@pytest_twisted.ensureDeferred
async def test_an_argument_that_is_too_long_is_refused_as_such(
    threaded: Starter,
) -> None:
    longest = 128 * 1024 - 1
    ran = await threaded.run("", arguments=["-c", ":" + " " * (longest - 1)])
    assert ran.exit_code == 0
    error = await refusal(threaded, arguments=["-c", ":" + " " * longest])
    assert error.number == errno.E2BIG
    assert str(error) == "cannot start a process: Argument list too long"


@pytest_twisted.ensureDeferred
async def test_one_killed_at_once_ends_without_having_run(
    threaded: Starter, tmp_path: Path
) -> None:
    """It may have begun by then or not; it has not got to its end."""
    ran = Recorder()
    process = threaded.spawner.spawnProcess(
        ran, SHELL, [SHELL, "-c", f"sleep 5; touch {tmp_path}/ran"], env=ENV
    )
    process.signalProcess("KILL")
    process.loseConnection()
    await within_time(ran.ended)
    ending = ran.reasons[-1].value
    if isinstance(ending, SpawnFailed):
        assert ending.number == errno.ECANCELED
        assert ran.calls == [("ended", -1)]
    else:
        assert ran.signal == signal.SIGKILL
    assert not list(tmp_path.iterdir())


@implementer(IPreparingProcessProtocol)
class Unprepared(Recorder):
    """Cannot do to its process what must be done first."""

    def child_spawning(self) -> None:
        """Nothing is inherited."""

    def child_spawned(self, pid: int) -> None:
        self.pids.append(pid)
        raise PermissionError(errno.EPERM, "no limit can be set")


@pytest_twisted.ensureDeferred
async def test_one_that_cannot_be_prepared_is_ended_with_its_children(
    threaded: Starter, tmp_path: Path
) -> None:
    protocol = Unprepared()
    text = f"sleep {10 * WAIT_SECONDS} & sleep {10 * WAIT_SECONDS}"
    error = await refusal(threaded, protocol=protocol, arguments=["-c", text])
    assert error.number == errno.EPERM
    pid = protocol.pids[0]
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    # Where other tests have made this process adopt orphans, the shell's are ours now,
    # dead, if it was quick enough to have any.
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-pid, 0)


LIMITED = """
import errno, os, resource, signal, sys
sys.path[:0] = {path!r}
from twisted.internet import reactor
from twisted.internet.protocol import ProcessProtocol
from commander.execution.native import load
from commander.execution.spawner import ThreadedSpawner

null = os.open(os.devnull, os.O_RDONLY)
spawner = ThreadedSpawner(reactor, bindings=load(), threads=1)
spawner.start()

class Protocol(ProcessProtocol):
    def processEnded(self, reason):
        said.append(getattr(reason.value, "number", 0))
        reactor.callLater(0, reactor.stop)

said = []

def spawn():
    try:
        spawner.spawnProcess(
            Protocol(), "/bin/sh", ["sh", "-c", "true"], env={{}},
            childFDs={{0: null, 1: "r", 2: "r"}},
        )
    except OSError as error:
        said.append(error.errno)
        reactor.callLater(0, reactor.stop)

def use_up(all_but):
    used = []
    while True:
        try:
            used.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            break
    for descriptor in used[:all_but]:
        os.close(descriptor)

def limit():
{limit}
    spawn()

reactor.callWhenRunning(limit)
reactor.run()
spawner.stop()
try:
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
    said.append("a child is left")
except ChildProcessError:
    pass
print(*said, flush=True)
"""


def said_under(limit: str) -> str:
    """What a server says that starts a process under a limit."""
    code = LIMITED.format(path=sys.path, limit=textwrap.indent(limit, "    "))
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    return ran.stdout.strip() or ran.stderr


FEW_DESCRIPTORS = "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_without_descriptors_for_its_pipes_it_is_refused_at_once(left: int) -> None:
    assert said_under(f"{FEW_DESCRIPTORS}use_up({left})") == str(errno.EMFILE)


def test_without_a_descriptor_for_the_process_itself_it_is_ended() -> None:
    assert said_under(f"{FEW_DESCRIPTORS}use_up(4)") == str(errno.EMFILE)


def test_with_just_enough_descriptors_it_runs() -> None:
    assert said_under(f"{FEW_DESCRIPTORS}use_up(5)") == "0"


def test_without_a_process_left_it_is_refused() -> None:
    """The limit does not hold for root."""
    become = "if os.getuid() == 0: os.setuid(65534)\n"
    limit = "resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))\n"
    assert said_under(become + limit) == str(errno.EAGAIN)


# --- threads -------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_process_hangs_off_the_thread_that_started_it(
    threaded: Starter,
) -> None:
    """So that the children of the main thread are orphans which came to us."""
    main = Path(f"/proc/self/task/{os.getpid()}/children")
    if not main.exists():
        pytest.skip("this kernel lists no children")
    before = main.read_text()
    ran = threaded.start("cat", stdin=True)
    await within_time(ran.made)
    assert ran.pids[0] in children()
    assert main.read_text() == before
    assert ran.transport is not None
    ran.transport.loseConnection()
    await within_time(ran.ended)


@pytest_twisted.ensureDeferred
async def test_the_end_of_the_threads_is_not_the_end_of_a_process(null: int) -> None:
    with threads() as spawner:
        ran = Starter(spawner, null).start("cat; exit 7", stdin=True)
        await within_time(ran.made)
    assert ran.transport is not None
    ran.transport.write(b"still here")
    ran.transport.closeStdin()
    await within_time(ran.ended)
    assert (ran.stdout, ran.exit_code) == ("still here", 7)
