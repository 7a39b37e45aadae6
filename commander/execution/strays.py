"""Ending what a killed server has left behind, before the next one serves.

A server that ends in order leaves nothing. One that is killed by SIGKILL, on a desk
say, leaves its commands running, and nobody looks for them any more. They know whose
they are: ``owners`` says how. So a server that starts looks at every environment that
it may read. A *stray* is a process

- of this user, or of anybody if this is root,
- in our own namespace of process ids, so of no container but ours,
- whose owner is a server of this start of the machine and of our namespaces,
- and that owner has ended, or its process id is another's by now.

Every one of these is asked of the process itself, not of its session or its group; what
starts it has only to hand the environment on. Never touched is what this server lives
in: its ancestors, and whoever has the same owner as one of them or as this server, as
in a terminal multiplexer that was a command once.

**Ending.** TERM, and KILL to who is left after ``TERM_SECONDS``. All of ``/proc`` is
read again each time, so that what was started meanwhile is found as well. A signal goes
through a descriptor of the process, and only if it is still the one whose environment
was read.

**Bounds.** Without strays one look is all there is: 2 us for each process of the
machine. With strays it ends after ``SWEEP_SECONDS``, and who is left is told. It runs
in a thread of its own, as the kernel can hold up who reads the environment of a process
that is stuck; that thread is waited for a little longer, and then no more. Process 1
does not look: with the one before it all its processes were ended.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from commander.commands import Survivor
from commander.execution.kernel import Kernel, KernelCalls, signals_for
from commander.execution.owners import (
    SERVER,
    Owner,
    namespace_of,
    owner_of,
    this_process,
)
from commander.execution.tree import Process, ProcFiles
from commander.first_process import is_first_process
from commander.interfaces import Monotonic

__all__ = [
    "NAMES_AT_MOST",
    "SWEEP_SECONDS",
    "TERM_SECONDS",
    "Strays",
    "Swept",
    "end_strays",
]

TERM_SECONDS: Final = 0.5
"""From TERM to KILL. Short: nobody waits for what a stray might still have to say."""
SWEEP_SECONDS: Final = 1.0
"""Longest sweep; a start is held up no longer by what cannot be ended."""
PAUSE_SECONDS: Final = 0.01
"""Between two looks while strays are ending."""
SPARE_SECONDS: Final = 0.2
"""How much longer than a sweep may take its thread is waited for."""
NAMES_AT_MOST: Final = 20
"""Of these strays, and of these survivors, the names are told."""
ENVIRONMENT_BYTES: Final = 2 * 1024 * 1024
"""Of an environment that are looked at; a command's is smaller, see ``checks``."""
ANCESTORS_AT_MOST: Final = 1000
"""Longer than any real line of them."""

_MARK: Final = b"\0" + SERVER.encode() + b"="
_TEXT_BYTES: Final = 256
"""Longer than any owner's text."""


@attrs.frozen(kw_only=True)
class Swept:
    """What became of the strays."""

    ended: int = 0
    names: tuple[str, ...] = ()
    """Of those that were ended, each name once; the first ``NAMES_AT_MOST``."""
    left: int = 0
    """Strays that did not end in time."""
    survivors: tuple[Survivor, ...] = ()
    """The first ``NAMES_AT_MOST`` of them."""
    finished: bool = True
    """Whether all processes were looked at."""


class Strays:
    """The processes on this machine whose server is over.

    Args:
        own: This server.
        beside: The owner of this server itself, if it is a command of another.
        monotonic: Seconds.
        pause: Waits for some seconds.
        kernel: Sends signals.
        root: Where ``/proc`` is mounted.
    """

    def __init__(
        self,
        own: Owner,
        *,
        beside: str | None = None,
        monotonic: Monotonic = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        kernel: Kernel | None = None,
        root: str = "/proc",
    ) -> None:
        self._own = own
        self._monotonic = monotonic
        self._pause = pause
        self._files = ProcFiles(root)
        self._kernel = kernel or KernelCalls(self._files)
        self._root = root
        self._namespace = namespace_of(own.pid, "pid", root)
        self._spared = {own.pid}
        self._spared_texts = {str(own), beside}
        # The first byte stays zero, as if another variable ended there.
        self._buffer = bytearray(1 + ENVIRONMENT_BYTES)

    def end(self) -> Swept:
        """Look for strays and end them; takes ``SWEEP_SECONDS`` at most."""
        begin = self._monotonic()
        until = begin + SWEEP_SECONDS
        met: dict[tuple[int, int], Process] = {}
        self._spare_surroundings()
        found, finished = self._look(until)
        while found and self._monotonic() < until:
            kills = self._monotonic() - begin >= TERM_SECONDS
            for stray in found:
                if kills or (stray.pid, stray.started) not in met:
                    self._send(stray, signal.SIGKILL if kills else signal.SIGTERM)
                met[stray.pid, stray.started] = stray
            self._pause(PAUSE_SECONDS)
            found, finished = self._look(until)
        met.update({(each.pid, each.started): each for each in found})
        return self._result(tuple(met.values()), finished=finished)

    def _result(self, met: tuple[Process, ...], *, finished: bool) -> Swept:
        left = [each for each in met if self._lives(each)]
        living = {each.pid for each in left}
        ended = dict.fromkeys(each.name for each in met if each.pid not in living)
        return Swept(
            ended=len(met) - len(left),
            names=tuple(ended)[:NAMES_AT_MOST],
            left=len(left),
            survivors=tuple(
                Survivor(pid=each.pid, name=each.name) for each in left[:NAMES_AT_MOST]
            ),
            finished=finished,
        )

    def _lives(self, stray: Process) -> bool:
        """Whether it is still there, even if it has taken its mark off meanwhile."""
        now = self._files.process(stray.pid)
        return now is not None and now.alive and now.started == stray.started

    def _spare_surroundings(self) -> None:
        """Find out what this server lives in."""
        process = self._files.process(self._own.pid)
        for _ in range(ANCESTORS_AT_MOST):
            if process is None:
                return
            self._spared.add(process.parent)
            self._spared_texts.add(self._text(process.parent))
            process = self._files.process(process.parent)

    def _look(self, until: float) -> tuple[list[Process], bool]:
        """The strays that live now, and whether there was time to look at everybody."""
        found: list[Process] = []
        over: dict[str, bool] = {}
        for pid in self._everybody():
            if self._monotonic() > until:
                return found, False
            text = self._text(pid)
            if text is None or text in self._spared_texts or pid in self._spared:
                continue
            if text not in over:
                over[text] = self._is_over(text)
            stray = self._stray(pid, text) if over[text] else None
            if stray is not None:
                found.append(stray)
        return found, True

    def _is_over(self, text: str) -> bool:
        owner = owner_of(text)
        if owner is None or owner.world != self._own.world:
            return False
        return owner.is_over(self._files)

    def _stray(self, pid: int, text: str) -> Process | None:
        """Who has this id, if it is a stray of this owner.

        Its environment is read once more, between a look at when it started and the
        one that comes with the signal: so all three are about one process.
        """
        process = self._files.process(pid)
        if process is None or not process.alive:
            return None
        is_stray = (
            self._is_ours(pid)
            and namespace_of(pid, "pid", self._root) == self._namespace
            and self._text(pid) == text
        )
        return process if is_stray else None

    def _is_ours(self, pid: int) -> bool:
        try:
            owner = os.stat(f"{self._root}/{pid}").st_uid
        except OSError:
            return False
        return os.geteuid() in (0, owner)

    def _send(self, stray: Process, number: int) -> None:
        for each in signals_for(number):
            self._kernel.send_checked(stray, each)

    def _everybody(self) -> list[int]:
        try:
            names = os.listdir(self._root)
        except OSError:
            return []
        return [int(name) for name in names if name.isdecimal()]

    def _text(self, pid: int) -> str | None:
        """What a process carries as its owner, if its environment may be read."""
        path = f"{self._root}/{pid}/environ"
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            end = 1 + os.readv(descriptor, [memoryview(self._buffer)[1:]])
        except OSError:  # it ended while we read
            return None
        finally:
            os.close(descriptor)
        at = self._buffer.find(_MARK, 0, end) + len(_MARK)
        if at < len(_MARK):
            return None
        text = self._buffer[at : min(at + _TEXT_BYTES, end)].partition(b"\0")[0]
        return text.decode("ascii", "replace")


def end_strays(environ: Mapping[str, str], monotonic: Monotonic) -> Swept:
    """End the strays of this machine; once, before this process starts any command.

    Blocks for as long as the module says, and raises nothing.

    Args:
        environ: This server's environment.
        monotonic: Seconds.
    """
    own = None if is_first_process() else this_process()
    if own is None:
        return Swept()
    strays = Strays(own, beside=environ.get(SERVER), monotonic=monotonic)
    answers: list[Swept] = []
    thread = threading.Thread(
        target=lambda: answers.append(strays.end()), name="strays", daemon=True
    )
    thread.start()
    thread.join(SWEEP_SECONDS + SPARE_SECONDS)
    return answers[0] if answers else Swept(finished=False)
