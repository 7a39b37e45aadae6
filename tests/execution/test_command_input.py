"""Standard input of a command, over transports that can more or less."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.protocol import ProcessProtocol

from commander.commands import Stdin, TerminalSize
from commander.execution.command_input import CommandInput
from commander.execution.protocol import ChildTransport
from commander.testing import MemoryProcess, ProcessReactor


class Plain:
    """A transport that tells nothing of its input."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = 0

    def write(self, data: bytes) -> None:
        self.written += data

    def closeStdin(self) -> None:
        self.closed += 1


def connected(kind: Stdin) -> tuple[CommandInput, MemoryProcess]:
    reactor = ProcessReactor()
    process = reactor.spawnProcess(
        ProcessProtocol(), "/bin/sh", usePTY=kind is Stdin.TERMINAL
    )
    given = CommandInput(kind)
    given.connect(cast("ChildTransport", process))
    return given, process


def test_a_pipe_is_written_until_it_is_closed() -> None:
    given, process = connected(Stdin.PIPE)
    given.write(b"a")
    process.reads_input = False
    given.write(b"bc")
    assert (process.input, given.pending_bytes) == (b"a", 2)
    given.close()
    assert (given.open, process.input_ended) == (False, True)
    given.write(b"dropped")
    given.close()
    assert given.pending_bytes == 2, "what was written before may still be read"
    given.finish()
    assert given.pending_bytes == 0


def test_a_terminal_is_told_the_end_as_often_as_it_is_wanted() -> None:
    given, process = connected(Stdin.TERMINAL)
    given.close()
    given.write(b"x")
    given.close()
    assert process.input == b"\x04x\x04"
    assert given.open
    given.resize(TerminalSize(columns=1, rows=2))
    assert process.terminal == TerminalSize(columns=1, rows=2)
    given.closed()
    given.close()
    given.write(b"dropped")
    assert process.input == b"\x04x\x04"


def test_a_command_without_input_has_none_whatever_its_transport_can() -> None:
    given, process = connected(Stdin.EMPTY)
    given.write(b"x")
    given.close()
    given.resize(TerminalSize())
    assert (given.open, given.pending_bytes) == (False, 0)
    assert given.terminal_descriptor is None
    assert (process.input, process.input_ended) == (b"", False)


@pytest.mark.parametrize("pipes", [None, {}, {0: "no writer"}])
def test_a_transport_that_tells_nothing_has_nothing_pending(pipes: Any) -> None:
    plain = Plain()
    if pipes is not None:
        plain.pipes = pipes  # type: ignore[attr-defined]  # as Twisted's has
    given = CommandInput(Stdin.PIPE)
    given.write(b"before there is one")
    given.close()
    given.connect(cast("ChildTransport", plain))
    given.write(b"x")
    given.resize(TerminalSize())
    assert (given.pending_bytes, given.terminal_descriptor) == (0, None)
    given.close()
    assert (plain.written, plain.closed) == (b"x", 1)
