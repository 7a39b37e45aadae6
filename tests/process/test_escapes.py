"""Nothing of a command survives its end, and nothing of another is hurt.

Each way to escape is run alone, and then thirty at once beside innocent commands that
have daemons of their own. Survivors are looked for in all of ``/proc`` by the tag,
which every process of a command carries whatever it does to its environment.

``COMMANDER_ESCAPE_ROUNDS`` repeats each test; the default is one round.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from commander.commands import EndedBy, Outcome, StartFailed
from commander.execution.orphans import SubreaperTrees
from commander.execution.running import RunningCommand
from commander.execution.seams import ProcessTrees
from commander.execution.tags import read_marks
from commander.execution.tree import ProcFiles

if TYPE_CHECKING:
    from tests.process.conftest import RealProcesses

pytestmark = [
    pytest.mark.process,
    pytest.mark.usefixtures("no_descriptor_left", "untraced"),
    pytest.mark.parametrize("engine", ["best"], indirect=True),
]

ROUNDS = int(os.environ.get("COMMANDER_ESCAPE_ROUNDS", "1"))
TIMEOUT = 0.5
GRACE = 0.2
PYTHON_DAEMON = (
    "import os, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        os.environ.clear()\n"
    "        time.sleep(97)\n"
    "    os._exit(0)\n"
)
HEADLESS = (
    "import ctypes, threading, time\n"
    "threading.Thread(target=time.sleep, args=(97,)).start()\n"
    "ctypes.CDLL(None).pthread_exit(None)\n"
)
"""Its first thread is dead: the kernel shows it as a zombie, and it runs."""
LOWERED = (
    "import os, resource, time\n"
    "hard = resource.getrlimit(10)[1]\n"
    "resource.setrlimit(10, (7, 7))\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    time.sleep(97)\n"
)
SCRIPTS = {
    "PYTHON_DAEMON": PYTHON_DAEMON,
    "HEADLESS": HEADLESS,
    "LOWERED": LOWERED,
}
ESCAPES = {
    "plain": "sleep 97",
    "setsid": "setsid sleep 97 & sleep 0.05",
    "double fork": "(setsid sh -c 'sleep 97 & sleep 97 & exit' &) ; sleep 0.05",
    "nohup": "nohup sleep 97 >/dev/null 2>&1 & sleep 0.05",
    "ignores TERM": "trap '' TERM HUP INT; while :; do sleep 97; done",
    "ignores TERM in a session": (
        "setsid sh -c \"trap '' TERM; while :; do sleep 97; done\" & wait"
    ),
    "no environment, no session, no output": (
        "(env -i setsid /bin/sh -c 'exec >/dev/null 2>&1 </dev/null;"
        " (sleep 97 &) ; sleep 97' &) ; sleep 0.05"
    ),
    "stopped": "sh -c 'kill -STOP $$; sleep 97' & sleep 0.1",
    "hopper, 2 ms": "{hopper} 2000 ; sleep 0.1",
    "hopper, no rest": "{hopper} 0 ; sleep 0.1",
    "daemon of a program": "{python} -c '{PYTHON_DAEMON}'; sleep 0.05",
    "waits for its deadline with a hopper": "{hopper} 500 ; sleep 97",
    "sibling of its shell": "exec {hopper} 500 sibling",
    "headless": "setsid {python} -c '{HEADLESS}' & sleep 0.5",
    "lowers its tag": "{python} -c '{LOWERED}' ; sleep 97",
}
INNOCENT = "sleep 98 & (env -i setsid sleep 98 &) ; (setsid sleep 98 &) ; sleep 98"
INNOCENT_NAMES = ["sh", "sleep", "sleep", "sleep", "sleep"]
"""Two of those that sleep are daemons."""


_numbers = itertools.count()
"""No two commands of these tests have a run id in common."""


class Recorder:
    """The engine's trees, with the tags that they gave out."""

    def __init__(self, trees: ProcessTrees) -> None:
        self._trees = trees
        self.tag = 0

    def new_tag(self) -> int:
        self.tag = self._trees.new_tag()
        return self.tag

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trees, name)


@attrs.frozen
class Command:
    """A command with the marks by which its processes are found."""

    running: RunningCommand
    run_id: str
    tag: int

    @property
    def finished(self) -> Deferred[Outcome | StartFailed]:
        return self.running.finished


class Commands:
    """Starts commands with the whole engine."""

    def __init__(self, processes: RealProcesses, hopper: Path, folder: Path) -> None:
        self._processes = processes
        self._recorder = Recorder(processes.engine.trees)
        self._executor = processes.executor(
            trees=self._recorder, kill_grace_seconds=GRACE
        )
        self._words = {"hopper": str(hopper), "python": sys.executable, **SCRIPTS}
        self._folder = folder
        self._others = set(adopted())
        """Such as servers that other tests have started and go on with."""

    def strays(self) -> set[int]:
        """What is a child of this process since there are commands."""
        return set(adopted()) - self._others

    def start(self, text: str, *, timeout_seconds: float = TIMEOUT) -> Command:
        """Start a command; from a file, as the policy would not let all pass."""
        for name, value in self._words.items():
            text = text.replace("{" + name + "}", value)
        run_id = f"escape{os.getpid()}x{next(_numbers)}"
        script = self._folder / run_id
        script.write_text(text)
        approved = self._processes.approve(f". {script}", timeout_seconds)
        running = self._executor.start(approved, run_id)
        assert not isinstance(running, StartFailed), running.reason
        return Command(running, run_id, self._recorder.tag)


def alive(*commands: Command) -> dict[int, str]:
    """Every process that carries the tag or the run id of a command, with its name."""
    files = ProcFiles()
    tags = {command.tag for command in commands}
    runs = {command.run_id.encode() for command in commands}
    found = {}
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    for pid in pids - {os.getpid()}:  # our own soft value is the last tag
        marks, process = read_marks(pid), files.process(pid)
        if marks is None or process is None or not process.alive:
            continue
        if tags.intersection(marks) or files.variable(pid, b"COMMANDER_RUN") in runs:
            found[pid] = process.name
    return found


def adopted() -> list[int]:
    """Children of this process that lead a session: what commands are and leave."""
    files = ProcFiles()
    found = filter(None, map(files.process, files.children(os.getpid())))
    return [each.pid for each in found if each.session != os.getsid(0)]


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Wait for something that is to become true; whether it did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        await deferLater(reactor, 0.005)
    return True


@pytest.fixture(scope="session")
def hopper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    program = tmp_path_factory.mktemp("hopper") / "hopper"
    source = Path(__file__).with_name("hopper.c")
    subprocess.run([compiler, "-O2", "-o", program, source], check=True)
    return program


@pytest.fixture
def untraced() -> Iterator[None]:
    """Measure no coverage meanwhile: a traced sweep is slower than a hopper.

    What is measured here is a race, and users run it at full speed. The lines are
    covered by ``tests/execution``, where the processes are fakes.
    """
    coverage = sys.modules.get("coverage")
    measured = coverage.Coverage.current() if coverage is not None else None
    if measured is not None:
        measured.stop()
    yield
    if measured is not None:
        measured.start()


@pytest.fixture
def commands(processes: RealProcesses, hopper: Path, tmp_path: Path) -> Commands:
    if not isinstance(processes.engine.trees, SubreaperTrees):
        pytest.skip("orphans do not come to us here")
    return Commands(processes, hopper, tmp_path)


@pytest.mark.parametrize("text", ESCAPES.values(), ids=list(ESCAPES))
@pytest_twisted.ensureDeferred
async def test_nothing_survives_alone(commands: Commands, text: str) -> None:
    for _ in range(ROUNDS):
        command = commands.start(text)
        outcome = await command.finished
        assert isinstance(outcome, Outcome)
        assert outcome.survivors == ()
        assert await until(lambda: not commands.strays())
        assert alive(command) == {}


@pytest_twisted.ensureDeferred
async def test_nothing_survives_and_no_innocent_is_hurt_with_thirty_at_once(
    commands: Commands,
) -> None:
    for _ in range(ROUNDS):
        await thirty_at_once(commands)


async def thirty_at_once(commands: Commands) -> None:
    innocents = [commands.start(INNOCENT, timeout_seconds=600) for _ in range(3)]
    names = sorted(INNOCENT_NAMES * len(innocents))
    assert await until(lambda: sorted(alive(*innocents).values()) == names)
    known = alive(*innocents)
    texts = itertools.cycle(ESCAPES.values())
    escaping = [commands.start(next(texts)) for _ in range(30)]
    for outcome in await gatherResults([each.finished for each in escaping]):
        assert isinstance(outcome, Outcome)
        assert outcome.survivors == ()
    assert await until(lambda: alive(*escaping) == {})
    assert alive(*innocents) == known
    for innocent in innocents:
        innocent.running.end(EndedBy.SERVER_SHUTDOWN, GRACE)
    await gatherResults([innocent.finished for innocent in innocents])
    assert alive(*innocents) == {}
    assert await until(lambda: not commands.strays())
