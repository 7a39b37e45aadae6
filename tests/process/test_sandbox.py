"""What the kernel refuses to commands behind an allow-list and a workspace.

The commands are not checked by a policy here: whatever is refused, the kernel did it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from commander.commands import Outcome, Stdin
from commander.execution.engine import ProcessEngine
from commander.execution.environment import child_environment
from commander.execution.landlock import landlock_version
from commander.execution.launcher import LaunchedSpawner, find_launcher
from commander.execution.limits import ChildSetup
from commander.execution.native import Unavailable, load
from commander.execution.outside import Outside
from commander.execution.refusals import Refusals
from commander.execution.sandbox import Sandbox, make_plan, open_sandbox
from commander.execution.spawner import THREADS, ThreadedSpawner
from commander.reactors import ICommanderReactor
from tests.process.conftest import RealProcesses, SparedGroups

VERSION = landlock_version()
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(isinstance(VERSION, str), reason=f"no Landlock: {VERSION}"),
]

LISTED = ("cat", "cp", "env", "find", "git", "ls", "sleep", "tar", "timeout", "xargs")
UNLISTED = "id"
ITS_OUTPUT = "uid="
REFUSED = "ermission denied"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOADERS = [*Path("/lib64").glob("ld-linux*"), *Path("/lib").glob("ld-linux*")]


def opened(
    *workspace: str, entries: tuple[str, ...] = LISTED, beside: tuple[str, ...] = ()
) -> Sandbox:
    """A sandbox of this machine's programs."""
    plan = make_plan(
        mode="require",
        entries=entries,
        workspace=workspace,
        in_front=("/bin/sh", *beside),
        environment=child_environment({"PATH": PATH}),
    )
    return open_sandbox(plan)


@attrs.frozen
class Cage:
    """Commands in a sandbox."""

    processes: RealProcesses
    sandbox: Sandbox

    async def run(self, command: str, **options: Any) -> Outcome:
        """A command's ending, with what is said about it."""
        directory = options.setdefault("directory", "/")
        ended = await self.processes.run(command, **options)
        return Refusals(self.sandbox, path=PATH).told(ended, directory)

    async def refuses(self, command: str, **options: Any) -> Outcome:
        """See that the kernel refused something in a command."""
        ended = await self.run(command, **options)
        assert REFUSED in text(ended.stderr), (text(ended.stdout), text(ended.stderr))
        assert ITS_OUTPUT not in text(ended.stdout)
        return ended

    async def output(self, command: str, **options: Any) -> str:
        """What a command that succeeds writes."""
        ended = await self.run(command, **options)
        assert ended.exit_code == 0, text(ended.stderr)
        return text(ended.stdout)


def text(window: Any) -> str:
    whole: bytes = window.head + window.tail
    return whole.decode()


@pytest.fixture(scope="module", params=["threads", "fallback"])
def start_by(request: pytest.FixtureRequest) -> str:
    """How the sandbox comes to be before the shell."""
    way: str = request.param
    if way == "threads" and isinstance(bindings := load(), Unavailable):
        pytest.skip(f"no spawner threads here: {bindings.reason}")
    return way


def caged(way: str, sandbox: Sandbox, best: ProcessEngine) -> Iterator[Cage]:
    """Commands in a sandbox, and nothing left afterwards."""
    before = threading.active_count()
    clock = ICommanderReactor(reactor, reactor)
    spawner: Any
    if way == "threads":
        bindings = load()
        assert not isinstance(bindings, Unavailable)
        outside = Outside() if sandbox.writable else None
        spawner = ThreadedSpawner(
            clock, bindings=bindings, thread_started=sandbox.restrict, outside=outside
        )
        spawner.start()
    else:
        spawner = LaunchedSpawner(clock, find_launcher(sandbox.ruleset))
    engine = ProcessEngine(spawner=spawner, trees=SparedGroups(best.trees))
    stdin = os.open(os.devnull, os.O_RDONLY)
    processes = RealProcesses(engine, stdin)
    processes.environ["PATH"] = PATH
    yield Cage(processes, sandbox)
    if way == "threads":
        spawner.stop()
    sandbox.close()
    os.close(stdin)
    assert threading.active_count() == before


@pytest.fixture(scope="module")
def listed(start_by: str, best_engine: ProcessEngine) -> Iterator[Cage]:
    """Behind an allow-list."""
    yield from caged(start_by, opened(), best_engine)


@pytest.fixture(scope="module")
def outside() -> Iterator[Path]:
    """A directory of ours that is not where temporary files go."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def root(outside: Path) -> Path:
    """The workspace."""
    path = outside / "workspace"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def roomed(start_by: str, root: Path, best_engine: ProcessEngine) -> Iterator[Cage]:
    """Behind a workspace."""
    sandbox = opened(str(root), entries=())
    yield from caged(start_by, sandbox, best_engine)


# --- executing -----------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_listed_program_runs(listed: Cage) -> None:
    assert "hostname" in await listed.output("ls /etc")
    assert await listed.output("pwd; test 1 = 1 && /usr/bin/true; echo done") == (
        "/\ndone\n"
    )


@pytest.mark.parametrize(
    "command",
    [
        UNLISTED,
        f"/usr/bin/{UNLISTED}",
        f"find /etc/hostname -exec {UNLISTED} ';'",
        f"echo 0 | xargs {UNLISTED}",
        f"env {UNLISTED}",
        f"timeout 5 {UNLISTED}",
        f"sh -c {UNLISTED}",
        f"(exec {UNLISTED})",
        f"$(echo {UNLISTED})",
        f"tar cf - -C / etc/hostname | tar xf - --to-command={UNLISTED}",
    ],
)
@pytest_twisted.ensureDeferred
async def test_an_unlisted_program_does_not_run_by_any_way(
    listed: Cage, command: str
) -> None:
    ended = await listed.refuses(command)
    assert ended.hint is not None
    assert f"/{UNLISTED}, since no entry of MCP_ALLOWED_COMMANDS" in ended.hint


@pytest_twisted.ensureDeferred
async def test_a_copy_or_a_script_is_no_listed_program(
    listed: Cage, tmp_path: Path
) -> None:
    copy, script = tmp_path / "copy", tmp_path / "script"
    ended = await listed.refuses(f"cp /usr/bin/{UNLISTED} {copy} && {copy}")
    assert ended.exit_code == 126
    assert f"refuses to execute {copy}" in (ended.hint or "")
    script.write_text("#!/bin/sh\nls /etc/hostname\n")
    script.chmod(0o755)
    assert (await listed.refuses(str(script))).exit_code == 126
    # Its text is another matter: the shell reads it, and what it runs is listed.
    assert await listed.output(f"sh {script}") == "/etc/hostname\n"


@pytest_twisted.ensureDeferred
async def test_a_file_that_is_not_executable_is_not_blamed_on_the_kernel(
    listed: Cage, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    ended = await listed.refuses(str(plain))
    assert (ended.exit_code, ended.hint) == (126, None)


@pytest_twisted.ensureDeferred
async def test_children_of_every_thread_are_restricted(listed: Cage) -> None:
    # All threads are held up at once, so that none is left out.
    command = f"sleep 0.3; {UNLISTED}"
    running = [listed.processes.start(command) for _ in range(3 * THREADS)]
    ended = await gatherResults([each.finished for each in running])
    codes = {each.exit_code for each in ended if isinstance(each, Outcome)}
    assert (len(ended), codes) == (3 * THREADS, {126})


@pytest_twisted.ensureDeferred
async def test_the_rules_are_no_descriptor_of_a_command(listed: Cage) -> None:
    # The last is that of the list itself.
    assert await listed.output("ls /proc/self/fd") == "0\n1\n2\n3\n"
    assert "ruleset" not in await listed.output("ls -l /proc/self/fd/")


@pytest_twisted.ensureDeferred
async def test_the_server_itself_stays_free(listed: Cage) -> None:
    await listed.refuses(UNLISTED)
    found = subprocess.run([UNLISTED], capture_output=True, text=True, check=True)
    assert ITS_OUTPUT in found.stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest_twisted.ensureDeferred
async def test_git_works_but_for_hooks(listed: Cage, tmp_path: Path) -> None:
    work = "git init -q . && echo text >file && git add file"
    await listed.output(work, directory=str(tmp_path))
    assert "A  file" in await listed.output(
        "git status --short", directory=str(tmp_path)
    )
    commit = "git -c user.name=x -c user.email=x@example.org commit -q -m text"
    await listed.output(commit, directory=str(tmp_path))
    assert "text" in await listed.output("git log --oneline", directory=str(tmp_path))
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nuname\n")
    hook.chmod(0o755)
    ended = await listed.run(f"{commit} --allow-empty", directory=str(tmp_path))
    assert ended.exit_code != 0
    assert str(hook) in (ended.hint or "")


@pytest_twisted.ensureDeferred
async def test_a_companion_runs_for_its_program(listed: Cage, tmp_path: Path) -> None:
    archive = tmp_path / "archive.tar.gz"
    await listed.output(f"tar czf {archive} -C / etc/hostname")
    assert await listed.output(f"tar tzf {archive}") == "etc/hostname\n"


@pytest_twisted.ensureDeferred
async def test_files_move_between_directories(listed: Cage, tmp_path: Path) -> None:
    """Every ruleset forbids it, unless it says otherwise."""
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "from" / "file").touch()
    # A hard link cannot be replaced by a copy, as mv would do.
    await listed.output(f"cp -l {tmp_path}/from/file {tmp_path}/to/file")
    assert (tmp_path / "to" / "file").stat().st_nlink == 2


@pytest.mark.skipif(not LOADERS, reason="no loader of glibc is found")
@pytest_twisted.ensureDeferred
async def test_the_loader_as_a_program_is_not_held(listed: Cage) -> None:
    """Known, and told in ``SECURITY.md``: the policy has to refuse it."""
    assert ITS_OUTPUT in await listed.output(f"{LOADERS[0]} /usr/bin/{UNLISTED}")


@pytest_twisted.ensureDeferred
async def test_a_program_that_was_replaced_asks_for_a_restart(
    start_by: str, best_engine: ProcessEngine, tmp_path: Path
) -> None:
    program, new = tmp_path / "program", tmp_path / "new"
    shutil.copy2("/bin/cat", program)
    sandbox = opened(beside=(str(program),))
    for cage in caged(start_by, sandbox, best_engine):
        assert await cage.output(f"{program} /dev/null") == ""
        shutil.copy2("/bin/cat", new)
        new.rename(program)
        ended = await cage.refuses(f"{program} /dev/null")
        assert "another file than when the server started" in (ended.hint or "")


# --- writing -------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "echo x >{outside}/new",
        "echo x >>{outside}/file",
        "truncate -s 0 {outside}/file",
        "rm {outside}/file",
        "mv {outside}/file {root}/file",
        "mkdir {outside}/new",
        "ln -s / {outside}/new",
        "cp /etc/hostname {outside}/file",
        'python3 -c \'open("{outside}/new", "w")\'',
    ],
)
@pytest_twisted.ensureDeferred
async def test_nothing_is_written_outside_of_the_workspace(
    roomed: Cage, outside: Path, root: Path, command: str
) -> None:
    (outside / "file").write_text("old")
    ended = await roomed.run(command.format(outside=outside, root=root))
    assert ended.exit_code != 0
    assert (outside / "file").read_text() == "old"
    assert not os.path.lexists(outside / "new")
    if "mv" not in command:
        assert f"{outside}/" in (ended.hint or "")
        assert "MCP_WORKSPACE" in (ended.hint or "")


@pytest_twisted.ensureDeferred
async def test_the_workspace_temporary_files_and_devices_are_written(
    roomed: Cage, root: Path, tmp_path: Path
) -> None:
    command = (
        f"cd {root} && mkdir -p a/b && echo x >a/b/c && mv a/b/c a/d && cat a/d && "
        f"echo y >{tmp_path}/e && mv {tmp_path}/e a/e && cat a/e && rm -r a && "
        "echo z >/dev/null && echo z | tee /dev/full >/dev/null; "
        "echo out >/dev/stdout; echo err >/dev/stderr; "
        "cat <<END\nhere\nEND"
    )
    ended = await roomed.run(command)
    assert text(ended.stdout) == "x\ny\nout\nhere\n"
    assert "err\n" in text(ended.stderr)
    assert list(root.iterdir()) == []


@pytest_twisted.ensureDeferred
async def test_reading_and_executing_stay_free_without_an_allow_list(
    roomed: Cage,
) -> None:
    assert ITS_OUTPUT in await roomed.output(f"cat /etc/hostname; {UNLISTED}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make device files")
@pytest_twisted.ensureDeferred
async def test_no_device_file_is_made_in_the_workspace(
    roomed: Cage, root: Path
) -> None:
    ended = await roomed.run(f"mknod {root}/zero c 1 5")
    assert ended.exit_code != 0
    assert not (root / "zero").exists()


@pytest_twisted.ensureDeferred
async def test_new_processes_are_still_bound(roomed: Cage) -> None:
    """The kernel's files for it lie outside of every workspace."""
    own = int(Path("/proc/self/oom_score_adj").read_text())
    command = "sleep 0.5; cat /proc/self/oom_score_adj"
    said = await roomed.output(command, setup=ChildSetup())
    assert int(said) == min(1000, own + 500)


@pytest_twisted.ensureDeferred
async def test_a_denial_that_no_rule_makes_is_not_explained(roomed: Cage) -> None:
    ended = await roomed.run(
        "echo 'x: Permission denied' >&2; exit 1", directory="/tmp"
    )
    assert ended.hint is None


# --- terminals, and reports --------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_terminal_is_open_to_who_may_write_in_a_workspace_only(
    roomed: Cage, root: Path, start_by: str
) -> None:
    if start_by == "fallback":
        pytest.skip("it has no terminals")
    text = "tty && echo x >/dev/tty && echo y >$(tty); touch /var/tmp/outside"
    ended = await roomed.run(text, directory=str(root), stdin=Stdin.TERMINAL)
    lines = text_lines(ended)
    assert lines[0].startswith("/dev/pts/")
    assert lines[1:3] == ["x", "y"]
    assert REFUSED in lines[3]


@pytest_twisted.ensureDeferred
async def test_a_terminal_opens_no_program(listed: Cage, start_by: str) -> None:
    if start_by == "fallback":
        pytest.skip("it has no terminals")
    ended = await listed.run("ls /proc/self/fd; id", stdin=Stdin.TERMINAL)
    assert ended.stdout.total_bytes > 0
    assert REFUSED in "".join(text_lines(ended))


@pytest_twisted.ensureDeferred
async def test_a_report_gets_through(roomed: Cage, root: Path) -> None:
    reports: list[bytes | None] = []
    options = {"directory": str(root), "report": reports.append}
    assert await roomed.output("echo told >&3; ls -1 /proc/self/fd", **options) == (
        "0\n1\n2\n3\n4\n"
    )
    assert reports == [b"told\n"]


def text_lines(ended: Outcome) -> list[str]:
    return text(ended.stdout).split("\r\n")
