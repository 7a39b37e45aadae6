"""Signals to the groups of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from commander.execution import groups as module
from commander.execution.groups import PosixGroups, signal_name


def test_a_group_that_is_gone_is_neither_alive_nor_signalled() -> None:
    child = subprocess.Popen(["/bin/true"], start_new_session=True)
    child.wait()
    assert PosixGroups().send(child.pid, signal.SIGTERM) is False
    assert PosixGroups().alive(child.pid) is False


def test_a_zombie_counts_as_gone() -> None:
    child = subprocess.Popen(["/bin/true"], start_new_session=True)
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert PosixGroups().send(child.pid, 0) is True
        assert PosixGroups().alive(child.pid) is False
    finally:
        child.wait()


def test_a_running_group_is_alive_until_it_is_signalled() -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "exec sleep 100"], start_new_session=True
    ) as child:
        assert PosixGroups().alive(child.pid) is True
        assert PosixGroups().send(child.pid, signal.SIGKILL) is True
        assert child.wait() == -signal.SIGKILL


def test_a_name_with_brackets_and_spaces_is_read_rightly(tmp_path: Path) -> None:
    odd = tmp_path / "a) Z (b"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([odd, "100"], start_new_session=True) as child:
        assert PosixGroups().alive(child.pid) is True
        PosixGroups().send(child.pid, signal.SIGKILL)


def test_where_there_is_no_proc_the_kernels_word_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_PROC", tmp_path / "none")
    assert PosixGroups().alive(os.getpgrp()) is True


def test_a_group_of_another_user_exists_though_it_may_not_be_signalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(group: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refuse)
    assert PosixGroups().send(12345, signal.SIGTERM) is True


def test_signals_have_names_even_the_nameless() -> None:
    assert signal_name(signal.SIGKILL) == "SIGKILL"
    assert signal_name(signal.SIGRTMIN + 3) == f"SIG{signal.SIGRTMIN + 3}"


def test_one_look_serves_all_who_ask_but_never_says_that_a_group_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[frozenset[bytes]] = []
    living = {b"1", b"2"}

    def look() -> frozenset[bytes]:
        looks.append(frozenset(living))
        return looks[-1]

    now = [0.0]
    groups = PosixGroups(lambda: now[0])
    monkeypatch.setattr(module, "_live_groups", look)
    monkeypatch.setattr(PosixGroups, "send", lambda self, group, number: True)
    assert groups.alive(1)
    assert groups.alive(2)
    assert len(looks) == 1
    living.add(b"3")
    assert groups.alive(3)
    assert len(looks) == 2
    living.clear()
    now[0] = module.SCAN_SECONDS
    assert not groups.alive(1)
    assert len(looks) == 3
