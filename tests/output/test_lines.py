"""The newest line of a command's output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.output.budget import MemoryBudget
from commander.output.command import CommandOutput
from commander.output.lines import (
    LINE_CHARACTERS,
    NO_LINE,
    NewestLine,
    newest_line,
    plain_line,
)
from commander.output.order import STDERR, STDOUT


def output_of(*pieces: tuple[int, bytes], limit_bytes: int = 100_000) -> CommandOutput:
    output = CommandOutput(limit_bytes, MemoryBudget(1_000_000))
    for stream, data in pieces:
        output.append(stream, data)
    return output


def complete(text: str) -> NewestLine:
    return NewestLine(text, complete=True)


def begun(text: str) -> NewestLine:
    return NewestLine(text, complete=False)


def test_without_output_there_is_no_line() -> None:
    assert newest_line(output_of()) == NO_LINE


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"one\ntwo\nthr", complete("two")),
        (b"one\ntwo\n", complete("two")),
        (b"one\r\ntwo\r\n\r\n", complete("two")),
        (b"one\n \n\x1b[K\n\n", complete("one")),
        (b" 10%\r 20%\r 3", complete("20%")),
        (b"on", begun("on")),
        (b"\n\non", begun("on")),
        (b"\n", NO_LINE),
        (b"\x1b[2J\x00", NO_LINE),
        ("größer\n".encode(), complete("größer")),
        ("größer".encode()[:-5], begun("gr")),
        (b"caf\xff\n", complete("caf\ufffd")),
    ],
)
def test_it_is_the_last_one_that_is_complete_and_can_be_seen(
    data: bytes, line: NewestLine
) -> None:
    assert newest_line(output_of((STDOUT, data))) == line


@pytest.mark.parametrize(
    ("pieces", "line"),
    [
        ([(STDOUT, b"out\n"), (STDERR, b"err\n")], complete("err")),
        ([(STDERR, b"err\n"), (STDOUT, b"out\n")], complete("out")),
        ([(STDOUT, b"o"), (STDERR, b"err\n"), (STDOUT, b"ut")], complete("err")),
        ([(STDOUT, b"o"), (STDERR, b"err\n"), (STDOUT, b"ut\n")], complete("out")),
        ([(STDOUT, b"o"), (STDERR, b"e"), (STDOUT, b"ut")], begun("out")),
        ([(STDOUT, b"o"), (STDERR, b"e")], begun("e")),
        ([(STDOUT, b"o"), (STDERR, b"  ")], begun("o")),
        ([(STDOUT, b"\xc3"), (STDERR, b"e\n"), (STDOUT, b"\xa9\n")], complete("é")),
    ],
)
def test_the_order_of_both_streams_decides_and_neither_cuts_the_other(
    pieces: list[tuple[int, bytes]], line: NewestLine
) -> None:
    assert newest_line(output_of(*pieces)) == line


def test_only_the_end_of_long_output_is_looked_at() -> None:
    output = output_of((STDOUT, b"early\n" + "é".encode() * 5000))
    line = newest_line(output)
    assert line == begun("é" * LINE_CHARACTERS)


def test_a_line_that_begins_before_the_end_shows_no_half_of_a_character() -> None:
    for shift in range(4):
        output = output_of((STDOUT, b"x" * shift + "😀".encode() * 5000))
        assert set(newest_line(output).text) == {"😀"}


def test_a_gap_joins_no_lines() -> None:
    output = output_of((STDOUT, b"head" + b"-" * 400 + b"tail\n"), limit_bytes=16)
    assert newest_line(output) == complete("-------tail")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\x1b[1;31merror\x1b[0m: no", "error: no"),
        ("\x1b[38;2;1;2;3mred", "red"),
        ("\x9b31mred", "red"),
        ("\x1b[31", ""),
        ("a\x1b", "a"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\!", "link!"),
        ("\x1bPstring\x1b\\text", "text"),
        ("\x1b(Btext\x1b7\x1b=", "text"),
        ("  a \t b\x0b\x85c\u00a0d  ", "a b c d"),
        ("a\x00b\x07c\x7fd", "abcd"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("日本語 ✓", "日本語 ✓"),
    ],
)
def test_a_plain_line_shows_what_a_person_would_see(text: str, line: str) -> None:
    assert plain_line(text) == line


def test_a_plain_line_is_short() -> None:
    assert plain_line("é" * 201) == "é" * 200


@given(st.text(alphabet="a \x1b[]0;m\x07\\P\n\x00é\x9b", max_size=60))
def test_a_plain_line_has_no_control_character_and_no_double_space(text: str) -> None:
    line = plain_line(text)
    assert line.isprintable()
    assert line == " ".join(line.split())
