"""Who wants to hear that a list or a resource changed.

Modern clients say so with ``subscriptions/listen``, those of the handshake era with an
open stream and ``resources/subscribe``. A listener that does not keep up is told less
often and not less: what changed meanwhile is told once, when it reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from commander.mcp import notifications
from commander.mcp.jsonrpc import RequestId

__all__ = ["ChangeHub", "Listener"]


class Listener:
    """One stream that changes are told on.

    Args:
        lists: Of which lists: ``tools``, ``prompts``, ``resources``.
        resources: Of which resources, by their URI; may change.
        send: Takes a notification.
        subscription: Stands in each, of listeners of the modern era.
    """

    def __init__(
        self,
        *,
        lists: Collection[str],
        resources: Collection[str],
        send: Callable[[bytes], None],
        subscription: RequestId | None = None,
    ) -> None:
        self._lists = lists
        self._resources = resources
        self._send = send
        self._subscription = subscription
        self._paused = False
        self._due: dict[tuple[str, str], None] = {}

    def list_changed(self, kind: str) -> None:
        """A list changed."""
        if kind in self._lists:
            self._tell("list", kind)

    def resource_updated(self, uri: str) -> None:
        """A resource changed."""
        if uri in self._resources:
            self._tell("resource", uri)

    # --- Flow --------------------------------------------------------------------

    def pause(self) -> None:
        """The client does not keep up."""
        self._paused = True

    def resume(self) -> None:
        """It does again: tell what it missed."""
        self._paused = False
        due, self._due = self._due, {}
        for what, name in due:
            self._tell(what, name)

    def _tell(self, what: str, name: str) -> None:
        if self._paused:
            self._due[what, name] = None
        elif what == "list":
            self._send(notifications.list_changed(name, self._subscription))
        else:
            self._send(notifications.resource_updated(name, self._subscription))


class ChangeHub:
    """Tells all listeners; whoever changes something calls this."""

    def __init__(self) -> None:
        self._listeners: dict[Listener, None] = {}

    def __len__(self) -> int:
        """Listeners there are."""
        return len(self._listeners)

    def add(self, listener: Listener) -> None:
        """Tell this one too, from now on."""
        self._listeners[listener] = None

    def discard(self, listener: Listener) -> None:
        """Tell this one nothing more."""
        self._listeners.pop(listener, None)

    def list_changed(self, kind: str) -> None:
        """``tools``, ``prompts`` or ``resources`` is not what it was."""
        for listener in tuple(self._listeners):
            listener.list_changed(kind)

    def resource_updated(self, uri: str) -> None:
        """The resource is not what it was."""
        for listener in tuple(self._listeners):
            listener.resource_updated(uri)
