"""A disk whose work is done when the test says so, and fails when it says so."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, TypeVar
from unittest import mock

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


@attrs.define
class SlowDisk:
    """An ``Aside`` that does nothing before ``work``."""

    waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = attrs.field(factory=list)
    done: int = 0

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        answer: Deferred[T] = Deferred()
        self.waiting.append((work, answer))
        return answer

    def work(self, number: int = 0) -> None:
        """Do one of what was asked, and bring the answer."""
        work, answer = self.waiting.pop(number)
        self.done += 1
        try:
            found = work()
        except Exception:
            answer.errback(Failure())
        else:
            answer.callback(found)

    def work_all(self) -> None:
        while self.waiting:
            self.work()

    def fail(self, error: Exception, number: int = 0) -> None:
        """Bring an error for one of what was asked, without doing it.

        Only what is to be closed is closed, as it is by an operating system.
        """
        work, answer = self.waiting.pop(number)
        if getattr(work, "__name__", "") == "close":
            work()
        answer.errback(Failure(error))

    def fill_up(self, most_bytes: int, number: int = 0) -> None:
        """Do one of what was asked on a disk that has room for so many bytes."""
        left = most_bytes
        write = os.pwrite

        def limited(descriptor: int, data: memoryview, offset: int) -> int:
            nonlocal left
            if not left:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            count = write(descriptor, data[:left], offset)
            left -= count
            return count

        with mock.patch("os.pwrite", limited):
            self.work(number)


def at_once(work: Callable[[], T], /) -> Deferred[T]:
    """An ``Aside`` whose disk takes no time."""
    answer: Deferred[T] = Deferred()
    try:
        answer.callback(work())
    except Exception:
        answer.errback(Failure())
    return answer


def result_of(deferred: Deferred[T]) -> T:
    """What it has fired with."""
    found: list[T | Failure] = []
    deferred.addBoth(found.append)
    (result,) = found
    if isinstance(result, Failure):
        result.raiseException()
    return result
