"""The protocol page, written from what the code does.

``make docs`` makes the page anew; a test compares the two. The words stand in
``protocol.md.in``. No table is written by hand: each is filled by asking the engines,
the outlet and the session store, so the page cannot say what is not so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from twisted.internet.task import Clock

from commander.alarm import Alarm
from commander.mcp.catalogue import FIELDS_SINCE, LISTS, Catalogue
from commander.mcp.content import CONTENT_SINCE
from commander.mcp.events import (
    Call,
    Cancelled,
    InputRequired,
    Peer,
    Refused,
    Reply,
    ServerInfo,
    Task,
    TaskState,
    ToolReturned,
    Working,
)
from commander.mcp.handshake import HandshakeEngine
from commander.mcp.inbound import CAPABILITIES_KEY, VERSION_KEY, era_of
from commander.mcp.jsonrpc import Request
from commander.mcp.modern import ModernEngine
from commander.mcp.params import MAX_SUBSCRIPTIONS
from commander.mcp.results import STATUS_OF_CODE, ReplyWriter
from commander.mcp.tasks import created_task, detailed_task
from commander.mcp.versions import HANDSHAKE_VERSIONS, MODERN_VERSIONS, Era
from commander.output.batching import INTERVAL_SECONDS
from commander.principals import Principal
from commander.seals import Seal
from commander.sessions.event_stream import (
    KEEP_SECONDS,
    MAX_BYTES,
    MAX_EVENTS,
    MAX_TOTAL_BYTES,
    ReplayBudget,
)
from commander.sessions.job_resources import (
    FINISHED_TTL_MS,
    MAX_LISTED,
    RESOURCE_BYTES,
)
from commander.sessions.job_updates import UPDATE_SECONDS
from commander.sessions.post import COMMIT_SECONDS, PostOutlet
from commander.sessions.session import Session
from commander.sessions.session_ids import LIFETIME_SECONDS, SessionIds
from commander.sessions.store import SessionStore
from commander.tools.following import HEARTBEAT_SECONDS, PROGRESS_SECONDS
from commander.web.wire import KEEP_ALIVE_SECONDS

__all__ = ["protocol_page"]

_MODERN: Final = MODERN_VERSIONS[-1]
_SERVER: Final = ServerInfo(name="n", title="t", version="1", instructions="")
_IDLE_SECONDS: Final = 3600.0
_WORDS: Final = Path(__file__).with_name("protocol.md.in")

_MEBIBYTE: Final = 1024 * 1024
_FIGURES: Final = {
    "max_subscriptions": str(MAX_SUBSCRIPTIONS),
    "max_events": str(MAX_EVENTS),
    "max_bytes": f"{MAX_BYTES / _MEBIBYTE:g} MiB",
    "max_total": f"{MAX_TOTAL_BYTES / _MEBIBYTE:g} MiB",
    "keep": f"{KEEP_SECONDS / 60:g} min",
    "keep_alive": f"{KEEP_ALIVE_SECONDS:g} s",
    "progress": f"{PROGRESS_SECONDS * 1000:g} ms",
    "heartbeat": f"{HEARTBEAT_SECONDS:g} s",
    "interval": f"{INTERVAL_SECONDS * 1000:g} ms",
    "max_listed": str(MAX_LISTED),
    "resource_bytes": f"{RESOURCE_BYTES:,}",
    "finished_ttl": f"{FINISHED_TTL_MS / 1000:g} s",
    "update": f"{UPDATE_SECONDS:g} s",
}

CODES: Final = {
    -32700: "no JSON in UTF-8, nested too deep, or an integer beyond 64 bits",
    -32600: "JSON and no message, or a batch where there are none",
    -32601: "no such method, or none that this server offers",
    -32602: "parameters that do not fit; a tool, resource or task that is not there",
    -32603: "a fault of ours, told in the log",
    -32002: "a resource that is not there",
    -32020: "a header that does not repeat the body",
    -32021: "something that the client did not declare",
    -32022: "a version that is not served",
}
"""What the codes mean here."""


class _Headers:
    def __init__(self, **values: str) -> None:
        self._values = values

    def values(self, name: str) -> Sequence[str]:
        value = self._values.get(name.replace("-", "_"))
        return () if value is None else (value,)


def protocol_page() -> str:
    """The page in Markdown, with one newline at its end."""
    parts = {
        "eras": _eras(),
        "methods": _methods(),
        "codes": _codes(),
        "fields": _fields(),
        "outlet": _outlet(),
        "sessions": _sessions(),
        "tasks": _tasks(),
        **_FIGURES,
    }
    page = _WORDS.read_text(encoding="utf-8")
    for name, text in parts.items():
        page = page.replace(f"{{{name}}}", text)
    return page


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --- eras and methods --------------------------------------------------------------


def _engines() -> tuple[HandshakeEngine, ModernEngine]:
    """Engines with everything that a server of ours can offer."""
    tool = {"name": "tool", "inputSchema": {"type": "object"}}
    catalogue = Catalogue(
        tools=[tool],
        prompts=[{"name": "prompt"}],
        resources=[],
        completions=True,
        subscribable=True,
        tasks=True,
    )
    writer = ReplyWriter(_SERVER)
    return (
        HandshakeEngine(server=_SERVER, catalogue=catalogue, writer=writer),
        ModernEngine(server=_SERVER, catalogue=catalogue, writer=writer),
    )


def _request(method: str, version: str | None) -> Request:
    meta: dict[str, Any] = {}
    if version is not None:
        meta = {VERSION_KEY: version, CAPABILITIES_KEY: {}}
    params = {"name": "tool", "taskId": "t", "_meta": meta, "notifications": {}}
    return Request(id=1, method=method, params=params)


def _eras() -> str:
    handshake, modern = HANDSHAKE_VERSIONS[-1], _MODERN
    rows = []
    for header in (None, handshake, modern, "2099-01-01"):
        for version in (None, handshake, modern, "2099-01-01"):
            rows.append((_code(header), _code(version), *_served(header, version)))
    return _table(
        ("`MCP-Protocol-Version`", "version in `_meta`", "era", "a `tools/call`"), rows
    )


def _served(header: str | None, version: str | None) -> tuple[str, str]:
    values = {"mcp_method": "tools/call", "mcp_name": "tool"}
    if header is not None:
        values["mcp_protocol_version"] = header
    headers = _Headers(**values)
    request = _request("tools/call", version)
    era = era_of(request, headers)
    if era is Era.HANDSHAKE:
        return era.value, "served"
    _, engine = _engines()
    return era.value, _outcome(engine.open(request, headers))


def _outcome(opened: Reply | Call) -> str:
    if isinstance(opened, Call):
        return "served"
    code = next((c for c in CODES if f'"code":{c},' in opened.body.decode()), None)
    return f"{opened.status}, {code}"


def _methods() -> str:
    handshake, modern = _engines()
    methods = (
        *("initialize", "server/discover", "ping"),
        *LISTS,
        *("tools/call", "prompts/get", "resources/read", "completion/complete"),
        *("logging/setLevel", "resources/subscribe", "resources/unsubscribe"),
        *("subscriptions/listen", "tasks/get", "tasks/update", "tasks/cancel"),
    )
    rows = []
    for method in methods:
        old = handshake.open(_request(method, None), Peer())
        new = modern.open(_request(method, _MODERN), None)
        rows.append((f"`{method}`", *map(_is_known, (old, new))))
    return _table(("method", "handshake era", "modern era"), rows)


def _is_known(opened: Reply | Call) -> str:
    unknown = isinstance(opened, Reply) and b'"code":-32601,' in opened.body
    return "-" if unknown else "yes"


_TASK_STATES: Final[Sequence[tuple[str, TaskState]]] = (
    ("the work goes on", Working()),
    ("it waits for the client's answers", InputRequired(requests={"key": {}})),
    ("it has a result, be it a tool's error", ToolReturned(content=())),
    ("the protocol's error ended it", Refused(code=0, message="")),
    ("the client did not want it any more", Cancelled()),
)


def _tasks() -> str:
    rows = []
    for when, state in _TASK_STATES:
        task = Task(id="t", state=state, created_at=0.0, updated_at=0.0, ttl_ms=None)
        detailed, bare = detailed_task(task), created_task(task)
        more = [f"`{name}`" for name in detailed if name not in bare]
        rows.append((f"`{bare['status']}`", when, *(more or ["nothing"])))
    return _table(("`status`", "when", "what `tasks/get` shows besides"), rows)


def _codes() -> str:
    rows = [
        (
            str(code),
            meaning,
            *(str(STATUS_OF_CODE[era].get(code, 200)) for era in Era),
        )
        for code, meaning in CODES.items()
    ]
    return _table(("code", "when", "handshake era", "modern era"), rows)


def _fields() -> str:
    rows = [
        *(
            (f"`{name}` of a list's entry", since)
            for name, since in FIELDS_SINCE.items()
        ),
        *(
            (f"content of type `{name}`", since)
            for name, since in CONTENT_SINCE.items()
        ),
        ("`structuredContent`, `title` of the server", "2025-06-18"),
        ("`message` of a progress notification", "2025-03-26"),
    ]
    return _table(("not sent to clients before", "version"), rows)


# --- one POST ----------------------------------------------------------------------


class _Wire:
    """Takes everything, and remembers the last that it was told to do."""

    paused = False

    def __init__(self, *, accepts_stream: bool) -> None:
        self.accepts_stream = accepts_stream
        self.did: list[str] = []

    def watch(self, listener: object) -> None:
        """Nobody is told anything here."""

    def answer(self, reply: Reply) -> None:
        self.did.append(f"answer {reply.status}")

    def open_stream(self) -> None:
        self.did.append("open the stream")

    def write(self, data: bytes) -> None:
        self.did.append("send an event" if b"data: {" in data else "send its id")

    def finish(self) -> None:
        self.did.append("end the stream")


def _outlet() -> str:
    rows = []
    for accepts, before in ((True, ()), (True, ("notify",)), (False, ())):
        for event in ("notify", "reply", "abandon", "wait", "lost"):
            rows.append(_outlet_row(event, before, accepts=accepts))
    return _table(
        ("state", "client takes events", "event", "what is done", "then"), rows
    )


def _outlet_row(
    event: str, before: Sequence[str], *, accepts: bool
) -> tuple[str, str, str, str, str]:
    wire, clock = _Wire(accepts_stream=accepts), Clock()
    outlet = PostOutlet(
        wire, lambda: Alarm(clock, clock.seconds), lambda: wire.did.append("drop it")
    )
    session = Session(Peer(version="2025-11-25"), ReplayBudget())
    outlet.begin(session, None)
    events: dict[str, Callable[[], None]] = {
        "notify": lambda: outlet.notify(b"{}"),
        "reply": lambda: outlet.reply(Reply(status=200, body=b"{}")),
        "abandon": outlet.abandon,
        "wait": lambda: clock.advance(COMMIT_SECONDS),
        "lost": lambda: _lose(outlet),
    }
    for earlier in before:
        events[earlier]()
    state = outlet.state
    wire.did.clear()
    events[event]()
    said = ", ".join(wire.did) or "nothing"
    return state, "yes" if accepts else "no", _EVENTS[event], said, outlet.state


_EVENTS: Final = {
    "notify": "a notification",
    "reply": "the reply",
    "abandon": "the client cancels",
    "wait": f"{COMMIT_SECONDS:g} s are over",
    "lost": "the connection breaks",
}


def _lose(outlet: PostOutlet) -> None:
    (outlet.stream or outlet).wire_lost()


# --- sessions ----------------------------------------------------------------------


def _sessions() -> str:
    rows = []
    for state, lead in _STATES.items():
        for event in ("a request", "DELETE", "idle", "age"):
            rows.append((state, _SESSION_EVENTS[event], *_session_step(lead, event)))
    return _table(("the session is", "event", "answer", "then it is"), rows)


_STATES: Final[dict[str, tuple[str, ...]]] = {
    "known by its id": (),
    "remembered": ("a request",),
    "ended": ("DELETE",),
}
_SESSION_EVENTS: Final = {
    "a request": "a request",
    "DELETE": "DELETE",
    "idle": "no request for `MCP_SESSION_IDLE`",
    "age": f"{LIFETIME_SECONDS / 86400:g} days since `initialize`",
}


def _session_step(lead: Sequence[str], event: str) -> tuple[str, str]:
    clock, who = Clock(), Principal("somebody")
    store = SessionStore(
        ids=SessionIds(Seal(b"key", "page")),
        alarm=Alarm(clock, clock.seconds),
        monotonic=clock.seconds,
        wall=clock.seconds,
        max_sessions=10,
        idle_seconds=_IDLE_SECONDS,
        forgotten=lambda session: None,
    )
    name = store.issue(Peer(version="2025-11-25"), who)
    events: dict[str, Callable[[], str]] = {
        "a request": lambda: "served" if store.find(name, who) else "404",
        "DELETE": lambda: "204" if store.end(name, who) else "404",
        "idle": lambda: _pass(clock, _IDLE_SECONDS),
        "age": lambda: _pass(clock, LIFETIME_SECONDS),
    }
    for earlier in lead:
        events[earlier]()
    answer = events[event]()
    if len(store):
        return answer, "remembered"
    return answer, "known by its id" if store.find(name, who) else "not known"


def _pass(clock: Clock, seconds: float) -> str:
    """Let time pass, and a minute more."""
    clock.pump([60.0] * int(seconds / 60 + 1))
    return "-"


def _code(version: str | None) -> str:
    return "none" if version is None else f"`{version}`"


if __name__ == "__main__":
    sys.stdout.write(protocol_page())
