"""What stands on both sides of a session: wires, outlets, flows, and work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from commander.alarm import Alarm
from commander.mcp.catalogue import Catalogue
from commander.mcp.events import (
    Asked,
    Call,
    Peer,
    Reply,
    Returned,
    ServerInfo,
    ToolCalled,
    ToolReturned,
)
from commander.mcp.inbound import VERSION_KEY
from commander.mcp.versions import Era
from commander.principals import Principal
from commander.sessions.conversation import Conversation
from commander.sessions.doors import HttpDoor, StdioDoor
from commander.sessions.service import McpService, SessionPolicy, mcp_service
from commander.sessions.wires import WireListener
from commander.telemetry.logging import StructuredLog
from commander.testing import MemoryLog
from commander.tools.caller import Flow
from commander.tools.registry import CallContext

ANN = Principal("ann")
BOB = Principal("bob")
MODERN = "2026-07-28"
BOTH = "application/json, text/event-stream"
CAPABILITIES: Mapping[str, Any] = {"elicitation": {}, "roots": {}, "sampling": {}}
"""All that a client can declare that it can be asked."""


class MemoryWire:
    """A ``Wire``; says what was done with it, and what its client does."""

    def __init__(self, *, accepts_stream: bool = True) -> None:
        self.accepts_stream = accepts_stream
        self.paused = False
        self.listener: WireListener | None = None
        self.answers: list[Reply] = []
        self.opened = False
        self.finished = False
        self.lost = False
        self.data = b""
        """Of the stream."""

    def watch(self, listener: WireListener | None) -> None:
        self.listener = listener
        if self.lost and listener is not None:
            listener.wire_lost()

    def answer(self, reply: Reply) -> None:
        assert not self.opened
        assert not self.answers
        if not self.lost:
            self.answers.append(reply)

    def open_stream(self) -> None:
        assert not self.opened
        assert not self.answers
        self.opened = True

    def write(self, data: bytes) -> None:
        assert self.opened
        assert not self.finished
        if not self.lost:
            self.data += data

    def finish(self) -> None:
        assert self.opened
        assert not self.finished
        self.finished = True

    # --- its client --------------------------------------------------------------

    def lose(self) -> None:
        self.lost = True
        if self.listener is not None:
            self.listener.wire_lost()

    def pause(self) -> None:
        """As often as Twisted says so: with every write."""
        self.paused = True
        if self.listener is not None:
            self.listener.wire_paused()

    def resume(self) -> None:
        self.paused = False
        if self.listener is not None:
            self.listener.wire_resumed()

    @property
    def over(self) -> bool:
        """Whether the client waits for nothing any more."""
        return bool(self.answers) or self.finished

    @property
    def messages(self) -> list[Any]:
        """Those of the stream."""
        return [
            msgspec.json.decode(line.removeprefix(b"data: "))
            for line in self.data.split(b"\n")
            if line.startswith(b"data: ") and line != b"data: "
        ]


class MemoryFlow:
    """A ``Flow`` that minds the order of its calls."""

    def __init__(self) -> None:
        self.paused = False
        self.calls = 0

    def pause(self) -> None:
        assert not self.paused
        self.paused = True
        self.calls += 1

    def resume(self) -> None:
        assert self.paused
        self.paused = False
        self.calls += 1


class MemoryOutlet:
    """An ``Outlet`` that remembers."""

    def __init__(self, *, streams: bool = True) -> None:
        self.streams = streams
        self.begun: list[Conversation | None] = []
        self.on_lost: Callable[[], None] | None = None
        self.notified: list[bytes] = []
        self.flow: Flow | None = None
        self.replies: list[Reply] = []
        self.abandoned = 0
        self.closed = 0

    def begin(
        self, conversation: Conversation | None, lost: Callable[[], None] | None
    ) -> None:
        self.begun.append(conversation)
        self.on_lost = lost

    def notify(self, message: bytes) -> None:
        self.notified.append(message)

    def follow(self, flow: Flow | None) -> None:
        self.flow = flow

    def close_connection(self) -> None:
        assert not self.over
        self.closed += 1

    def reply(self, reply: Reply) -> None:
        assert not self.over
        self.replies.append(reply)

    def abandon(self) -> None:
        assert not self.over
        self.abandoned += 1

    @property
    def over(self) -> bool:
        return bool(self.replies) or bool(self.abandoned)

    @property
    def messages(self) -> list[Any]:
        return [msgspec.json.decode(message) for message in self.notified]

    @property
    def reply_json(self) -> Any:
        (reply,) = self.replies
        return msgspec.json.decode(reply.body)


@attrs.frozen
class Work:
    """One call, as an application sees it."""

    asked: Asked
    context: CallContext
    done: Deferred[Returned] = attrs.field(factory=Deferred)

    @property
    def caller(self) -> Any:
        return self.context.caller

    def say(self, text: str = "done") -> None:
        """End it."""
        self.done.callback(ToolReturned(content=({"type": "text", "text": text},)))


class MemoryApplication:
    """An ``Application`` whose work a test does."""

    def __init__(self) -> None:
        self.work: list[Work] = []

    async def serve(self, asked: Asked, context: CallContext) -> Returned:
        work = Work(asked, context)
        self.work.append(work)
        return await work.done


class TextHeaders:
    """``Headers`` of a dictionary."""

    def __init__(self, values: Mapping[str, str | list[str]] | None = None) -> None:
        self._values = {
            name.lower(): [value] if isinstance(value, str) else value
            for name, value in (values or {}).items()
        }

    def values(self, name: str) -> list[str]:
        return self._values.get(name, [])


TOOL = {"name": "slow", "inputSchema": {"type": "object"}}


class Stage:
    """A whole ``McpService`` on a clock, without a transport."""

    def __init__(self, *, max_sessions: int = 10, catalogue: Any = None) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.application = MemoryApplication()
        self.service: McpService = mcp_service(
            server=ServerInfo(name="n", title="t", version="1", instructions="i"),
            catalogue=catalogue
            or Catalogue(
                tools=[TOOL],
                resources=[],
                changing=frozenset({"tools"}),
                subscribable=True,
            ),
            application=self.application,
            session_policy=SessionPolicy(
                key=b"k", max_sessions=max_sessions, idle_seconds=600.0
            ),
            clock=self.clock,
            monotonic=self.clock.seconds,
            log=StructuredLog("test", observer=self.log),
        )
        self.conversation = Conversation(Peer())

    @property
    def work(self) -> list[Work]:
        return self.application.work

    def alarm(self) -> Alarm:
        return Alarm(self.clock, self.clock.seconds)

    def door(
        self,
        headers: Mapping[str, str | list[str]] | None = None,
        principal: Principal = ANN,
    ) -> HttpDoor:
        """Of a POST."""
        return HttpDoor(
            principal=principal,
            plain_rpc=False,
            headers=TextHeaders(headers),
            sessions=self.service.sessions,
        )

    def post(
        self,
        message: object,
        headers: Mapping[str, str | list[str]] | None = None,
        *,
        streams: bool = True,
        principal: Principal = ANN,
        outlet: MemoryOutlet | None = None,
    ) -> MemoryOutlet:
        """What becomes of one body that came over HTTP."""
        outlet = outlet or MemoryOutlet(streams=streams)
        self.service.dispatcher.receive(
            body_of(message), self.door(headers, principal), outlet
        )
        return outlet

    def line(self, message: object) -> MemoryOutlet:
        """What becomes of one line."""
        outlet = MemoryOutlet()
        self.service.dispatcher.receive(
            body_of(message),
            StdioDoor(principal=ANN, conversation=self.conversation),
            outlet,
        )
        return outlet

    def initialize(self, version: str = "2025-11-25", **capabilities: Any) -> str:
        """The id of a new session."""
        params = {"protocolVersion": version, "capabilities": capabilities}
        outlet = self.post(request(0, "initialize", **params))
        (reply,) = outlet.replies
        assert reply.session_id is not None
        return reply.session_id


def now(value: object) -> bool:
    """The value; as a function, or mypy would take what was found once for a fact."""
    return bool(value)


def body_of(message: object) -> bytes:
    return message if isinstance(message, bytes) else msgspec.json.encode(message)


def request(request_id: object, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def note(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def tool_call(request_id: object = 1, **meta: Any) -> dict[str, Any]:
    """A call of the tool."""
    params: dict[str, Any] = {"name": "slow", "arguments": {}}
    if meta:
        params["_meta"] = meta
    return request(request_id, "tools/call", **params)


def modern(request_id: object, method: str, **params: Any) -> dict[str, Any]:
    """A request of 2026-07-28."""
    meta = params.pop("_meta", {})
    return request(
        request_id,
        method,
        **params,
        _meta={
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            **meta,
        },
    )


def modern_headers(message: dict[str, Any]) -> dict[str, str]:
    """The headers that go with it; its version is 2026-07-28 unless it says another."""
    said = message["params"].get("_meta", {}).get(VERSION_KEY, MODERN)
    headers = {"MCP-Protocol-Version": said, "Mcp-Method": message["method"]}
    params = message["params"]
    name = params.get("name") or params.get("uri") or params.get("taskId")
    return headers if name is None else {**headers, "Mcp-Name": name}


def call_of(
    *,
    era: Era = Era.HANDSHAKE,
    version: str | None = "2025-11-25",
    request_id: str | int = 1,
    token: str | int | None = None,
    log_level: str | None = None,
    capabilities: Mapping[str, Any] = CAPABILITIES,
) -> Call:
    return Call(
        id=request_id,
        era=era,
        peer=Peer(version=version, capabilities=capabilities),
        asked=ToolCalled(name="slow", arguments={}),
        progress_token=token,
        log_level=log_level,
    )
