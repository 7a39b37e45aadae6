"""The values that a command is, from the request to its outcome.

They are frozen and hold no behaviour beyond reading themselves; every layer may
use them. The one value that does not stand here is ``Approved``: only
``commander.policy.checker`` can make one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

__all__ = [
    "Busy",
    "Cancelled",
    "CommandRequest",
    "EndedBy",
    "Outcome",
    "OutputWindow",
    "StartFailed",
    "Stdin",
    "Survivor",
    "TerminalSize",
    "Trace",
]


class Stdin(enum.Enum):
    """What a command has as its standard input."""

    EMPTY = "empty"
    """Nothing: the end of it is read at once."""
    PIPE = "pipe"
    """What its caller writes, until the caller closes it."""
    TERMINAL = "terminal"
    """A terminal of its own, which is its output too: all of it is standard output."""


@attrs.frozen
class TerminalSize:
    """The size of a terminal, in characters."""

    columns: int = 80
    rows: int = 24


@attrs.frozen(kw_only=True)
class Trace:
    """The trace of somebody else's that a request belongs to (W3C Trace Context).

    Its parts were checked; nothing else can stand in them.
    """

    trace_id: str
    """32 hexadecimal digits."""
    parent: str
    """A ``traceparent`` of version 00."""
    state: str = ""
    """A ``tracestate``; empty if there is none."""


@attrs.frozen(kw_only=True)
class CommandRequest:
    """A command as a caller asked for it, before any policy."""

    command: str
    working_directory: str | None = None
    """As given: relative paths count from the server's working directory."""
    timeout_seconds: float
    """Already defaulted and clamped; greater than zero."""
    env: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Names to set over the inherited environment. Never logged."""
    trace: Trace | None = None
    """What the caller's own records know it by."""
    stdin: Stdin = Stdin.EMPTY
    terminal_size: TerminalSize = TerminalSize()
    """Of a terminal when the command starts."""


class EndedBy(enum.Enum):
    """What made a command end."""

    EXIT = "exit"
    """It ended by itself; ``Outcome.signal`` tells if a signal did it that the
    server did not send."""
    TIMEOUT = "timeout"
    IDLE_TIMEOUT = "idle_timeout"
    """It printed nothing for as long as its caller allowed."""
    CLIENT_SIGNAL = "client_signal"
    """A client had it signalled, and it ended by that."""
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    OOM = "oom"
    """The kernel killed it for want of memory; said on the kernel's word only."""
    CANCELLED = "cancelled"
    """The client does not want the result any more."""
    SERVER_SHUTDOWN = "server_shutdown"


@attrs.frozen(kw_only=True)
class OutputWindow:
    """What was kept of one output stream: its beginning and its end.

    ``head + tail`` is the whole stream if nothing was omitted. Otherwise exactly
    ``omitted_bytes`` bytes stood between the two.
    """

    head: bytes = b""
    tail: bytes = b""
    total_bytes: int = 0
    omitted_bytes: int = 0
    omitted_lines: int = 0
    """Newline bytes among the omitted bytes."""


@attrs.frozen(kw_only=True)
class Survivor:
    """A process of a command that did not end although it was killed."""

    pid: int
    name: str
    """As the kernel shows it: at most 15 characters."""


@attrs.frozen(kw_only=True)
class Outcome:
    """How a command that was started ended."""

    exit_code: int | None
    """None if a signal ended it."""
    signal: str | None = None
    """Name such as ``SIGKILL`` of the signal that ended the shell, or None."""
    ended_by: EndedBy
    duration_seconds: float
    """From the spawn to the end, by a monotonic clock; without queue time."""
    queued_seconds: float = 0.0
    stdout: OutputWindow
    stderr: OutputWindow
    background_processes: int = 0
    """Processes that the command left behind when it ended, and that were ended."""
    survivors: tuple[Survivor, ...] = ()
    """Processes that could not be ended: they are stuck in the kernel."""
    reaped: bool = True
    """False if the kernel had not reported the shell's end when we stopped waiting."""
    hint: str | None = None
    """What else is known about the ending, in words."""


@attrs.frozen(kw_only=True)
class StartFailed:
    """An approved command could not be started; no process is left of it."""

    reason: str
    """The cause in words, with the path or limit that it is about."""
    exhausted: bool = False
    """The machine lacked processes, descriptors or memory: no other command can be
    started either."""


@attrs.frozen(kw_only=True)
class Busy:
    """Every slot and every place in the queue is taken."""

    reason: str
    retry_after_seconds: int


@attrs.frozen(kw_only=True)
class Cancelled:
    """The client wanted no result any more before the command was started."""

    queued_seconds: float = 0.0
    """How long it had waited for a slot."""
