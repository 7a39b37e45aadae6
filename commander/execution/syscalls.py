"""What a thread is blocked in, and which descriptors it waits to read from.

The kernel tells both in ``/proc/PID/task/TID/syscall``: the number of the call and
its six arguments, whose meaning the table of the machine's architecture gives. ``read``
names its descriptor. ``poll`` and ``select`` point to a set of them in the memory of
the process. ``epoll_wait`` names an object of the kernel, whose own file lists them.

Nothing is read here: texts and bytes go in, values come out. They come from foreign
processes, so anything may stand in them; what makes no sense is no call, or no
descriptor.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Final

import attrs

__all__ = [
    "EPOLLS",
    "POLLED_AT_MOST",
    "POLLS",
    "READS",
    "RUNNING",
    "SELECTED_AT_MOST",
    "SELECTS",
    "Call",
    "call_names",
    "call_of",
    "descriptor_of",
    "in_epoll",
    "in_poll",
    "in_select",
    "poll_bytes",
    "select_bytes",
]

RUNNING: Final = b"running"
"""What the kernel tells of a thread that is not blocked."""

READS: Final = frozenset({"read", "readv"})
POLLS: Final = frozenset({"poll", "ppoll"})
SELECTS: Final = frozenset({"select", "pselect6"})
EPOLLS: Final = frozenset({"epoll_wait", "epoll_pwait", "epoll_pwait2"})

POLLED_AT_MOST: Final = 256
"""Descriptors of one ``poll`` that are looked at; programs that talk to a person wait
for a handful."""
SELECTED_AT_MOST: Final = 1024
"""Descriptors of one ``select`` that are looked at: the most that ``FD_SETSIZE``
allows."""

_X86_64: Final = {
    0: "read",
    7: "poll",
    19: "readv",
    23: "select",
    232: "epoll_wait",
    270: "pselect6",
    271: "ppoll",
    281: "epoll_pwait",
    441: "epoll_pwait2",
}
_GENERIC: Final = {
    22: "epoll_pwait",
    63: "read",
    65: "readv",
    72: "pselect6",
    73: "ppoll",
    441: "epoll_pwait2",
}
_MACHINES: Final[Mapping[str, Mapping[int, str]]] = {
    "x86_64": _X86_64,
    "aarch64": _GENERIC,
}
_LINE_WORDS: Final = 9
"""The number, six arguments, the stack pointer, the program counter."""
_ARGUMENT_WORDS: Final = slice(1, 7)
_POLLFD: Final = struct.Struct("=ihh")
_READABLE: Final = 0x41
"""``POLLIN | POLLRDNORM``; ``epoll`` has the same bits."""
_WATCHED: Final = re.compile(
    rb"^tfd:\s+([0-9]{1,9})\s+events:\s+([0-9a-f]{1,8})\b", re.MULTILINE
)


@attrs.frozen
class Call:
    """A system call that a thread is blocked in."""

    name: str
    arguments: tuple[int, ...]
    """Six, as wide as a register."""


def call_names(machine: str) -> Mapping[int, str]:
    """The calls that wait for input, by their numbers.

    Args:
        machine: As ``uname -m`` tells it. Of one that is not known nothing is.
    """
    return _MACHINES.get(machine, {})


def call_of(line: bytes, names: Mapping[int, str]) -> Call | None:
    """The call in the kernel's line; None if it is none that waits for input.

    Args:
        line: Of ``/proc/PID/task/TID/syscall``.
        names: From ``call_names``. A process of another word size has other numbers;
            what they seem to mean finds no descriptor.
    """
    words = line.split()
    if len(words) != _LINE_WORDS:
        return None
    try:
        name = names.get(int(words[0]))
        arguments = tuple(int(word, 16) for word in words[_ARGUMENT_WORDS])
    except ValueError:
        return None
    return None if name is None else Call(name, arguments)


def descriptor_of(argument: int) -> int:
    """A descriptor from a register, of which it takes the lower half."""
    return argument & 0xFFFFFFFF


def poll_bytes(call: Call) -> int:
    """How much to read at the first argument of a call of ``POLLS``."""
    return min(call.arguments[1] & 0xFFFFFFFF, POLLED_AT_MOST) * _POLLFD.size


def in_poll(data: bytes) -> frozenset[int]:
    """The descriptors that a ``poll`` waits to read from.

    Args:
        data: The array that it was given, which may break off.
    """
    whole = len(data) - len(data) % _POLLFD.size
    return frozenset(
        descriptor
        for descriptor, events, _ in _POLLFD.iter_unpack(data[:whole])
        if descriptor >= 0 and events & _READABLE
    )


def select_bytes(call: Call) -> int:
    """How much to read at the second argument of a call of ``SELECTS``."""
    return (_selected(call) + 7) // 8


def in_select(call: Call, data: bytes) -> frozenset[int]:
    """The descriptors that a ``select`` waits to read from.

    Args:
        call: Tells how many bits count.
        data: The set, which may break off.
    """
    # Words of the set are little endian on both machines, so its bytes are in order.
    bits = int.from_bytes(data, "little")
    return frozenset(number for number in range(_selected(call)) if bits >> number & 1)


def in_epoll(text: bytes) -> frozenset[int]:
    """The descriptors that an ``epoll`` object waits to read from.

    Args:
        text: Its file in ``/proc/PID/fdinfo``, which may break off.
    """
    return frozenset(
        int(descriptor)
        for descriptor, events in _WATCHED.findall(text)
        if int(events, 16) & _READABLE
    )


def _selected(call: Call) -> int:
    """A count is signed, and nobody waits for a negative one."""
    count = descriptor_of(call.arguments[0])
    return 0 if count >> 31 else min(count, SELECTED_AT_MOST)
