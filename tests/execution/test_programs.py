"""Which files it takes to execute a program."""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commander.execution.programs import (
    find_programs,
    is_executable,
    with_interpreters,
)


def program(path: Path, content: bytes = b"") -> str:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return str(path)


def elf(loader: bytes, *, bits: int = 64, order: str = "<") -> bytes:
    """An ELF file with two segments, the second of which names its loader."""
    is_64 = bits == 64
    header = b"\x7fELF" + bytes([2 if is_64 else 1, 1 if order == "<" else 2])
    size = 56 if is_64 else 32
    content = bytearray(header.ljust(64, b"\0"))
    struct.pack_into(order + ("Q" if is_64 else "I"), content, 32 if is_64 else 28, 64)
    struct.pack_into(order + "HH", content, 54 if is_64 else 42, size, 2)
    at = 64 + 2 * size
    form = "IIQQQQ" if is_64 else "IIIII"
    middle = (0, at, 0, 0) if is_64 else (at, 0, 0)
    for kind in (1, 3):
        segment = struct.pack(order + form, kind, *middle, len(loader))
        content += segment.ljust(size, b"\0")
    return bytes(content) + loader


# --- names ---------------------------------------------------------------------


def test_a_name_means_every_executable_file_of_that_name(tmp_path: Path) -> None:
    one, two = program(tmp_path / "a" / "tool"), program(tmp_path / "b" / "tool")
    (tmp_path / "c" / "tool").mkdir(parents=True)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "tool").touch()
    path = f"{tmp_path}/a::{tmp_path}/b:{tmp_path}/c:{tmp_path}/d:{tmp_path}/gone"
    assert find_programs("tool", path) == (one, two)
    assert find_programs("other", path) == ()


def test_symbolic_links_are_resolved_and_told_once(tmp_path: Path) -> None:
    real = program(tmp_path / "real")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").symlink_to(real)
    assert find_programs("tool", f"{tmp_path}/a:{tmp_path}/b") == (real,)


def test_only_an_absolute_path_stands_for_itself(tmp_path: Path) -> None:
    tool = program(tmp_path / "tool")
    assert find_programs(tool, "") == (tool,)
    assert find_programs("./tool", str(tmp_path)) == ()
    assert find_programs("tools/tool", str(tmp_path)) == ()


def test_what_no_path_can_be_is_no_program() -> None:
    assert not is_executable("a\0b")
    assert not is_executable("/dev/null")


# --- what a file brings --------------------------------------------------------


def test_a_script_brings_its_interpreter_and_what_that_brings(tmp_path: Path) -> None:
    shell = program(tmp_path / "shell", f"#! {tmp_path}/below -x\n".encode())
    below = program(tmp_path / "below", elf(f"{tmp_path}/loader\0".encode()))
    loader = program(tmp_path / "loader")
    script = program(tmp_path / "script", f"#!{shell}\nexit\n".encode())
    assert with_interpreters([script], "") == {script, shell, below, loader}


@pytest.mark.parametrize("line", ["env tool", "env -S tool -u", "env -i A=1 tool x"])
def test_env_in_a_first_line_brings_what_it_names(tmp_path: Path, line: str) -> None:
    env, tool = program(tmp_path / "env"), program(tmp_path / "tool")
    script = program(tmp_path / "script", f"#!{tmp_path}/{line}\n".encode())
    assert with_interpreters([script], str(tmp_path)) == {script, env, tool}


def test_scripts_that_name_each_other_come_to_an_end(tmp_path: Path) -> None:
    one = program(tmp_path / "one", f"#!{tmp_path}/two\n".encode())
    two = program(tmp_path / "two", f"#!{tmp_path}/one\n".encode())
    assert with_interpreters([one], "") == {one, two}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_dynamic_program_brings_its_loader(
    tmp_path: Path, bits: int, order: str
) -> None:
    loader = program(tmp_path / "loader")
    content = elf(f"{loader}\0".encode(), bits=bits, order=order)
    tool = program(tmp_path / "tool", content)
    assert with_interpreters([tool], "") == {tool, loader}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#!",
        b"#! \n",
        b"#!relative\n",
        b"#!/usr/bin/env\n"[:2],
        b"\x7fELF",
        b"\x7fELF\x02\x01" + b"\xff" * 58,
        b"\x7fELF\x09\x09".ljust(64, b"\0"),
        elf(b"relative\0"),
        elf(b""),
        elf(b"/x\0")[:100],
    ],
)
def test_a_file_that_names_nothing_brings_nothing(
    tmp_path: Path, content: bytes
) -> None:
    tool = program(tmp_path / "tool", content)
    assert with_interpreters([tool], "") == {tool}


@given(
    beginning=st.sampled_from([b"#!", b"#!/", b"\x7fELF", b"\x7fELF\x02\x01", b""]),
    rest=st.binary(max_size=300),
)
@example(beginning=b"", rest=elf(b"/a\0b"))
@example(beginning=b"", rest=elf(b"/a")[:54] + b"\1\0\2\0".ljust(20, b"\0"))
def test_no_content_is_an_error(beginning: bytes, rest: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(beginning + rest)
        file.flush()
        assert file.name in with_interpreters([file.name], "/bin")


def test_what_cannot_be_read_brings_nothing(tmp_path: Path) -> None:
    gone, directory = str(tmp_path / "gone"), str(tmp_path)
    assert with_interpreters([gone, directory], "") == {gone, directory}


def test_the_shell_of_this_machine_has_a_loader_or_is_static() -> None:
    found = with_interpreters(["/bin/sh"], "")
    assert os.path.realpath("/bin/sh") in found
    assert all(map(os.path.exists, found))
