"""What the engine hands out, and what it takes back.

A message is either answered at once, with a ``Reply``, or it is a ``Call``: something
that a person of the house above has to do. What it says then, a ``Returned``, becomes
the reply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from commander.commands import Trace
from commander.mcp.asked import (
    Asked,
    CompletionAsked,
    LevelSet,
    ListAsked,
    ListenAsked,
    PromptAsked,
    ResourceAsked,
    SubscriptionSet,
    TaskAnswered,
    TaskAsked,
    TaskCancelled,
    TasksSought,
    ToolCalled,
)
from commander.mcp.jsonrpc import RequestId
from commander.mcp.versions import Era

__all__ = [
    "NO_CAPABILITIES",
    "Asked",
    "Call",
    "Cancelled",
    "CompletionAsked",
    "CompletionReturned",
    "Done",
    "InputRequired",
    "LevelSet",
    "ListAsked",
    "ListReturned",
    "ListenAsked",
    "Peer",
    "PromptAsked",
    "PromptReturned",
    "Refused",
    "Reply",
    "ResourceAsked",
    "ResourceReturned",
    "Returned",
    "ServerInfo",
    "SubscriptionSet",
    "Task",
    "TaskAnswered",
    "TaskAsked",
    "TaskCancelled",
    "TaskCreated",
    "TaskRequired",
    "TaskState",
    "TasksFound",
    "TasksSought",
    "ToolCalled",
    "ToolReturned",
    "UnknownResource",
    "UnknownTask",
    "Working",
]

NO_CAPABILITIES: Final[Mapping[str, Any]] = {}


@attrs.frozen(kw_only=True)
class ServerInfo:
    """Who we say we are."""

    name: str
    title: str
    version: str
    instructions: str


@attrs.frozen(kw_only=True)
class Peer:
    """What is known about the client that sent a message."""

    version: str | None = None
    """None if nothing tells: it is then taken for one of 2025-03-26
    (S25/basic/transports, Protocol Version Header), and gets what any may get."""
    capabilities: Mapping[str, Any] = NO_CAPABILITIES
    """What it declared that it can be asked."""


@attrs.frozen(kw_only=True)
class Reply:
    """The whole answer to one message."""

    status: int
    """HTTP status."""
    body: bytes
    """JSON, or empty where nothing is owed."""
    opens: Peer | None = None
    """The answer opens a session with this client."""
    session_id: str | None = None
    """Of the session that it opens, once that has a name."""
    retry_after_seconds: int | None = None
    """Of a refusal for want of room."""


@attrs.frozen(kw_only=True)
class Call:
    """A request that somebody has to work for; it is owed one reply."""

    id: RequestId
    era: Era
    peer: Peer
    asked: Asked
    progress_token: RequestId | None = None
    log_level: str | None = None
    """Modern era: the level from which on this request wants log messages."""
    trace: Trace | None = None
    """What ``_meta`` names; see ``commander.mcp.traces``."""


# --- what is said to it ------------------------------------------------------------


@attrs.frozen(kw_only=True)
class ToolReturned:
    """What a tool answered."""

    content: Sequence[Mapping[str, Any]]
    """Content blocks in the form of the newest version."""
    structured: Mapping[str, Any] | None = None
    """The same facts as ``content``: many clients pass on only one of the two."""
    is_error: bool = False


@attrs.frozen(kw_only=True)
class PromptReturned:
    """A prompt, filled in."""

    messages: Sequence[Mapping[str, Any]]
    description: str | None = None


@attrs.frozen(kw_only=True)
class ListReturned:
    """A list, for the principal who asked."""

    kind: str
    """The same as in ``ListAsked``."""
    entries: Sequence[Mapping[str, Any]]
    """In the form of the newest version."""
    ttl_ms: int = 0
    """How long it may be kept."""


@attrs.frozen(kw_only=True)
class ResourceReturned:
    """A resource's contents."""

    contents: Sequence[Mapping[str, Any]]
    ttl_ms: int = 0
    """How long it may be kept."""


@attrs.frozen(kw_only=True)
class CompletionReturned:
    """Values that the argument may have; the first hundred are told."""

    values: Sequence[str]
    total: int | None = None
    """How many there are, if not only ``values``."""


@attrs.frozen(kw_only=True)
class InputRequired:
    """Ask again, with answers to these (S26/basic/patterns/mrtr); modern era only."""

    requests: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    """If the client did not declare one of them, it is told so instead."""
    state: str | None = None


@attrs.frozen
class UnknownResource:
    """There is no resource of this URI."""

    uri: str


@attrs.frozen(kw_only=True)
class Refused:
    """A JSON-RPC error."""

    code: int
    message: str
    data: Mapping[str, Any] | None = None


@attrs.frozen
class Done:
    """Nothing more to say."""


# --- tasks -------------------------------------------------------------------------


@attrs.frozen
class Working:
    """A task goes on."""


@attrs.frozen
class Cancelled:
    """A task was given up."""


TaskState = Working | InputRequired | ToolReturned | Refused | Cancelled
"""How a task stands. What ends it is what its call would have been answered: a tool's
error is an end like any other, ``Refused`` one that no tool gave. ``InputRequired`` has
questions and no ``state``; a key names one question over the whole life of the task."""


@attrs.frozen(kw_only=True)
class Task:
    """A task at one moment, the answer to ``TaskAsked``."""

    id: str
    """Not to be guessed, nor given to two tasks; of characters that a header takes."""
    state: TaskState
    created_at: float
    """Seconds since 1970, as all times here."""
    updated_at: float
    """When ``state`` or ``message`` changed."""
    ttl_ms: int | None
    """How long it is kept, counted from ``created_at``; None for ever."""
    poll_ms: int | None = None
    """How long a client had better wait before it asks again."""
    message: str | None = None
    """For the person in front of the client."""


@attrs.frozen
class TaskCreated:
    """``tools/call`` goes on as a task; never for a client that did not declare tasks.

    ``TaskAsked`` must find it by now (TASK, Task Creation).
    """

    task: Task


@attrs.frozen
class TaskRequired:
    """``tools/call`` that only a task can answer, of a client that knows none."""


@attrs.frozen
class UnknownTask:
    """There is no such task: there never was, not any more, or not for this principal.

    A client is not told which.
    """

    id: str


@attrs.frozen
class TasksFound:
    """Those of the tasks that are there, for this principal."""

    ids: frozenset[str]


Returned = (
    ToolReturned
    | PromptReturned
    | ListReturned
    | ResourceReturned
    | CompletionReturned
    | InputRequired
    | UnknownResource
    | Refused
    | Done
    | Task
    | TaskCreated
    | TaskRequired
    | UnknownTask
    | TasksFound
)
