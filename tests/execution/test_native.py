"""The C library's posix_spawn: what is asked of the system, and what is refused."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

import pytest

from commander.execution import native
from commander.execution.native import Bindings, Unavailable, load

pytestmark = pytest.mark.process

FUNCFLAG_PYTHONAPI = 0x4
"""Of ctypes: a function that is called with the interpreter's lock held."""


@pytest.fixture
def bindings() -> Bindings:
    loaded = load()
    if isinstance(loaded, Unavailable):
        pytest.skip(loaded.reason)
    return loaded


@pytest.fixture
def opened() -> Iterator[int]:
    """A descriptor that Python opened."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def run(
    bindings: Bindings,
    text: str,
    *,
    environment: tuple[bytes, ...] = (),
    directory: bytes | None = None,
    others: dict[int, int] | None = None,
) -> str:
    """What a shell prints that is spawned in this thread."""
    reading, writing = os.pipe()
    prepared = bindings.prepare(
        b"/bin/sh",
        arguments=[b"/bin/sh", b"-c", text.encode()],
        environment=environment,
        directory=directory,
        descriptors={1: writing, **(others or {})},
    )
    try:
        pid = prepared.spawn()
    finally:
        prepared.release()
        os.close(writing)
    with os.fdopen(reading) as stream:
        printed = stream.read()
    os.waitpid(pid, 0)
    return printed


def test_arguments_environment_and_directory_arrive(
    bindings: Bindings,
) -> None:
    printed = run(
        bindings, "echo $WORD; pwd", environment=(b"WORD=yes",), directory=b"/usr"
    )
    assert printed == "yes\n/usr\n"


def test_a_standard_descriptor_that_is_not_given_is_closed(
    bindings: Bindings,
) -> None:
    text = "for fd in 0 1 2; do test -e /proc/self/fd/$fd && echo $fd; done"
    assert run(bindings, text) == "1\n"


def test_what_python_opened_is_not_inherited_where_the_library_cannot_close(
    bindings: Bindings, opened: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bindings, "close_from", None)
    text = f"test -e /proc/self/fd/{opened} && echo open; echo end"
    assert run(bindings, text) == "end\n"


def test_what_a_foreign_library_left_open_is_closed(
    bindings: Bindings, opened: int
) -> None:
    if bindings.close_from is None:
        pytest.skip("the C library has no posix_spawn_file_actions_addclosefrom_np")
    os.set_inheritable(opened, True)
    listed = run(bindings, "ls /proc/self/fd", others={0: opened, 2: opened})
    assert listed.split() == ["0", "1", "2", "3"]  # 3 is the listing's own


def test_a_name_without_a_slash_is_not_looked_for_in_the_directory(
    bindings: Bindings, tmp_path: os.PathLike[str]
) -> None:
    program = os.path.join(tmp_path, "commander-test-program")
    with open(program, "w") as script:
        script.write("#!/bin/sh\n")
    os.chmod(program, 0o755)
    prepared = bindings.prepare(
        b"commander-test-program",
        arguments=[b"it"],
        environment=(),
        directory=os.fsencode(tmp_path),
        descriptors={},
    )
    try:
        with pytest.raises(FileNotFoundError):
            prepared.spawn()
    finally:
        prepared.release()


@pytest.mark.parametrize(
    "texts",
    [
        {"program": b"/bin/sh\0x"},
        {"arguments": [b"a", b"b\0c"]},
        {"environment": [b"A=b\0c"]},
        {"directory": b"/tmp\0x"},
    ],
    ids=lambda texts: next(iter(texts)),
)
def test_a_null_byte_is_refused_and_never_cuts_a_text(
    bindings: Bindings, texts: dict[str, object]
) -> None:
    plain: dict[str, object] = {
        "program": b"/bin/sh",
        "arguments": [b"sh"],
        "environment": [],
        "directory": b"/",
    }
    with pytest.raises(ValueError, match="null byte"):
        bindings.prepare(**{**plain, **texts}, descriptors={})  # type: ignore[arg-type]  # one is wrong


def test_a_descriptor_that_cannot_be_is_an_error(bindings: Bindings) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        bindings.prepare(
            b"/bin/sh",
            arguments=[b"sh"],
            environment=[],
            directory=None,
            descriptors={1: -1},
        )


def test_only_the_call_that_waits_gives_the_lock_away(bindings: Bindings) -> None:
    setup = bindings.setup.posix_spawn_file_actions_adddup2
    assert setup._flags_ & FUNCFLAG_PYTHONAPI
    assert not bindings.spawn._flags_ & FUNCFLAG_PYTHONAPI


def test_it_is_for_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert load() == Unavailable(reason="this is not Linux")


def test_a_sandbox_that_forbids_process_descriptors_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(pid: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "pidfd_open", forbidden)
    found = load()
    assert isinstance(found, Unavailable)
    assert found.reason.startswith("no process descriptors: ")


def test_an_old_kernel_that_cannot_wait_for_them_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(kind: int, number: int, options: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "waitid", unknown)
    assert isinstance(load(), Unavailable)


def test_a_python_that_was_built_without_them_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert isinstance(load(), Unavailable)


def test_a_library_that_lacks_a_call_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = {**native._SETUP_CALLS, "posix_spawn_no_such_call": ()}
    monkeypatch.setattr(native, "_SETUP_CALLS", calls)
    found = load()
    assert isinstance(found, Unavailable)
    assert "posix_spawn_no_such_call" in found.reason


@pytest.mark.parametrize("call", native._STRUCTURE_CALLS)
def test_a_structure_that_is_larger_than_we_think_is_found_out(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_STRUCTURE_CALLS", (call,))
    monkeypatch.setattr(native, "_LARGEST_BYTES", 4)
    found = load()
    assert isinstance(found, Unavailable)
    assert found.reason.endswith(f"{call} writes more than 4 bytes")


def test_a_descriptor_above_2_is_given_and_those_between_are_not(
    bindings: Bindings, opened: int
) -> None:
    others = {0: opened, 2: opened, 3: opened, 5: opened}
    listed = run(bindings, "ls /proc/self/fd", others=others)
    assert listed.split() == ["0", "1", "2", "3", "4", "5"]  # 4 is the listing's own


def test_a_source_may_have_the_number_that_is_given(bindings: Bindings) -> None:
    """As happens in a server that has closed much."""
    saved = os.dup(3) if os.path.exists("/proc/self/fd/3") else None
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(null, 3, inheritable=False)
        text = "readlink /proc/self/fd/0 /proc/self/fd/3"
        assert run(bindings, text, others={0: 3, 3: 3}).split() == [os.devnull] * 2
    finally:
        os.close(null)
        if saved is None:
            os.close(3)
        else:
            os.dup2(saved, 3, inheritable=False)
            os.close(saved)


def test_a_terminal_is_opened_by_the_session_that_it_is_for(
    bindings: Bindings, opened: int
) -> None:
    master, terminal = os.openpty()
    path = os.ttyname(terminal)
    text = (
        "ps -o pid=,tty=,tpgid= -p $$; tty; readlink /proc/self/fd/2; ls /proc/self/fd"
    )
    prepared = bindings.prepare(
        b"/bin/sh",
        arguments=[b"/bin/sh", b"-c", text.encode()],
        environment=(b"PATH=/usr/bin:/bin",),
        directory=None,
        descriptors={3: opened},
        terminal=os.fsencode(path),
    )
    try:
        pid = prepared.spawn()
    finally:
        prepared.release()
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the end of it
        while True:
            shown += os.read(master, 1000)
    os.waitpid(pid, 0)
    os.close(master)
    first, *others = shown.decode().split("\r\n")
    assert first.split() == [str(pid), path.removeprefix("/dev/"), str(pid)]
    assert others[:2] == [path, path]
    assert others[2].split() == ["0", "1", "2", "3", "4"]


def test_a_terminal_that_is_not_there_is_refused(bindings: Bindings) -> None:
    prepared = bindings.prepare(
        b"/bin/true",
        arguments=[b"true"],
        environment=(),
        directory=None,
        descriptors={},
        terminal=b"/dev/pts/none",
    )
    try:
        with pytest.raises(FileNotFoundError):
            prepared.spawn()
    finally:
        prepared.release()
