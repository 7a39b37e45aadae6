"""Telling work that nobody wants it any more.

A Deferred's own ``cancel`` answers its waiter at once; here the waiter still gets the
true end. A command that is cancelled has to be ended, waited for and recorded, and a
place in a queue given up, before the call that asked for it is over.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Cancellation"]


class Cancellation:
    """One wish to stop; cancelled at most once, by whoever speaks for the caller."""

    __slots__ = ("_callbacks", "_cancelled")

    def __init__(self) -> None:
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether the wish was said."""
        return self._cancelled

    def cancel(self) -> None:
        """Say it: who asked is called, in order; a second call does nothing."""
        self._cancelled = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call back once when it is said; at once if that has been so already.

        Args:
            callback: Must not raise.
        """
        if self._cancelled:
            callback()
        else:
            self._callbacks.append(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Do not call back any more; does nothing for one that is not known."""
        if callback in self._callbacks:
            self._callbacks.remove(callback)
