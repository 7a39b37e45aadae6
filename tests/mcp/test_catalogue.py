"""Lists as each version knows them, and the capabilities that follow."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from commander.mcp.catalogue import LISTS, Catalogue
from commander.mcp.events import Call, ListAsked, ListReturned, Peer, Reply
from commander.mcp.jsonrpc import Request
from commander.mcp.versions import HANDSHAKE_VERSIONS, SUPPORTED_VERSIONS, Era
from tests.mcp.engines import (
    PROMPTS,
    RESOURCES,
    TEMPLATES,
    TOOLS,
    WRITER,
    catalogue,
    handshake_engine,
    modern,
    modern_engine,
    told,
)

requirement = pytest.mark.requirement

SINCE = {
    "tools": {
        "annotations": "2025-03-26",
        "title": "2025-06-18",
        "outputSchema": "2025-06-18",
        "icons": "2025-11-25",
        "execution": "2025-11-25",
    },
    "prompts": {"title": "2025-06-18"},
    "resources": {"title": "2025-06-18", "annotations": "2024-11-05"},
    "resourceTemplates": {"title": "2025-06-18"},
}
ENTRIES: dict[str, tuple[dict[str, Any], ...]] = {
    "tools": TOOLS,
    "prompts": PROMPTS,
    "resources": RESOURCES,
    "resourceTemplates": TEMPLATES,
}


@requirement("L22")
@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
@pytest.mark.parametrize("kind", LISTS.values())
def test_an_entry_has_no_field_that_its_version_does_not_know(
    kind: str, version: str
) -> None:
    """L22; what is a later field stands in the table, all else is as it was given."""
    told = catalogue().entries(kind, version)
    assert told == [
        {
            name: value
            for name, value in entry.items()
            if SINCE[kind].get(name, "2024-11-05") <= version
        }
        for entry in ENTRIES[kind]
    ]


@pytest.mark.parametrize("kind", LISTS.values())
def test_who_does_not_say_its_version_gets_every_field(kind: str) -> None:
    assert catalogue().entries(kind, None) == list(ENTRIES[kind])


@requirement("M29")
def test_a_list_keeps_its_order() -> None:
    """M29."""
    tools = [{"name": name, "inputSchema": {}} for name in "cab"]
    assert Catalogue(tools=tools).entries("tools", None) == tools
    assert Catalogue(tools=tools).names("tools") == ("c", "a", "b")


def test_a_changed_list_is_told_from_then_on() -> None:
    has = catalogue()
    before = has.edition
    new = {
        "name": "new",
        "inputSchema": {"properties": {"a": {"x-mcp-header": "A"}}},
    }
    has.replace("tools", [new])
    assert has.edition > before
    assert has.entries("tools", None) == [new]
    assert has.names("tools") == ("new",)
    assert has.mirrored("new") == {"mcp-param-a": ("a",)}
    assert has.mirrored("execute_command") == {}
    assert has.entries("prompts", None) == list(PROMPTS)


def test_a_list_is_made_once_when_it_is_first_asked_for() -> None:
    made = []

    def make() -> list[dict[str, Any]]:
        made.append(1)
        return [{"name": "echo", "inputSchema": {}}]

    has = Catalogue(tools=make)
    assert has.has("tools")
    assert has.capabilities(None)["tools"] == {"listChanged": False}
    assert made == []
    assert has.names("tools") == ("echo",)
    assert has.mirrored("echo") == {}
    assert has.entries("tools", None) == [{"name": "echo", "inputSchema": {}}]
    assert made == [1]


def test_another_list_changes_nothing_about_tools() -> None:
    has = catalogue()
    has.replace("prompts", [])
    assert has.names("prompts") == ()
    assert has.has("prompts")
    assert has.mirrored("execute_command") != {}


@requirement("M8")
def test_what_headers_repeat_is_known_by_tool() -> None:
    assert catalogue().mirrored("execute_command") == {
        "mcp-param-region": ("region",),
        "mcp-param-seconds": ("limits", "seconds"),
        "mcp-param-strict": ("limits", "strict"),
    }
    assert catalogue().mirrored("get_shell_info") == {}
    assert catalogue().mirrored("unheard-of") == {}


def test_resources_bring_a_list_of_templates_along() -> None:
    has = Catalogue(tools=(), resources=())
    assert has.has("resourceTemplates")
    assert has.entries("resourceTemplates", None) == []


def test_what_there_is_no_list_of_has_no_names() -> None:
    has = Catalogue(tools=())
    assert [has.has(kind) for kind in LISTS.values()] == [True, False, False, False]
    assert has.names("prompts") == ()


# --- capabilities ------------------------------------------------------------------


@pytest.mark.parametrize("version", [*SUPPORTED_VERSIONS, None])
def test_the_tools_alone_are_a_capability(version: str | None) -> None:
    assert Catalogue(tools=()).capabilities(version) == {
        "logging": {},
        "tools": {"listChanged": False},
    }


@pytest.mark.parametrize("version", [*HANDSHAKE_VERSIONS[1:], "2026-07-28", None])
def test_every_list_is_a_capability(version: str | None) -> None:
    tasks: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    assert catalogue().capabilities(version) == {
        **({} if version in HANDSHAKE_VERSIONS else tasks),
        "logging": {},
        "completions": {},
        "prompts": {"listChanged": True},
        "resources": {"listChanged": True, "subscribe": True},
        "tools": {"listChanged": True},
    }


@requirement("L22")
def test_the_oldest_version_has_no_capability_for_completions() -> None:
    """L22."""
    assert "completions" not in catalogue().capabilities("2024-11-05")


def test_only_what_changes_is_said_to_change() -> None:
    has = Catalogue(
        tools=(),
        prompts=(),
        resources=(),
        completions=False,
        changing=frozenset({"prompts"}),
    )
    assert has.capabilities(None) == {
        "logging": {},
        "prompts": {"listChanged": True},
        "resources": {"listChanged": False, "subscribe": False},
        "tools": {"listChanged": False},
    }


# --- lists that differ by who asks -------------------------------------------------

ASKED = Catalogue(tools=TOOLS, asked=frozenset({"resources"}), subscribable=True)
EITHER = [
    lambda method, **params: handshake_engine(ASKED).open(
        Request(id=7, method=method, params=params), Peer(version="2025-11-25")
    ),
    lambda method, **params: modern_engine(ASKED).open(modern(method, params), None),
]


def test_a_list_that_is_asked_for_is_a_list() -> None:
    assert ASKED.has("resources")
    assert ASKED.has("resourceTemplates")
    assert not ASKED.has("prompts")
    offered = ASKED.capabilities("2025-11-25")["resources"]
    assert offered == {"listChanged": False, "subscribe": True}


@pytest.mark.parametrize("ask", EITHER, ids=["handshake", "modern"])
def test_somebody_has_to_answer_for_it_and_for_its_resources(ask: Any) -> None:
    call = ask("resources/list")
    assert isinstance(call, Call)
    assert call.asked == ListAsked("resources")
    assert isinstance(ask("resources/read", uri="x://y"), Call)
    assert isinstance(ask("tools/list"), Reply)
    assert isinstance(ask("resources/templates/list"), Reply)


@requirement("M35")
@pytest.mark.parametrize("ask", EITHER, ids=["handshake", "modern"])
def test_a_cursor_that_was_never_given_out_is_refused_before_anybody_is_asked(
    ask: Any,
) -> None:
    reply = ask("resources/list", cursor="x")
    assert msgspec.json.decode(reply.body)["error"]["code"] == -32602


@requirement("L22")
@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_its_entries_have_no_field_that_their_reader_does_not_know(
    version: str,
) -> None:
    newer = version not in HANDSHAKE_VERSIONS
    call = Call(
        id=7,
        era=Era.MODERN if newer else Era.HANDSHAKE,
        peer=Peer(version=version),
        asked=ListAsked("resources"),
    )
    listed = ListReturned(kind="resources", entries=RESOURCES, ttl_ms=5)
    _, answer = told(WRITER.returned(call, listed), "resources/list", version)
    assert answer["result"]["resources"] == catalogue().entries("resources", version)
    kept = {name: answer["result"].get(name) for name in ("ttlMs", "cacheScope")}
    assert kept == (
        {"ttlMs": 5, "cacheScope": "private"}
        if newer
        else {"ttlMs": None, "cacheScope": None}
    )
