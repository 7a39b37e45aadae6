"""What a thread is blocked in: from the kernel's words to descriptors."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.execution.syscalls import (
    EPOLLS,
    POLLED_AT_MOST,
    POLLS,
    READS,
    SELECTED_AT_MOST,
    SELECTS,
    Call,
    call_names,
    call_of,
    descriptor_of,
    in_epoll,
    in_poll,
    in_select,
    poll_bytes,
    select_bytes,
)

X86 = call_names("x86_64")
ARM = call_names("aarch64")
POLLIN, POLLOUT, POLLRDNORM = 1, 4, 0x40
words = st.integers(0, 2**64 - 1)


def line(number: int, *arguments: int) -> bytes:
    padded = (*arguments, *(0,) * (6 - len(arguments)), 0x7FFC00, 0x7F1200)
    return f"{number} {' '.join(map(hex, padded))}\n".encode()


def call(name: str, *arguments: int) -> Call:
    return Call(name, (*arguments, *(0,) * (6 - len(arguments))))


def polled(*entries: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("=ihh", *entry, 0) for entry in entries)


def test_a_call_has_its_name_and_its_arguments() -> None:
    assert call_of(line(0, 3, 0x7F00, 0x20000), X86) == call("read", 3, 0x7F00, 0x20000)


@pytest.mark.parametrize(
    ("machine", "number", "name"),
    [
        ("x86_64", 0, "read"),
        ("x86_64", 7, "poll"),
        ("x86_64", 23, "select"),
        ("x86_64", 232, "epoll_wait"),
        ("x86_64", 270, "pselect6"),
        ("x86_64", 271, "ppoll"),
        ("aarch64", 63, "read"),
        ("aarch64", 72, "pselect6"),
        ("aarch64", 73, "ppoll"),
        ("aarch64", 22, "epoll_pwait"),
    ],
)
def test_numbers_are_those_of_the_machine(machine: str, number: int, name: str) -> None:
    told = call_of(line(number), call_names(machine))
    assert told is not None
    assert told.name == name


def test_of_a_machine_that_nobody_knows_no_call_is_known() -> None:
    assert call_of(line(0), call_names("pdp11")) is None


def test_every_call_that_is_known_belongs_to_one_kind() -> None:
    kinds = [READS, POLLS, SELECTS, EPOLLS]
    for name in {*X86.values(), *ARM.values()}:
        assert sum(name in kind for kind in kinds) == 1, name


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"running\n",
        b"-1 0x7ffc 0x7f12\n",
        b"0 0x0\n",
        line(230),  # clock_nanosleep
        b"0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n",
        b"zero 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n",
        b"0 0x0 what 0x0 0x0 0x0 0x0 0x0 0x0\n",
    ],
)
def test_anything_else_is_no_call_that_waits_for_input(text: bytes) -> None:
    assert call_of(text, X86) is None


@given(st.binary(max_size=200))
def test_no_text_makes_the_reading_fail(text: bytes) -> None:
    call_of(text, X86)
    in_epoll(text)
    in_poll(text)
    in_select(call("select", SELECTED_AT_MOST), text)


def test_a_descriptor_is_the_lower_half_of_a_register() -> None:
    assert descriptor_of(0xDEAD00000003) == 3


def test_a_poll_waits_for_those_that_it_wants_to_read() -> None:
    data = polled((0, POLLIN), (4, POLLOUT), (5, POLLRDNORM), (-1, POLLIN))
    assert in_poll(data) == {0, 5}
    assert in_poll(data + b"\0\0\0") == {0, 5}
    assert in_poll(data[:9]) == {0}


def test_a_select_waits_for_the_bits_below_its_count() -> None:
    data = bytes([0b0000_0001, 0b0001_0010])
    assert in_select(call("select", 13), data) == {0, 9, 12}
    assert in_select(call("select", 12), data) == {0, 9}
    assert in_select(call("select", 13), data[:1]) == {0}


def test_a_count_below_zero_selects_nothing() -> None:
    below = call("pselect6", 2**32 - 1)
    assert select_bytes(below) == 0
    assert in_select(below, b"\xff") == set()


def test_an_epoll_object_lists_its_descriptors() -> None:
    text = (
        b"pos:\t0\nflags:\t02000002\nmnt_id:\t16\nino:\t1064\n"
        b"tfd:        5 events: 80000019 data:  5  pos:0 ino:428 sdev:f\n"
        b"tfd:        0 events:       41 data:  0  pos:0 ino:3 sdev:19\n"
        b"tfd:        7 events:        4 data:  7  pos:0 ino:3 sdev:19\n"
        b"tfd:        9 eve"
    )
    assert in_epoll(text) == {0, 5}


@given(words, words)
def test_what_has_to_be_read_is_bounded_whatever_the_registers_hold(
    first: int, second: int
) -> None:
    assert 0 <= poll_bytes(call("poll", first, second)) <= 8 * POLLED_AT_MOST
    assert 0 <= select_bytes(call("select", first)) <= SELECTED_AT_MOST // 8


@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**15 - 1))))
def test_a_poll_finds_what_was_put_in(entries: list[tuple[int, int]]) -> None:
    wanted = {number for number, events in entries if events & 0x41}
    assert in_poll(polled(*entries)) == wanted


@given(st.sets(st.integers(0, SELECTED_AT_MOST - 1)))
def test_a_select_finds_what_was_put_in(numbers: set[int]) -> None:
    size = max(numbers, default=-1) + 1
    asked = call("select", size)
    data = sum(1 << number for number in numbers).to_bytes(
        select_bytes(asked), "little"
    )
    assert in_select(asked, data) == numbers
