"""Clients of other makers find the tools, run commands, hear of them and cancel them.

Each in every mode that it has and over both transports; ``matrix`` names them.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import psutil
import pytest

from tests.interaction import matrix
from tests.interaction.cable import cable_to
from tests.interaction.matrix import (
    AUTO,
    CASES,
    HTTP,
    LEGACY,
    ROOT,
    SESSION_CASES,
    STDIO,
    Case,
)
from tests.interaction.processes import living_in

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Server

pytestmark = pytest.mark.interaction
requirement = pytest.mark.requirement

Report = dict[str, Any]

MEBIBYTE = 1024 * 1024
CLIENT_SECONDS = 90.0
LEAVING_SECONDS = 10.0
CALLS: dict[str, tuple[str, dict[str, str]]] = {
    "works": ("execute_command", {"command": "uname -a"}),
    "fails": ("execute_command", {"command": "echo no >&2; exit 3"}),
    "times out": ("execute_command", {"command": "sleep 60", "timeout": "1s"}),
    "floods": ("execute_command", {"command": f"yes | head -c {64 * MEBIBYTE}"}),
    "denied": ("execute_command", {"command": "dd --version"}),
    "unknown": ("execute_comand", {"command": "true"}),
    "info": ("get_shell_info", {}),
}
SHOWN_BYTES = 30_000
"""Of the output, in a result to a model."""
Call = tuple[str, str, dict[str, Any]]
"""A name, a tool, and arguments."""
DEV_SERVER = 'echo listening; while read line; do echo "got $line"; done'
BUILD_BYTES = sum(len(f"{n}\n") for n in range(1, 20_001))
PAGE_BYTES = 65_536
LINES_WANTED = 3
"""How many of the lines the client waits for before the command may end."""


def journey(folder: Path) -> list[Call]:
    """A dev server that takes input, a REPL in a terminal, a shell, and a build."""
    dev, repl, shell = {"job_id": "$dev.job_id"}, {"job_id": "$repl.job_id"}, "$shell"
    keep = {"keep_stdin_open": True, "wait_seconds": 0, "label": "dev"}
    go_on = {"shell_id": f"{shell}.shell_id"}
    return [
        ("dev", "start_command", {"command": DEV_SERVER, **keep}),
        ("log", "read_output", {**dev, "wait_seconds": 20}),
        ("typed", "send_input", {**dev, "text": "reload\n", "wait_seconds": 10}),
        ("stopped", "signal_job", dev),
        ("repl", "start_command", {"command": "python3 -q", "tty": True}),
        ("answer", "send_input", {**repl, "text": "6*7\n", "wait_seconds": 10}),
        ("closed", "send_input", {**repl, "keys": ["ctrl-d"], "wait_seconds": 10}),
        ("shell", "open_shell", {"working_directory": str(folder)}),
        ("moved", "start_command", {**go_on, "command": "mkdir d; cd d; WORD=kept"}),
        ("kept", "start_command", {**go_on, "command": 'echo "${PWD##*/} $WORD"'}),
        ("build", "start_command", {"command": "seq 1 20000", "output_bytes": 100}),
        ("listed", "list_jobs", {"state": "finished"}),
    ]


def cases(transport: str, *modes: str) -> list[Case]:
    return [one for one in CASES if one.transport == transport and one.mode in modes]


RESUMING_CASES = [one for one in cases(HTTP, LEGACY) if one in SESSION_CASES]


# --- running a client ---------------------------------------------------------------


def homes_in(folder: Path) -> list[Path]:
    """Of the client, and of the server that it starts over stdio."""
    return [folder / "client", folder / "server"]


def living_for(folder: Path) -> list[psutil.Process]:
    return [one for home in homes_in(folder) for one in living_in(home)]


def address(case: Case, server: Server, folder: Path) -> dict[str, Any]:
    """Where the client finds a server, or how it starts one of its own."""
    if case.transport == HTTP:
        return {"url": f"{server.url}/mcp", "token": server.token}
    env = matrix.environment(folder / "server")
    return {"command": matrix.STDIO_COMMAND, "env": env}


@contextlib.contextmanager
def started(
    case: Case,
    server: Server,
    folder: Path,
    *steps: str,
    script: Sequence[Call] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A client that has its plan; it and all that it started is gone afterwards."""
    words = case.client.words
    for home in homes_in(folder):
        home.mkdir()
    process = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=matrix.environment(folder / "client"),
    )
    try:
        assert process.stdin is not None
        at = address(case, server, folder)
        plan = case.plan(folder, at, steps=steps, calls=CALLS, script=script)
        process.stdin.write(plan)
        process.stdin.close()
        process.stdin = None  # communicate() would flush it
        yield process
    finally:
        process.kill()
        for left in living_for(folder):
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
        process.communicate()


def report_of(case: Case, server: Server, folder: Path) -> Report | str:
    """What a client saw, or what went wrong with it."""
    steps = case.client.steps
    with started(case, server, folder, *steps, script=journey(folder)) as process:
        try:
            out, err = process.communicate(timeout=CLIENT_SECONDS)
        except subprocess.TimeoutExpired:
            return f"{case} was not done after {CLIENT_SECONDS:.0f} s"
        if process.returncode != 0:
            return f"{case}: {err.decode()}"
        report: Report = json.loads(out)
        report["case"] = case
        # A server that a client started may take a moment to follow it.
        _, report["left"] = psutil.wait_procs(
            [one for home in homes_in(folder) for one in living_in(home)],
            LEAVING_SECONDS,
        )
        return report


@pytest.fixture(scope="module")
def reports(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Case], Report]:
    """Gives the report of a client, which runs once."""

    @functools.cache
    def once(case: Case) -> Report | str:
        return report_of(case, server, tmp_path_factory.mktemp("client"))

    def reports(case: Case) -> Report:
        case.client.words  # noqa: B018  # skips here what cannot run
        report = once(case)
        if isinstance(report, str):
            pytest.fail(report)
        return report

    return reports


@pytest.fixture(scope="module", params=CASES, ids=str)
def report(request: pytest.FixtureRequest, reports: Callable[[Case], Report]) -> Report:
    return reports(request.param)


@pytest.fixture(scope="module", params=SESSION_CASES, ids=str)
def session(
    request: pytest.FixtureRequest, reports: Callable[[Case], Report]
) -> Report:
    """The report of a client that makes many calls while it is connected."""
    return reports(request.param)


def facts_of(report: Report, call: str) -> dict[str, Any]:
    """A result's facts, which are the same in its text."""
    return facts_in(report["results"][call])


def facts_in(result: dict[str, Any]) -> dict[str, Any]:
    assert "structuredContent" in result, result
    facts: dict[str, Any] = result["structuredContent"]
    assert json.loads(result["content"][0]["text"]) == facts
    return facts


# --- calls --------------------------------------------------------------------------


@requirement("L1", "M27", "T6")
def test_the_client_agrees_on_the_newest_version_that_its_mode_knows(
    report: Report,
) -> None:
    case = report["case"]
    assert report["protocol"] == case.protocol
    assert report["server"] == "go-mcp-commander"
    assert report["client"] == case.client.version


def test_the_client_lists_the_tools(report: Report) -> None:
    assert report["tools"] == [
        "execute_command",
        "start_command",
        "read_output",
        "send_input",
        "signal_job",
        "list_jobs",
        "open_shell",
        "check_command",
        "list_allowed_commands",
        "list_blocked_commands",
        "get_shell_info",
    ]


def test_a_command_runs(report: Report) -> None:
    facts = facts_of(report, "works")
    assert facts["stdout"].split()[:2] == [os.uname().sysname, os.uname().nodename]
    assert facts["exit_code"] == 0
    assert report["results"]["works"]["isError"] is False


@requirement("W2")
def test_a_failing_command_is_an_error_with_its_status(report: Report) -> None:
    facts = facts_of(report, "fails")
    assert (facts["exit_code"], facts["stderr"]) == (3, "no\n")
    assert facts["ended_by"] == "exit"
    assert report["results"]["fails"]["isError"] is True


def test_a_command_that_takes_too_long_is_ended(report: Report) -> None:
    facts = facts_of(report, "times out")
    assert facts["error"] == "command timed out after 1s"
    assert (facts["exit_code"], facts["signal"]) == (-1, "SIGTERM")
    assert (facts["ended_by"], facts["timed_out"]) == ("timeout", True)
    assert report["results"]["times out"]["isError"] is True


def test_a_flood_of_output_is_cut_and_counted_to_the_byte(report: Report) -> None:
    check_flood(facts_of(report, "floods"))


def check_flood(facts: dict[str, Any]) -> None:
    omitted = facts["stdout_omitted_bytes"]
    lines = facts["stdout"].split("\n")
    (marker,) = (line for line in lines if line.startswith("[..."))
    assert marker.startswith(f"[... {omitted:,} bytes, ")
    head, _, tail = facts["stdout"].partition(f"\n{marker}\n")
    assert len(head) + len(tail) + omitted == 64 * MEBIBYTE
    assert set(head + tail) == {"y", "\n"}
    assert facts["truncated"]
    assert len(head) + len(tail) == SHOWN_BYTES
    assert f'read_output(job_id="{facts["job_id"]}", stream="stdout"' in marker
    assert (facts["exit_code"], facts["stderr"]) == (0, "")


def test_a_command_on_the_blocklist_is_denied_with_its_rule(report: Report) -> None:
    facts = facts_of(report, "denied")
    assert facts["error"].startswith("Command validation failed: ")
    assert (facts["status"], facts["exit_code"]) == ("denied", -1)
    assert facts["rule_id"]
    assert report["results"]["denied"]["isError"] is True


def test_a_tool_without_arguments_answers(report: Report) -> None:
    assert facts_of(report, "info")["default_timeout"] == "30s"


def test_a_client_leaves_no_process_behind(report: Report) -> None:
    assert report["left"] == []


def test_an_unknown_tool_is_refused_with_the_nearest_name(session: Report) -> None:
    """The Inspector looks into the list first and does not ask."""
    error = session["results"]["unknown"]["error"]
    assert error["code"] == -32602
    assert "did you mean execute_command?" in error["message"]


def test_a_long_command_does_not_delay_other_requests(session: Report) -> None:
    """A short command, and a ping where there is one, overtook the long one."""
    assert session["overlap"] == ["a", "b"]


# --- jobs ---------------------------------------------------------------------------


def test_a_dev_server_is_read_while_it_runs_takes_input_and_is_stopped(
    session: Report,
) -> None:
    jobs = session["jobs"]
    assert shown(jobs["log"]) == "listening\n"
    assert shown(jobs["typed"]) == "got reload\n"
    stopped = jobs["stopped"]["structuredContent"]
    assert (stopped["status"], stopped["ended_by"]) == ("killed", "client_signal")
    assert stopped["survivors"] == []


def test_a_repl_in_a_terminal_is_talked_to(session: Report) -> None:
    jobs = session["jobs"]
    waits = jobs["repl"]["structuredContent"]
    assert waits["status"] == "waiting_for_input"
    assert waits["waiting_for_input"]["prompt"] == ">>>"
    assert "42" in shown(jobs["answer"]).split()
    ended = jobs["closed"]["structuredContent"]
    assert (ended["status"], ended["exit_code"]) == ("exited", 0)


def test_a_shell_keeps_its_directory_and_variables(session: Report) -> None:
    assert shown(session["jobs"]["kept"]) == "d kept\n"


def test_the_jobs_are_listed_with_how_they_ended(session: Report) -> None:
    rows = session["jobs"]["listed"]["structuredContent"]["jobs"]
    by_id = {row["job_id"]: row for row in rows}
    dev = by_id[session["jobs"]["dev"]["structuredContent"]["job_id"]]
    assert (dev["label"], dev["ended_by"]) == ("dev", "client_signal")


def shown(result: dict[str, Any]) -> str:
    """The output of a job, as the structure has it and the text ends with it."""
    output: str = result["structuredContent"]["output"]
    assert result["content"][0]["text"].endswith(output)
    return output


@pytest.mark.parametrize(
    "case", [one for one in SESSION_CASES if one.transport == HTTP], ids=str
)
def test_a_client_that_comes_back_recovers_the_whole_output(
    case: Case,
    server: Server,
    tmp_path: Path,
    reports: Callable[[Case], Report],
) -> None:
    """Another process of it, with nothing but the handle."""
    build = reports(case)["jobs"]["build"]["structuredContent"]
    assert build["omitted_bytes"] > 0
    handle = build["job_id"]
    pages: list[Call] = [
        (
            str(cursor),
            "read_output",
            {"job_id": handle, "cursor": cursor, "max_bytes": PAGE_BYTES},
        )
        for cursor in range(0, BUILD_BYTES, PAGE_BYTES)
    ]
    with started(case, server, tmp_path, "jobs", script=pages) as process:
        out, err = process.communicate(timeout=CLIENT_SECONDS)
    assert process.returncode == 0, err
    read = "".join(map(shown, json.loads(out)["jobs"].values()))
    assert read == "".join(f"{n}\n" for n in range(1, 20_001))


# --- progress and cancelling --------------------------------------------------------


@requirement("M31", "W4")
def test_lines_are_heard_while_the_command_runs(session: Report) -> None:
    check_lines(session["progress"])


def check_lines(progress: dict[str, Any]) -> None:
    """The command ended early because the client heard of lines, and said so."""
    facts = facts_in(progress["result"])
    lines = facts["stdout"].splitlines()
    assert (lines[-1], facts["exit_code"]) == ("end", 0)
    assert LINES_WANTED < len(lines) <= 30
    notes = progress["notes"]
    values = [note["progress"] for note in notes]
    assert all(one < other for one, other in itertools.pairwise(values))
    places = [lines.index(note["message"]) for note in notes]
    assert places == sorted(places)


def test_a_flood_is_cut_for_a_client_that_hears_of_it_too(session: Report) -> None:
    """Its result is one event of a stream then."""
    check_flood(facts_in(session["progress"]["flood"]))


@requirement("M23", "T8", "W6")
def test_a_cancelled_command_is_ended_and_the_session_goes_on(session: Report) -> None:
    """And so does another command of the same client."""
    assert session["cancel"]["gone"], session["cancel"]
    assert session["cancel"]["said"] == ["after", "spared"]


# --- being cut off ------------------------------------------------------------------


@requirement("L12", "L15")
@pytest.mark.parametrize("case", RESUMING_CASES, ids=str)
def test_after_a_handshake_a_broken_connection_costs_no_line_and_no_result(
    case: Case, server: Server, tmp_path: Path, eventually: Eventually
) -> None:
    """The client comes back by itself, and asks for what it has missed."""
    with cable_to(server.port) as cable:
        led = attrs.evolve(server, port=cable.port)
        with started(case, led, tmp_path, "cut") as process:
            eventually((tmp_path / "cut").exists, "the client has heard some lines")
            cable.cut()
            out, err = process.communicate(timeout=CLIENT_SECONDS)
    assert process.returncode == 0, err
    report = json.loads(out)["cut"]
    check_lines(report)
    heard = [note["message"] for note in report["notes"]]
    assert heard == facts_in(report["result"])["stdout"].splitlines()[: len(heard)]


@contextlib.contextmanager
def cut_off(
    case: Case, server: Server, folder: Path, eventually: Eventually
) -> Iterator[int]:
    """A client was killed while a command ran for it; gives the command's number."""
    number = folder / "hang.pid"

    def runs() -> bool:
        if process.poll() is not None:
            pytest.fail(f"the client ended: {process.communicate()}")
        return number.exists() and number.read_text().endswith("\n")

    with started(case, server, folder, "hang") as process:
        eventually(runs, "the command runs")
        process.kill()
        process.wait()
        yield int(number.read_text())


def talks(server: Server) -> bool:
    """Whether the server has any connection."""
    connections = psutil.Process(server.process.pid).net_connections("tcp")
    return any(one.status != psutil.CONN_LISTEN for one in connections)


@requirement("L15")
@pytest.mark.parametrize("case", cases(HTTP, LEGACY), ids=str)
def test_after_a_handshake_the_command_of_a_lost_client_goes_on(
    case: Case, server: Server, tmp_path: Path, eventually: Eventually
) -> None:
    with cut_off(case, server, tmp_path, eventually):
        eventually(lambda: not talks(server), "the server heard of it")
        assert server.run("echo others")["stdout"] == "others\n"
        (tmp_path / "end").touch()
        eventually((tmp_path / "ended").exists, "the command comes to its own end")


@requirement("M23")
@pytest.mark.parametrize("case", cases(HTTP, AUTO), ids=str)
def test_without_a_handshake_the_command_of_a_lost_client_is_ended(
    case: Case, server: Server, tmp_path: Path, eventually: Eventually
) -> None:
    with cut_off(case, server, tmp_path, eventually) as pid:
        eventually(lambda: not psutil.pid_exists(pid), "the command is gone")
        assert server.run("echo others")["stdout"] == "others\n"


@requirement("T3")
@pytest.mark.parametrize("case", cases(STDIO, LEGACY, AUTO), ids=str)
def test_over_stdio_a_lost_client_takes_server_and_command_along(
    case: Case, server: Server, tmp_path: Path, eventually: Eventually
) -> None:
    with cut_off(case, server, tmp_path, eventually):
        eventually(lambda: not living_in(tmp_path / "server"), "nothing is left")
