"""Tags: their numbers, and that they stay on whatever a process does."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from commander.execution.tags import (
    Tags,
    announce_tag,
    put_tag,
    read_marks,
    starts_roots,
)
from commander.execution.tree import ProcFiles

LOCKS = 10
BLOCK = 1 << 40


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "97"]) as process:
        yield process
        process.kill()


@pytest.fixture
def own_limit() -> Iterator[tuple[int, int]]:
    own = resource.getrlimit(LOCKS)
    yield own
    resource.setrlimit(LOCKS, own)


def test_numbers_rise_and_stay_in_one_block() -> None:
    tags = Tags(own=-1)
    numbers = [tags.new() for _ in range(1000)]
    assert numbers == sorted(set(numbers))
    assert len({number // BLOCK for number in numbers}) == 1
    assert 0 < numbers[0] < numbers[-1] < 1 << 63


def test_two_servers_give_other_numbers() -> None:
    firsts = {Tags(own=-1).new() // BLOCK for _ in range(20)}
    assert len(firsts) > 1


def test_a_server_with_a_tag_of_its_own_stays_below_it() -> None:
    outer = Tags(own=-1).new()
    for _ in range(20):
        inner = Tags(own=outer).new()
        assert 0 < inner < outer
        assert inner // BLOCK != outer // BLOCK


def test_a_server_without_room_below_still_gives_numbers() -> None:
    tags = Tags(own=1)
    assert tags.new() != tags.new()


def test_the_hard_value_is_the_tag_and_the_soft_one_if_we_gave_it() -> None:
    tags = Tags(own=-1)
    tag, other = tags.new(), tags.new()
    assert tags.of((other, tag)) == tag
    assert tags.of((tag, -1)) == tag
    assert tags.of((7, -1)) is None
    assert tags.of((-1, -1)) is None
    assert tags.of((7, 7)) == 7


def test_a_tag_can_be_read_back(child: subprocess.Popen[bytes]) -> None:
    tag = Tags().new()
    put_tag(child.pid, tag)
    assert read_marks(child.pid) == (tag, tag)


def test_a_zombie_keeps_its_tag(child: subprocess.Popen[bytes]) -> None:
    tag = Tags().new()
    put_tag(child.pid, tag)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert read_marks(child.pid) == (tag, tag)


def test_a_process_that_is_gone_has_none(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    assert read_marks(child.pid) is None
    with pytest.raises(ProcessLookupError):
        put_tag(child.pid, 5)


def test_the_tag_of_another_users_process_is_read_the_slow_way(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = Tags().new()
    put_tag(child.pid, tag)

    def refuse(pid: int, limit: int) -> None:
        raise PermissionError

    monkeypatch.setattr(resource, "prlimit", refuse)
    assert read_marks(child.pid) == (tag, tag)


def test_what_a_process_starts_inherits_the_tag_and_cannot_raise_it() -> None:
    script = (
        "import os, resource, sys\n"
        "sys.stdin.readline()\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    try:\n"
        "        resource.setrlimit(10, (-1, -1))\n"
        "    except ValueError:\n"
        "        pass\n"
        "    os.execve('/bin/sh', ['sh', '-c', 'echo; sleep 97'], {})\n"
        "os._exit(0)\n"
    )
    if _may_raise_limits():
        script = script.replace("resource.setrlimit(10, (-1, -1))", "pass")
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        tag = Tags().new()
        put_tag(process.pid, tag)
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        found = [pid for pid in _processes() if read_marks(pid) == (tag, tag)]
        names = {pid: ProcFiles().process(pid) for pid in found}
        assert any(each and each.name in ("sh", "sleep") for each in names.values())
        for pid in found:
            os.kill(pid, signal.SIGKILL)


def test_an_announced_tag_is_there_from_the_first_moment(
    own_limit: tuple[int, int],
) -> None:
    tag = Tags().new()
    announce_tag(tag)
    script = "import resource; print(*resource.getrlimit(10))"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == [str(tag), str(own_limit[1])]


def test_a_tag_that_cannot_be_announced_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (5, 5))
    announce_tag(6)
    assert resource.prlimit(0, LOCKS)[0] != 6


def test_a_thread_that_tags_is_known_as_one_that_starts_roots(
    own_limit: tuple[int, int],
) -> None:
    ids: list[int] = []

    def tag() -> None:
        ids.append(threading.get_native_id())
        announce_tag(Tags().new())

    thread = threading.Thread(target=tag)
    thread.start()
    thread.join()
    assert starts_roots(ids[0])
    assert not starts_roots(ids[0] + 1)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _may_raise_limits() -> bool:
    """Whether we have CAP_SYS_RESOURCE, with which a tag could be taken off."""
    with open("/proc/self/status", encoding="utf-8") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) & 1 << 24)
    return False
