"""Who wants to hear that a list or a resource changed.

Modern clients say so with ``subscriptions/listen``, those of the handshake era with an
open stream and ``resources/subscribe``. A listener that does not keep up is told less
often and not less: what changed meanwhile is told once, when it reads again.

A listener is of one principal. What belongs to a principal, as a task does, or a
resource that not everybody may read, is told to no listener of another, whatever names
that listener has found out.

Who has to look out for changes asks to be told for which resources somebody listens,
and needs to look for no others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from functools import partial

from commander.mcp import notifications
from commander.mcp.jsonrpc import RequestId
from commander.principals import Principal
from commander.sessions.task_teller import TaskTeller
from commander.sessions.wishes import Wishes

__all__ = ["ChangeHub", "Listener"]


class Listener:
    """One stream that changes are told on.

    Args:
        principal: Whose it is.
        lists: Of which lists: ``tools``, ``prompts``, ``resources``.
        resources: Of which resources, by their URI; may change.
        send: Takes a notification.
        subscription: Stands in each, of listeners of the modern era.
        tasks: Tells of tasks; None if that was not asked for.
    """

    def __init__(
        self,
        *,
        principal: Principal,
        lists: Collection[str],
        resources: Wishes,
        send: Callable[[bytes], None],
        subscription: RequestId | None = None,
        tasks: TaskTeller | None = None,
    ) -> None:
        self.principal = principal
        self._lists = lists
        self.resources = resources
        self._send = send
        self._subscription = subscription
        self._tasks = tasks
        self._paused = False
        self._due: dict[tuple[str, str], None] = {}

    def list_changed(self, kind: str) -> None:
        """A list changed."""
        if kind in self._lists:
            self._tell("list", kind)

    def resource_updated(self, uri: str) -> None:
        """A resource changed."""
        if uri in self.resources:
            self._tell("resource", uri)

    def task_changed(self, task_id: str) -> None:
        """A task changed."""
        if self._tasks is not None:
            self._tasks.changed(task_id)

    def end(self) -> None:
        """Tell of no task any more; a second call does nothing."""
        if self._tasks is not None:
            self._tasks.end()

    # --- Flow --------------------------------------------------------------------

    def pause(self) -> None:
        """The client does not keep up."""
        self._paused = True
        if self._tasks is not None:
            self._tasks.pause()

    def resume(self) -> None:
        """It does again: tell what it missed."""
        self._paused = False
        due, self._due = self._due, {}
        for what, name in due:
            self._tell(what, name)
        if self._tasks is not None and not self._paused:
            self._tasks.resume()

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
        self._listeners: dict[Listener, Callable[[str, bool], None]] = {}
        self._wanted: Counter[tuple[Principal, str]] = Counter()
        self._interested: list[Callable[[str, Principal, bool], None]] = []

    def __len__(self) -> int:
        """Listeners there are."""
        return len(self._listeners)

    def add(self, listener: Listener) -> None:
        """Tell this one too, from now on; once for each listener."""
        wish = self._listeners[listener] = partial(self._wish, listener.principal)
        listener.resources.watch(wish)
        for uri in listener.resources:
            wish(uri, True)

    def discard(self, listener: Listener) -> None:
        """Tell this one nothing more; does nothing for one that is not known."""
        wish = self._listeners.pop(listener, None)
        if wish is None:
            return
        listener.resources.unwatch(wish)
        for uri in listener.resources:
            wish(uri, False)

    def on_interest(self, callback: Callable[[str, Principal, bool], None]) -> None:
        """Call back when somebody begins to listen for a resource, and nobody more.

        Args:
            callback: Called with the URI, as the client gave it, the principal whose
                listeners they are, and whether there are any now. Must not raise, nor
                tell of updates at once.
        """
        self._interested.append(callback)

    def list_changed(self, kind: str) -> None:
        """``tools``, ``prompts`` or ``resources`` is not what it was."""
        for listener in tuple(self._listeners):
            listener.list_changed(kind)

    def resource_updated(self, uri: str, owner: Principal | None = None) -> None:
        """The resource is not what it was.

        Args:
            uri: As it was subscribed to.
            owner: Only this principal's listeners are told; None if it is everybody's.
        """
        for listener in tuple(self._listeners):
            if owner is None or listener.principal == owner:
                listener.resource_updated(uri)

    def task_changed(self, task_id: str, owner: Principal) -> None:
        """The task is not what it was.

        Call this once the change can be seen: each listener asks for the task as it
        then is, at once or when its client has read what came before.

        Args:
            task_id: As ``TaskAsked`` will name it.
            owner: Only this principal's listeners are told.
        """
        for listener in tuple(self._listeners):
            if listener.principal == owner:
                listener.task_changed(task_id)

    def _wish(self, principal: Principal, uri: str, added: bool) -> None:
        """Count who listens."""
        wanted = principal, uri
        before = self._wanted[wanted]
        self._wanted[wanted] += 1 if added else -1
        if not self._wanted[wanted]:
            del self._wanted[wanted]
        if not before or wanted not in self._wanted:
            for callback in self._interested:
                callback(uri, principal, added)
