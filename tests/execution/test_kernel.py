"""System calls about real processes, and about those that are gone."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import attrs
import pytest

from commander.execution.kernel import KernelCalls, signals_for
from commander.execution.tree import Process, ProcFiles


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "97"], start_new_session=True) as process:
        yield process
        process.kill()


@pytest.fixture
def gone(child: subprocess.Popen[bytes]) -> int:
    child.kill()
    child.wait()
    return child.pid


def seen(pid: int) -> Process:
    process = ProcFiles().process(pid)
    assert process is not None
    return process


def test_a_living_child_is_known(child: subprocess.Popen[bytes]) -> None:
    kernel = KernelCalls()
    assert kernel.session(child.pid) == kernel.group(child.pid) == child.pid
    assert kernel.marks(child.pid) is not None
    assert kernel.is_child(child.pid)
    assert not kernel.reap(child.pid)


def test_a_zombie_is_known_until_it_is_reaped(child: subprocess.Popen[bytes]) -> None:
    kernel = KernelCalls()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert kernel.session(child.pid) == child.pid
    assert kernel.is_child(child.pid)
    assert kernel.reap(child.pid)
    assert not kernel.is_child(child.pid)


def test_of_a_process_that_is_gone_nothing_is_known(gone: int) -> None:
    kernel = KernelCalls()
    assert kernel.session(gone) is None
    assert kernel.group(gone) is None
    assert kernel.marks(gone) is None
    assert not kernel.is_child(gone)
    assert kernel.reap(gone)
    assert not kernel.send(gone, signal.SIGTERM)
    assert not kernel.send_group(gone, signal.SIGTERM)


@pytest.mark.parametrize("way", ["process", "group", "checked"])
def test_a_signal_arrives(child: subprocess.Popen[bytes], way: str) -> None:
    kernel = KernelCalls()
    sent = {
        "process": lambda: kernel.send(child.pid, signal.SIGTERM),
        "group": lambda: kernel.send_group(child.pid, signal.SIGTERM),
        "checked": lambda: kernel.send_checked(seen(child.pid), signal.SIGTERM),
    }
    assert sent[way]()
    assert child.wait() == -signal.SIGTERM


def test_who_has_the_id_of_another_now_is_not_signalled(
    child: subprocess.Popen[bytes],
) -> None:
    other = attrs.evolve(seen(child.pid), started=1)
    assert not KernelCalls().send_checked(other, signal.SIGKILL)
    assert child.poll() is None


def test_a_process_that_was_seen_and_is_gone_is_not_signalled(
    child: subprocess.Popen[bytes],
) -> None:
    process = seen(child.pid)
    child.kill()
    child.wait()
    assert not KernelCalls().send_checked(process, signal.SIGKILL)


def test_without_a_descriptor_to_spare_a_seen_process_is_signalled_all_the_same(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    other = attrs.evolve(seen(child.pid), started=1)
    assert not KernelCalls().send_checked(other, signal.SIGTERM)
    assert KernelCalls().send_checked(seen(child.pid), signal.SIGTERM)
    assert child.wait() == -signal.SIGTERM


def test_a_process_that_may_not_be_signalled_is_there(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int, other: int) -> None:
        raise PermissionError

    for module, name in ((os, "kill"), (os, "killpg"), (signal, "pidfd_send_signal")):
        monkeypatch.setattr(module, name, refuse)
    kernel = KernelCalls()
    assert kernel.send(child.pid, signal.SIGTERM)
    assert kernel.send_group(child.pid, signal.SIGTERM)
    assert kernel.send_checked(seen(child.pid), signal.SIGTERM)
    monkeypatch.undo()


def test_no_descriptor_is_left(child: subprocess.Popen[bytes]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    KernelCalls().send_checked(seen(child.pid), 0)
    assert len(os.listdir("/proc/self/fd")) == before


def test_everything_but_kill_is_followed_by_continue() -> None:
    assert signals_for(signal.SIGKILL) == (signal.SIGKILL,)
    assert signals_for(signal.SIGTERM) == (signal.SIGTERM, signal.SIGCONT)
    assert signals_for(signal.SIGHUP) == (signal.SIGHUP, signal.SIGCONT)
    for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGCONT, signal.SIGUSR1):
        assert signals_for(number) == (number,)
