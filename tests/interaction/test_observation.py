"""What a real server tells of itself: metrics, readiness, traces."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, Server

pytestmark = pytest.mark.interaction

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
SHOW = 'echo "$TRACEPARENT $TRACESTATE"'


def metrics(server: Server, **headers: str) -> dict[str, float]:
    """The samples without labels, by their names."""
    answer = server.request("GET", "/metrics", headers=headers)
    assert answer.status == 200
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
        if not sample.labels
    }


def test_programs_of_this_machine_read_what_the_server_does(
    launch: Launch, eventually: Eventually
) -> None:
    with launch(env={"MCP_SHUTDOWN_GRACE": "0s"}) as server:
        assert server.run("printf four")["stdout"] == "four"
        found = metrics(server)
        assert found["commander_command_duration_seconds_count"] == 1
        assert found["commander_child_processes"] == 0
        assert found["process_open_fds"] > 5
        assert found["process_resident_memory_bytes"] > 10_000_000
        with ThreadPoolExecutor() as pool:
            pool.submit(server.run, "sleep 600; true")
            eventually(
                lambda: metrics(server)["commander_child_processes"] == 2,
                "the shell and its child are counted",
            )
            assert metrics(server)["commander_commands_running"] == 1
            eventually(
                lambda: metrics(server)["commander_reactor_lateness_seconds_count"] > 2,
                "lateness is measured",
            )
            server.stop()


def test_with_a_token_of_their_own_scrapers_see_that_and_run_nothing(
    launch: Launch,
) -> None:
    token = "scrape-and-nothing-else"
    with launch(env={"MCP_METRICS_TOKEN": token}) as server:
        assert metrics(server, Authorization=f"Bearer {token}")["commander_ready"] == 1
        for headers in ({}, {"Authorization": f"Bearer {server.token}"}):
            assert server.request("GET", "/metrics", headers=headers).status == 404
        refused = server.post(b"{}", Authorization=f"Bearer {token}")
        assert refused.status == 401
        assert token not in server.run("env")["stdout"]


def test_a_server_that_can_start_a_command_says_so(server: Server) -> None:
    answer = server.request("GET", "/ready")
    assert (answer.status, answer.body) == (200, b'{"status":"ready"}')


def call(server: Server, meta: dict[str, str], **headers: str) -> Any:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "execute_command",
            "arguments": {"command": SHOW},
            "_meta": meta,
        },
    }
    answer = server.post(json.dumps(message).encode(), **headers)
    return answer.json["result"]["structuredContent"]["stdout"]


@pytest.mark.parametrize("where", ["meta", "headers"])
def test_a_command_and_its_records_know_the_trace_of_the_call(
    launch: Launch, where: str
) -> None:
    trace = {"traceparent": PARENT, "tracestate": "vendor=$(id)"}
    with launch() as server:
        stdout = call(server, trace) if where == "meta" else call(server, {}, **trace)
        assert stdout == f"{PARENT} vendor=$(id)\n"
        assert call(server, {"traceparent": "nonsense"}) == " \n"
    starts = server.records("CMD_START", "CMD_EXEC")
    assert [one.get("trace_id") for one in starts] == [TRACE_ID, TRACE_ID, None, None]
    assert not re.search(r"00f067aa0ba902b7|vendor", server.stdout)
