"""What a job has printed, as a resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from commander.jobs.job import Job
from commander.mcp.events import ResourceReturned, UnknownResource
from commander.sessions.job_resources import (
    JOB_TEMPLATES,
    MAX_LISTED,
    RESOURCE_BYTES,
    JobResources,
    NamedOutput,
    named_output,
)
from commander.tools.job_output import LEAST_OUTPUT_BYTES
from commander.turns import Turns
from tests.jobs.kit import ANN, BOB, Stage

requirement = pytest.mark.requirement

HANDLE = "job_" + "aB3-_" * 6
LARGE = 4 * 1024 * 1024


class Shelf:
    """The resources of a stage's jobs."""

    def __init__(self, **limits: Any) -> None:
        self.stage = Stage(**limits)
        self.resources = JobResources(self.stage.table, Turns(self.stage.reactor))

    def read(self, uri: str, principal: Any = ANN) -> Any:
        found: list[Any] = []
        Deferred.fromCoroutine(self.resources.read(uri, principal)).addCallback(
            found.append
        )
        for _ in range(10):
            self.stage.reactor.advance(0)
        (returned,) = found
        return returned

    def text(self, job: Job, name: str = "output") -> str:
        uri = f"job://{job.handle}/{name}"
        returned = self.read(uri)
        assert isinstance(returned, ResourceReturned)
        (content,) = returned.contents
        assert (content["uri"], content["mimeType"]) == (uri, "text/plain")
        return str(content["text"])

    def ttl_ms(self, job: Job) -> int:
        returned = self.read(f"job://{job.handle}/output")
        assert isinstance(returned, ResourceReturned)
        return returned.ttl_ms

    def entries(self, principal: Any = ANN) -> list[Any]:
        listed = self.resources.listed(principal)
        assert (listed.kind, listed.ttl_ms) == ("resources", 0)
        return list(listed.entries)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.stage.table.close()


# --- names -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stream"),
    [("output", "both"), ("stdout", "stdout"), ("stderr", "stderr")],
)
def test_a_uri_names_a_job_and_what_of_it(name: str, stream: str) -> None:
    assert named_output(f"job://{HANDLE}/{name}") == NamedOutput(HANDLE, stream)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "job://",
        f"job://{HANDLE}",
        f"job://{HANDLE}/",
        f"job://{HANDLE}/nothing",
        f"job://{HANDLE}/output/",
        f"job://{HANDLE}/output\n",
        f"job://{HANDLE}/output?from=0",
        f"job://{HANDLE}/output#x",
        f"JOB://{HANDLE}/output",
        f" job://{HANDLE}/output",
        f"job:///{HANDLE}/output",
        "job://shell_abc/output",
        f"job://{HANDLE}%2F/output",
        f"job://job_{'a' * 65}/output",
        "job://job_\u00e9/output",
        "file:///etc/passwd",
    ],
)
def test_other_uris_name_nothing(uri: str) -> None:
    assert named_output(uri) is None


@given(st.text())
def test_what_a_client_makes_up_is_an_unknown_resource(text: str) -> None:
    shelf = Shelf()
    for uri in (text, f"job://{text}/output", f"job://{HANDLE}/{text}"):
        assert shelf.read(uri) == UnknownResource(uri)


def test_the_templates_name_what_can_be_read(shelf: Shelf) -> None:
    job = shelf.stage.started()
    for template in JOB_TEMPLATES:
        uri = template["uriTemplate"].replace("{id}", job.handle)
        assert isinstance(shelf.read(uri), ResourceReturned)
    assert {one["mimeType"] for one in JOB_TEMPLATES} == {"text/plain"}


# --- reading -----------------------------------------------------------------------


def test_it_is_what_the_streams_show(shelf: Shelf) -> None:
    job = shelf.stage.started()
    shelf.stage.process.emit(1, b"out \x1b[31mred\x1b[m\n")
    shelf.stage.process.emit(2, b"err\n")
    assert shelf.text(job) == "out red\nerr\n"
    assert shelf.text(job, "stdout") == "out red\n"
    assert shelf.text(job, "stderr") == "err\n"


def test_a_job_that_waits_for_a_slot_has_printed_nothing() -> None:
    shelf = Shelf(slots=1)
    shelf.stage.started()
    queued = shelf.stage.started()
    assert shelf.text(queued) == ""
    assert shelf.ttl_ms(queued) == 0


@requirement("L19", "M33")
def test_another_principals_job_is_as_unknown_as_none(shelf: Shelf) -> None:
    job = shelf.stage.finished(b"secret")
    uri = f"job://{job.handle}/output"
    assert shelf.read(uri, BOB) == UnknownResource(uri)
    assert isinstance(shelf.read(uri), ResourceReturned)


@requirement("L19", "M33")
def test_a_forgotten_job_is_unknown() -> None:
    shelf = Shelf(ttl_seconds=5.0)
    uri = f"job://{shelf.stage.finished(b'x').handle}/output"
    assert isinstance(shelf.read(uri), ResourceReturned)
    shelf.stage.pump(5.1)
    assert shelf.read(uri) == UnknownResource(uri)


@requirement("M28")
def test_it_may_be_kept_once_it_stays_as_it_is_and_no_longer_than_it_is_there() -> None:
    shelf = Shelf(ttl_seconds=70.0)
    job = shelf.stage.started()
    shelf.stage.process.emit(1, b"x")
    assert shelf.ttl_ms(job) == 0
    shelf.stage.process.exit()
    assert shelf.ttl_ms(job) == 60_000
    shelf.stage.pump(30, step=1.0)
    assert shelf.ttl_ms(job) == 40_000


def test_reading_it_moves_no_cursor(shelf: Shelf) -> None:
    job = shelf.stage.finished(b"text")
    before = str(job.read_to)
    shelf.text(job)
    assert str(job.read_to) == before


@pytest.mark.parametrize("name", ["output", "stdout"])
def test_much_is_its_beginning_and_its_end_and_how_to_read_the_rest(name: str) -> None:
    shelf = Shelf(output_bytes=LARGE)
    job = shelf.stage.finished(b"first\n" + b"line\n" * 100_000 + b"last\n")
    text = shelf.text(job, name)
    assert text.startswith("first\n")
    assert text.endswith("last\n")
    assert RESOURCE_BYTES < len(text) < RESOURCE_BYTES + 1000
    stream = "" if name == "output" else ', stream="stdout"'
    cursor = RESOURCE_BYTES // 4
    assert f'read_output(job_id="{job.handle}"{stream}, cursor={cursor})' in text
    assert cursor > LEAST_OUTPUT_BYTES


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"\x00", b'"', b"\\", b"\x01\n", b"\x7f", b"\xc2\x80", b"\x1b", b"\t"],
)
def test_whatever_is_printed_the_result_stays_small(data: bytes) -> None:
    shelf = Shelf(output_bytes=LARGE)
    job = shelf.stage.finished(data * (1_000_000 // len(data)))
    assert len(msgspec.json.encode(shelf.text(job))) < 1_000_000


def test_what_was_typed_in_secret_is_not_shown(shelf: Shelf) -> None:
    job = shelf.stage.started()
    job.secrets.append("hunter22")
    shelf.stage.process.emit(1, b"password: hunter22\n")
    assert "hunter22" not in shelf.text(job)


# --- the list ----------------------------------------------------------------------


def test_the_list_is_the_principals_jobs_the_newest_first(shelf: Shelf) -> None:
    first = shelf.stage.finished(command="make a")
    shelf.stage.started("make b", principal=BOB)
    last = shelf.stage.started("make c", label="the build")
    listed = shelf.entries()
    assert [one["uri"] for one in listed] == [
        f"job://{last.handle}/output",
        f"job://{first.handle}/output",
    ]
    assert [one["title"] for one in listed] == ["the build", "make a"]
    for one, state, command in zip(
        listed, ("running", "finished"), ("make c", "make a"), strict=True
    ):
        assert state in one["description"]
        assert command in one["description"]
        assert one["mimeType"] == "text/plain"
        assert one["name"]


def test_the_list_has_the_newest_hundred() -> None:
    shelf = Shelf(slots=1000)
    jobs = [shelf.stage.started(f"echo {number}") for number in range(MAX_LISTED + 1)]
    listed = shelf.entries()
    assert len(listed) == MAX_LISTED
    assert jobs[0].handle not in str(listed)
    assert shelf.text(jobs[0]) == ""


def test_a_long_command_is_cut(shelf: Shelf) -> None:
    shelf.stage.started("echo " + "x" * 100_000)
    (entry,) = shelf.entries()
    assert len(str(entry)) < 600
