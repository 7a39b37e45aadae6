"""What a message asks for, when somebody has to work for it.

``commander.mcp.events`` has the rest of the seam, and all of this as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = [
    "Asked",
    "CompletionAsked",
    "LevelSet",
    "ListAsked",
    "ListenAsked",
    "PromptAsked",
    "ResourceAsked",
    "SubscriptionSet",
    "TaskAnswered",
    "TaskAsked",
    "TaskCancelled",
    "TasksSought",
    "ToolCalled",
]


@attrs.frozen(kw_only=True)
class ToolCalled:
    """``tools/call``."""

    name: str
    arguments: Mapping[str, Any]
    input_responses: Mapping[str, Any] | None = None
    """A client's answers to an ``InputRequired`` (S26/basic/patterns/mrtr)."""
    request_state: str | None = None
    """What that came with; to be trusted as little as the rest."""


@attrs.frozen(kw_only=True)
class PromptAsked:
    """``prompts/get``."""

    name: str
    arguments: Mapping[str, str]
    input_responses: Mapping[str, Any] | None = None
    request_state: str | None = None


@attrs.frozen
class ListAsked:
    """A list that is another for each who asks; answered with ``ListReturned``."""

    kind: str
    """As the list's result names it, as ``resources``."""


@attrs.frozen(kw_only=True)
class ResourceAsked:
    """``resources/read``."""

    uri: str
    input_responses: Mapping[str, Any] | None = None
    request_state: str | None = None


@attrs.frozen(kw_only=True)
class CompletionAsked:
    """``completion/complete``."""

    reference: Mapping[str, Any]
    argument: str
    value: str
    context: Mapping[str, str]
    """Arguments that have a value already."""


@attrs.frozen
class LevelSet:
    """``logging/setLevel``: of the session from now on."""

    level: str


@attrs.frozen(kw_only=True)
class SubscriptionSet:
    """``resources/subscribe`` and ``resources/unsubscribe``."""

    uri: str
    on: bool


@attrs.frozen(kw_only=True)
class ListenAsked:
    """``subscriptions/listen``, with what of its filter we can honour."""

    lists: frozenset[str]
    """``tools``, ``prompts``, ``resources``: whose changes are told."""
    resources: tuple[str, ...]
    """URIs whose updates are told."""
    honoured: Mapping[str, Any]
    """The same in the protocol's own form."""
    tasks: tuple[str, ...] = ()
    """Tasks whose changes are wanted, each once. ``honoured`` does not have them:
    which of them there are, for this client, is not known yet."""


@attrs.frozen
class TaskAsked:
    """``tasks/get``: how a task stands; answered with a ``Task`` or ``UnknownTask``.

    Also asked for what a subscription tells, with every change; it must change nothing.
    """

    id: str
    """As the client gave it: it may be of nobody, or of another principal."""


@attrs.frozen
class TasksSought:
    """Which of these there are, for a subscription to hear of: ``TasksFound``."""

    ids: tuple[str, ...]


@attrs.frozen(kw_only=True)
class TaskAnswered:
    """``tasks/update``: a client's answers; ``Done`` or ``UnknownTask``.

    Some of the open questions may be left out, and answers to others are ignored, as
    are those to a task that asks nothing (TASK, Task Update Requests).
    """

    id: str
    input_responses: Mapping[str, Mapping[str, Any]]


@attrs.frozen
class TaskCancelled:
    """``tasks/cancel``: end the work; ``Done``, also if it is over, or ``UnknownTask``.

    A wish: the task may still come to another end (TASK, Task Cancellation).
    """

    id: str


Asked = (
    ToolCalled
    | PromptAsked
    | ListAsked
    | ResourceAsked
    | CompletionAsked
    | LevelSet
    | SubscriptionSet
    | ListenAsked
    | TaskAsked
    | TasksSought
    | TaskAnswered
    | TaskCancelled
)
