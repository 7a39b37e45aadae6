"""What MCP and its clients ask of the server, row by row, in our words.

A test names the rows that it proves by ``pytest.mark.requirement``. A row is proven by
tests over each transport that it names, or carries the reason why none can.

S26, S25, S0618, S0326 and S2411 are the specification's revisions, by their date; TASK
is specification/draft/tasks of the extension ``io.modelcontextprotocol/tasks``.
"Ours" is a decision of this project, where the specification leaves one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from commander.mcp.versions import Era

__all__ = ["GROUPS", "TRANSPORTS", "Requirement"]

TRANSPORTS: Final = ("http", "stdio")

H: Final = ("http",)
S: Final = ("stdio",)
HS: Final = TRANSPORTS
M: Final = frozenset({Era.MODERN})
L: Final = frozenset({Era.HANDSHAKE})
ML: Final = M | L


@attrs.frozen
class Requirement:
    """One row."""

    id: str
    source: str
    says: str
    eras: frozenset[Era]
    transports: tuple[str, ...]
    untested: str = ""
    """Why no test can prove it; empty if one does."""


R = Requirement
HTTP26: Final = "S26/basic/transports/streamable-http"
HTTP25: Final = "S25/basic/transports"

ERAS: Final = (
    R(
        "R1",
        f"S26/basic/versioning, Compatibility Matrix; {HTTP26}, "
        "Protocol Version Header",
        "a version header that no handshake version matches makes a message modern",
        M,
        H,
    ),
    R(
        "R2",
        f"{HTTP25}, Protocol Version Header",
        "a handshake version in the header, and none in the body, is the older era",
        L,
        H,
    ),
    R(
        "R3",
        f"ours; {HTTP26}, Protocol Version Header",
        "with a handshake version in the header, a version in the body is refused: "
        "-32020 if it is another, -32022 if it is the same",
        M,
        H,
    ),
    R(
        "R4",
        f"{HTTP26}, Protocol Version Header",
        "a version in the body without the header is told of the header: 400, -32020",
        M,
        H,
    ),
    R(
        "R5",
        "S25/basic/lifecycle, Initialization",
        "initialize opens the handshake, whether the header names a version or not",
        L,
        H,
    ),
    R(
        "R6",
        f"{HTTP25}, Protocol Version Header",
        "a request that only names its session has the session's version",
        L,
        H,
    ),
    R(
        "R7",
        f"{HTTP25}, Protocol Version Header",
        "who names nothing at all is served alone, as one of 2025-03-26",
        L,
        H,
    ),
    R(
        "R8",
        "S0326/basic/index, Batching; S0618/changelog, 1",
        "an array is taken from clients of 2025-03-26 and from who names nothing; "
        "others get 400, -32600",
        ML,
        H,
    ),
    R(
        "R9",
        "S26/basic/index, _meta",
        "who the client says it is decides nothing",
        ML,
        HS,
    ),
    R(
        "R10",
        f"{HTTP26}, Earlier Streamable HTTP Revisions",
        "GET and DELETE with a version of the modern era are 405 and allow POST",
        M,
        H,
    ),
    R(
        "R11",
        f"{HTTP26}, Earlier Streamable HTTP Revisions",
        "a modern request is served whatever session and event it names, and gets no "
        "session",
        M,
        H,
    ),
)

BEFORE: Final = (
    R(
        "C1",
        f"{HTTP25}, Streamable HTTP; ours",
        "/mcp and / take POST, GET and DELETE",
        ML,
        H,
    ),
    R(
        "C2",
        f"{HTTP26}, Security & Endpoint",
        "an Origin that is not allowed is 403, whatever is asked",
        ML,
        H,
    ),
    R(
        "C3",
        "ours; the suite's dns-rebinding-protection",
        "on loopback only loopback's names are served as Host, at any port, and a "
        "name that merely begins like one is not",
        ML,
        H,
    ),
    R(
        "C4",
        f"{HTTP25}, Security Warning",
        "unless told otherwise the server listens on loopback and asks for a token",
        ML,
        H,
    ),
    R(
        "C5",
        "S26/basic/authorization, Token Requirements",
        "the token comes first: before the method and before the body",
        ML,
        H,
    ),
    R(
        "C6",
        "ours",
        "a body says that it is JSON; only on / callers with a token need not",
        ML,
        H,
    ),
    R(
        "C7",
        "ours",
        "a long body is 413 before it was taken in; deep nesting and huge integers "
        "are -32700",
        ML,
        H,
    ),
    R(
        "C8",
        f"{HTTP26}, Sending Messages, 2",
        "a POST is answered whatever it accepts, with JSON unless it names events; "
        "what can only be a stream is 406 without",
        ML,
        H,
    ),
    R(
        "C9",
        f"{HTTP26}, Case Sensitivity",
        "header names in any case, values in theirs only, blanks around them left out",
        M,
        H,
    ),
    R(
        "C10",
        "S26/basic/transports/index, Messages",
        "what is no JSON in UTF-8 is -32700 with a null id",
        ML,
        HS,
    ),
    R(
        "C11",
        f"{HTTP26}, Receiving Messages",
        "a stream's head keeps caches and proxies from holding it back, and silence "
        "is filled with comments",
        ML,
        H,
    ),
    R(
        "C12",
        "RFC 9110, 15.5",
        "another method is 405 with Allow, another path 404 in JSON",
        ML,
        H,
    ),
    R(
        "C13",
        "ours",
        "pages of named origins, and no others, may call and read what they need",
        ML,
        H,
    ),
    R(
        "C14",
        "S26/basic/index, Requests",
        "an id is text or an integer; with any other the message is refused, never "
        "taken for a notification",
        ML,
        HS,
    ),
)

MODERN: Final = (
    R(
        "M1",
        f"{HTTP26}, Sending Messages, 4",
        "a batch, or a client's response, is 400, -32600",
        M,
        H,
    ),
    R(
        "M2",
        "ours",
        "version, method or name in two header lines is -32020",
        M,
        H,
    ),
    R(
        "M3",
        "S26/basic/index, _meta",
        "a request without version or capabilities in _meta is -32602; without a "
        "client's name it is served",
        M,
        HS,
    ),
    R(
        "M4",
        f"{HTTP26}, Protocol Version Header",
        "a version header that differs from the body is -32020, whatever the version",
        M,
        H,
    ),
    R(
        "M5",
        f"{HTTP26}, Standard Request Headers, Value Encoding, Server Validation",
        "Mcp-Method repeats the method and Mcp-Name the name, decoded, or -32020",
        M,
        H,
    ),
    R(
        "M6",
        "S26/basic/versioning, Protocol Version Negotiation",
        "a version that is not served is -32022 with those that are, all of which "
        "the discovery names",
        M,
        HS,
    ),
    R(
        "M7",
        f"{HTTP26}, Protocol Version Header",
        "a method that is unknown, gone, or of what the server lacks is -32601, "
        "over HTTP 404",
        M,
        HS,
    ),
    R(
        "M8",
        f"{HTTP26}, Server Behavior for Custom Headers",
        "an annotated argument and its header agree, or -32020",
        M,
        H,
    ),
    R("M9", "S26/server/tools, Error Handling", "misshapen params are -32602", M, HS),
    R(
        "M10",
        "S26/basic/index, _meta",
        "what needs a capability that the client did not declare is -32021 with an "
        "object of those that are needed",
        M,
        HS,
    ),
    R(
        "M11",
        "S26/server/utilities/logging, Error Handling",
        "a log level that there is not is -32602",
        M,
        HS,
    ),
    R(
        "M20",
        f"{HTTP26}, Sending Messages, 6; Receiving Messages",
        "a POST gets one JSON object, or events of which the reply is the last; the "
        "client is never sent a request",
        M,
        H,
    ),
    R(
        "M21",
        "ours",
        "an answer becomes a stream with its first notification or after a second, "
        "so refusals keep their status",
        ML,
        H,
    ),
    R("M22", "S26/changelog, 9", "no event has an id or a retry", M, H),
    R(
        "M23",
        f"{HTTP26}, Cancellation; S26/basic/patterns/cancellation",
        "who closes its connection cancels its call, also before anything was sent "
        "and without a stream: the processes end, and nothing is answered",
        M,
        H,
    ),
    R(
        "M24",
        f"{HTTP26}, Sending Messages, 5",
        "a notification is 202 and empty whatever its method, and cancels nobody; of "
        "a version that is not served it is 400, -32022",
        M,
        H,
    ),
    R(
        "M25",
        "S26/basic/index, ResultType",
        "every result says of what type it is",
        M,
        HS,
    ),
    R("M26", "S26/basic/index, _meta", "every result says whose it is", M, HS),
    R(
        "M27",
        "S26/server/discover",
        "server/discover names versions, capabilities and how long it may be kept",
        M,
        HS,
    ),
    R(
        "M28",
        "S26/server/utilities/caching",
        "discovery, lists and read resources say for how long and by whom they may "
        "be kept; a question does not",
        M,
        HS,
    ),
    R(
        "M29",
        "S26/server/tools, Capabilities",
        "a list of tools has one order, and is the same on every connection",
        M,
        HS,
    ),
    R(
        "M30",
        "S26/server/utilities/logging",
        "log messages go only to the request that named a level, and not below it",
        M,
        HS,
    ),
    R(
        "M31",
        "S26/basic/patterns/progress",
        "progress is told only to who sent a token, only grows, and stops with the "
        "reply",
        M,
        HS,
    ),
    R(
        "M32",
        "S26/basic/patterns/subscriptions",
        "a subscription is acknowledged first, with what is honoured of it; all that "
        "it hears carries its id in its type; it hears nothing else",
        M,
        HS,
    ),
    R(
        "M33",
        "S26/server/resources, Error Handling",
        "a resource that is not there is -32602 with its URI",
        M,
        HS,
    ),
    R(
        "M34",
        "S26/basic/index, Error Codes",
        "of the reserved codes only the three that are defined are sent",
        M,
        HS,
    ),
    R(
        "M35",
        "S26/server/utilities/pagination",
        "a cursor that was never given out is -32602",
        ML,
        HS,
    ),
    R(
        "M36",
        "S26/basic/patterns/mrtr, Server Requirements",
        "a state that comes back changed, late, from another or with another request "
        "is refused",
        M,
        HS,
    ),
    R(
        "M37",
        "S26/basic/patterns/mrtr, Supported Requests, Error Handling",
        "only calls, prompts and resources ask back, and only what the client "
        "declared; a missing answer is asked for again and a needless one ignored",
        M,
        HS,
    ),
    R(
        "M38",
        "S26/server/tools, Error Handling; S25/changelog, minor 5",
        "an unknown tool is -32602, a wrong argument is a result that is an error",
        ML,
        HS,
    ),
    R(
        "M39",
        "ours",
        "each code has one HTTP status, and a fault of ours is 200 with -32603",
        ML,
        H,
    ),
)

TASKS: Final = (
    R(
        "E1",
        "TASK, Capability Negotiation",
        "the discovery names the extension, and nothing of the older tasks",
        M,
        HS,
    ),
    R(
        "E2",
        "TASK, Capability Negotiation",
        "only a request that declares the extension is answered with a task; without "
        "it, what needs a task is -32021",
        M,
        HS,
    ),
    R(
        "E3",
        "TASK, Task Creation",
        "the answer of type task is flat and has no result, error, questions or state; "
        "the task can be asked about at once, and its call is over",
        M,
        HS,
    ),
    R(
        "E4",
        "TASK, Task Status, Task Polling, Task Execution Errors",
        "tasks/get shows how a task stands: its questions; its call's result, be it a "
        "tool's error; or the error of the protocol",
        M,
        HS,
    ),
    R(
        "E5",
        "TASK, Task Update Requests",
        "tasks/update is answered with nothing; some answers are enough to be taken, "
        "others are ignored, and no key names two questions",
        M,
        HS,
    ),
    R(
        "E6",
        "TASK, Task Cancellation",
        "tasks/cancel is answered with nothing, also when all is over; no "
        "notifications/cancelled ends a task",
        M,
        HS,
    ),
    R(
        "E7",
        "TASK, Protocol Errors",
        "who did not declare the extension is told so with -32021 whatever is asked of "
        "tasks; a task that is not there is -32602",
        M,
        HS,
    ),
    R(
        "E8",
        "TASK, Backwards Compatibility; seps/2663-tasks-extension, Backward "
        "Compatibility",
        "tasks/result and tasks/list are -32601, in the handshake era all of tasks/; "
        "a call's member task means nothing",
        ML,
        HS,
    ),
    R(
        "E9",
        f"{HTTP26}, Standard Request Headers, Server Validation; TASK, Streamable "
        "HTTP: Routing Headers",
        "an Mcp-Name that does not repeat the task is -32020; one that is left out is "
        "not missed",
        M,
        H,
    ),
    R(
        "E10",
        "TASK, Task Status Notifications",
        "a subscription is acknowledged with those of its tasks that are there, hears "
        "how they stand and of every change as tasks/get shows it, and of no other",
        M,
        HS,
    ),
    R(
        "E11",
        "TASK, Task Creation",
        "what has to be known before a task begins is asked before",
        M,
        HS,
    ),
    R(
        "E12",
        "TASK, Security Considerations",
        "a task is its principal's: to others it is not there, and they hear nothing",
        M,
        H,
    ),
)

HANDSHAKE: Final = (
    R(
        "L1",
        "S25/basic/lifecycle, Version Negotiation",
        "initialize agrees on the client's version, or else on our latest of this "
        "era, and never fails for it",
        L,
        HS,
    ),
    R(
        "L2",
        f"{HTTP25}, Session Management; S25/basic/security_best_practices, "
        "Session Hijacking",
        "initialize gives out a session id of visible ASCII that cannot be guessed "
        "and is good for its principal only",
        L,
        H,
    ),
    R(
        "L3",
        f"{HTTP25}, Session Management, 3",
        "a session that is unknown or over is 404; none need be named",
        L,
        H,
    ),
    R(
        "L4",
        f"{HTTP25}, Session Management, 5",
        "DELETE ends a session and its streams and questions, while commands go on; "
        "without an id 400, with an unknown one 404",
        L,
        H,
    ),
    R(
        "L5",
        f"{HTTP25}, Protocol Version Header",
        "a session may name any served version of its era, and any other is 400",
        L,
        H,
    ),
    R(
        "L6",
        f"{HTTP25}, Sending Messages, 4",
        "notifications and responses are 202 and empty",
        L,
        H,
    ),
    R(
        "L7",
        f"{HTTP25}, Sending Messages, 5",
        "a request is answered by JSON or events; an error of a good request has 200",
        L,
        H,
    ),
    R(
        "L8",
        f"{HTTP25}, Sending Messages, 6; Multiple Connections",
        "a call's notifications and questions come before its reply, each on one "
        "stream only",
        L,
        H,
    ),
    R(
        "L9",
        "ours",
        "what belongs to a call is never sent on the session's own stream",
        L,
        H,
    ),
    R(
        "L10",
        f"{HTTP25}, Listening for Messages from the Server",
        "GET opens the session's one stream for the rest, the latest GET has it",
        L,
        H,
    ),
    R(
        "L11",
        f"{HTTP25}, Resumability and Redelivery, 1",
        "no two events of a session have one id, and an id tells its stream",
        L,
        H,
    ),
    R(
        "L12",
        f"{HTTP25}, Resumability and Redelivery, 2",
        "GET with an event's id brings what followed on that stream and no other, "
        "those of POSTs too; an unknown id is 400 or a new stream",
        L,
        H,
    ),
    R(
        "L13",
        f"{HTTP25}, Sending Messages, 6",
        "a stream begins with an id, a retry and no data, for clients of 2025-11-25 "
        "only",
        L,
        H,
    ),
    R(
        "L14",
        f"{HTTP25}, Sending Messages, 6",
        "the server may close a connection whose client knows where to go on, and "
        "not the stream",
        L,
        H,
    ),
    R(
        "L15",
        f"{HTTP25}, Sending Messages, 6; S25/basic/utilities/cancellation",
        "a broken connection cancels nothing; only a cancellation does, and then "
        "nothing is answered",
        L,
        H,
    ),
    R(
        "L16",
        "S25/basic/utilities/cancellation, Behavior Requirements",
        "to cancel what is unknown or over does nothing, nor does it to a greeting",
        L,
        HS,
    ),
    R(
        "L17",
        "S0326/basic/index, Batching; S0326/basic/transports, Sending Messages, 3",
        "a batch is answered together, one of notifications is 202, and initialize "
        "is refused in one",
        L,
        H,
    ),
    R(
        "L18",
        "S25/server, S25/basic",
        "ping, setLevel, subscribe, complete and what tools, prompts and resources "
        "have are served",
        L,
        HS,
    ),
    R(
        "L19",
        "S25/server/resources, Error Handling",
        "a resource that is not there is -32002",
        L,
        HS,
    ),
    R(
        "L20",
        "S25/server/utilities/logging",
        "a log level is the session's: nothing below it is sent; before it is set, "
        "warnings are",
        L,
        HS,
    ),
    R(
        "L21",
        "S25/basic/lifecycle, Initialization",
        "requests are served before notifications/initialized",
        L,
        HS,
    ),
    R(
        "L22",
        "changelogs of S0326, S0618 and S25",
        "a client gets no field and no content that came after its version",
        L,
        HS,
    ),
    R(
        "L23",
        "ours",
        "an idle session is forgotten, and one too many is 503",
        L,
        H,
    ),
)

STDIO: Final = (
    R(
        "T1",
        "S26/basic/transports/stdio",
        "a message is a line of UTF-8; standard output has nothing else, the log is "
        "on standard error",
        ML,
        S,
    ),
    R(
        "T2",
        "ours",
        "neither a stray print nor a command reaches the wire",
        ML,
        S,
    ),
    R(
        "T3",
        "S26/basic/transports/stdio, Shutdown; S25/basic/lifecycle, Shutdown",
        "the end of input, or SIGTERM, ends the commands and then the server",
        ML,
        S,
    ),
    R(
        "T4",
        "S26/basic/transports/stdio, Request Metadata, Backward Compatibility",
        "_meta alone makes a line modern; discovery without it is -32602",
        M,
        S,
    ),
    R(
        "T5",
        "S26/basic/versioning, Compatibility Matrix",
        "lines of both eras may be mixed",
        ML,
        S,
    ),
    R("T6", "ours", "initialize is served after server/discover", ML, S),
    R("T7", "ours", "a call before any greeting is served", L, S),
    R(
        "T8",
        "S26/basic/transports/stdio, Cancellation",
        "a cancellation ends the call in both eras, and nothing is answered",
        ML,
        S,
    ),
    R(
        "T9",
        "S26/basic/transports/stdio, Receiving Messages",
        "a modern client is never sent a request",
        M,
        S,
    ),
    R(
        "T10",
        "S26/basic/patterns/cancellation; S26/basic/patterns/subscriptions, "
        "Graceful Closure",
        "subscriptions share the wire by their ids; when the server ends one it says "
        "so, and then answers it",
        M,
        S,
    ),
    R(
        "T11",
        "S0326/basic/index, Batching",
        "a batch is one line, of 2025-03-26 and of who has not greeted",
        L,
        S,
    ),
    R(
        "T12",
        "ours",
        "a line that is no JSON is answered -32700, one of over 10 MiB -32600, and "
        "blank ones not at all",
        ML,
        S,
    ),
    R(
        "T13",
        "S26/basic/index, Auth",
        "no token is asked for: whoever started the server is the client",
        ML,
        S,
    ),
)

AUTH: Final = (
    R(
        "A1",
        "ours",
        "the token is taken from Authorization, in any case of its scheme, and from "
        "X-MCP-Auth-Token; of two both must be right, and time tells nothing",
        ML,
        H,
    ),
    R(
        "A2",
        "S26/basic/authorization, Error Handling; ours",
        "no token, a wrong and an expired one are 401 with a challenge that leads "
        "into no OAuth, and names the token invalid only if there was one",
        ML,
        H,
    ),
    R(
        "A3",
        "ours",
        "all places where clients look for OAuth are 404 in JSON",
        ML,
        H,
    ),
    R("A4", "ours", "a bad token is never 403", ML, H),
    R(
        "A5",
        "ours",
        "without a token set, one is made on loopback, shown once and kept as its "
        "digest; elsewhere the server does not start",
        ML,
        H,
    ),
    R(
        "A6",
        "ours",
        "what the guide tells clients to put into their configuration works",
        ML,
        HS,
    ),
    R(
        "A7",
        "ours",
        "each token has its principal, and a session is of the principal that began it",
        ML,
        H,
    ),
    R("A8", "ours", "health asks for no token and tells its state only", ML, H),
    R(
        "A9",
        "S26/basic/authorization, Token Requirements",
        "a token in the query is none",
        ML,
        H,
    ),
    R(
        "A10",
        "S26/basic/authorization, Token Handling",
        "no command gets to see the token",
        ML,
        H,
    ),
    R(
        "A11",
        "S26/basic/authorization/authorization-server-discovery",
        "as an OAuth resource server: metadata, audience, scopes",
        ML,
        H,
        "not built: tokens are static, as custom authentication may be",
    ),
)

WORK: Final = (
    R(
        "W1",
        "S26/server/tools, Stateful Tools",
        "a long command can be started, read, signalled and listed by a handle that "
        "cannot be guessed",
        ML,
        HS,
        "not built: every call waits for the end of its command",
    ),
    R(
        "W2",
        "ours",
        "text and structure of a result hold the same; it is an error if the command "
        "was not run, was ended or failed, unless its status is an answer",
        ML,
        HS,
    ),
    R(
        "W3",
        "S26/server/tools, Tool",
        "a tool's hints are honest: running a command is neither read-only nor "
        "harmless, asking about the server is",
        ML,
        HS,
    ),
    R(
        "W4",
        "ours",
        "progress is the time that went by with the last line of output, at most "
        "four a second, and one every 15 s in silence",
        ML,
        HS,
    ),
    R(
        "W5",
        "ours",
        "output is told as log messages of level info, to who asked for that level",
        ML,
        HS,
    ),
    R(
        "W6",
        "ours",
        "a cancelled call ends its command: asked first, killed if it stays",
        ML,
        HS,
    ),
    R(
        "W7",
        "ours",
        "what a job has printed is a resource, listed and read by its principal only, "
        "as read_output shows it; it may be kept once it stays as it is",
        ML,
        HS,
    ),
    R(
        "W8",
        "ours",
        "who subscribes to a job's output hears of more of it, at most once a second, "
        "and of its end",
        ML,
        HS,
    ),
    R(
        "W9",
        "ours",
        "a command that outlasts its call goes on as a task for who declares tasks; "
        "its result is what the call would have been answered",
        M,
        HS,
    ),
)

GROUPS: Final[Mapping[str, tuple[Requirement, ...]]] = {
    "which era": ERAS,
    "before the era": BEFORE,
    "modern era": MODERN,
    "tasks": TASKS,
    "handshake era": HANDSHAKE,
    "standard input and output": STDIO,
    "auth": AUTH,
    "commands": WORK,
}
