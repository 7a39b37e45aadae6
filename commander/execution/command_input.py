"""The standard input of one command, whichever transport it has.

Bounds are the caller's: it looks at ``pending_bytes`` before it writes more.
"""

from __future__ import annotations

from twisted.internet.abstract import FileDescriptor

from commander.commands import Stdin, TerminalSize
from commander.execution.protocol import ChildTransport
from commander.execution.seams import IConversation
from commander.execution.writer import STDIN, pending_bytes

__all__ = ["CommandInput"]


class CommandInput:
    """What can be written to a command, from its start to its end.

    Args:
        kind: What the command is started with.

    Attributes:
        kind: The same.
        open: Whether what is written now can still be read.
    """

    __slots__ = ("_transport", "kind", "open")

    def __init__(self, kind: Stdin) -> None:
        self.kind = kind
        self.open = kind is not Stdin.EMPTY
        self._transport: ChildTransport | None = None

    def connect(self, transport: ChildTransport) -> None:
        """Use this one, which keeps what is written before its process has started."""
        if self.kind is not Stdin.EMPTY:
            self._transport = transport

    @property
    def pending_bytes(self) -> int:
        """Written, and not read by the command yet; takes one system call.

        What stands in the pipe counts. Of a terminal, a line that has not ended does
        not, nor what was too long for one, which the terminal throws away.
        """
        conversation = self._conversation()
        if conversation is not None:
            return conversation.pending_input()
        pipes = getattr(self._transport, "pipes", {})  # Twisted's own transport
        writer = pipes.get(STDIN)
        return pending_bytes(writer) if isinstance(writer, FileDescriptor) else 0

    @property
    def terminal_descriptor(self) -> int | None:
        """Our end of the terminal, while it is open; None without one."""
        conversation = self._conversation()
        return None if conversation is None else conversation.terminal_descriptor()

    @property
    def pipe_descriptor(self) -> int | None:
        """Our end of the pipe, while it is open; None without one."""
        conversation = self._conversation()
        return None if conversation is None else conversation.stdin_descriptor()

    def write(self, data: bytes) -> None:
        """Write; dropped if the input is closed, by whichever side."""
        if self.open and self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Write nothing more: the end comes after what is pending.

        A terminal stays open; its end-of-file character is written to it.
        """
        if self.open and self._transport is not None:
            self.open = self.kind is Stdin.TERMINAL
            self._transport.closeStdin()

    def resize(self, size: TerminalSize) -> None:
        """Give the terminal another size; without one nothing happens."""
        conversation = self._conversation()
        if conversation is not None:
            conversation.resize(size)

    def closed(self) -> None:
        """The command cannot read any more."""
        self.open = False

    def finish(self) -> None:
        """The command has ended."""
        self.open = False
        self._transport = None

    def _conversation(self) -> IConversation | None:
        found: IConversation | None = IConversation(self._transport, None)
        return found
