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
from commander.mcp.jsonrpc import RequestId
from commander.mcp.versions import Era

__all__ = [
    "NO_CAPABILITIES",
    "Asked",
    "Call",
    "CompletionAsked",
    "CompletionReturned",
    "Done",
    "InputRequired",
    "LevelSet",
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
    "ToolCalled",
    "ToolReturned",
    "UnknownResource",
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


# --- what a message asks for -------------------------------------------------------


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


Asked = (
    ToolCalled
    | PromptAsked
    | ResourceAsked
    | CompletionAsked
    | LevelSet
    | SubscriptionSet
    | ListenAsked
)


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


Returned = (
    ToolReturned
    | PromptReturned
    | ResourceReturned
    | CompletionReturned
    | InputRequired
    | UnknownResource
    | Refused
    | Done
)
