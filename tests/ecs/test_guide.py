"""What a reader of ECS.md sees who does what it says."""

from __future__ import annotations

import json
import re

import pytest

from tests.ecs import tasks
from tests.ecs.client import aws, until
from tests.ecs.patterns import found_by_filter, found_by_query
from tests.ecs.shell import commands_of
from tests.ecs.walk import GROUP, TOKEN, WORDS, Walk
from tests.guide.document import Page

pytestmark = pytest.mark.ecs
guide = pytest.mark.guide
table = pytest.mark.table

EVENTS = ("auth_failed", "CMD_REFUSED", "CMD_EXEC")
"""What the three queries are for, in the order of the page."""


@guide("G-016")
def test_every_command_of_the_page_was_run_and_did_what_it_should(
    walk: Walk, page: Page
) -> None:
    blocks = [
        block
        for heading in page.headings
        for block in page.section(heading).blocks("bash")
    ]
    commands = [command for block in blocks for command in commands_of(block)]
    assert len(walk.done) == len(commands)
    assert [one.text for one in walk.done if one.status != 0] == []
    assert len([one for one in walk.done if "aws " in one.text]) >= 30


@guide("G-004", "G-017", "G-018", "G-022", "G-023", "G-024", "G-025")
def test_the_image_is_in_the_repository(walk: Walk) -> None:
    assert "Login Succeeded" in walk.output_of("docker login")
    (image,) = walk.seen.images
    assert image["imageTags"] == ["latest"]


@guide("G-007", "G-013", "G-028", "G-064", "G-065", "G-066")
def test_the_container_gets_the_token_from_the_secret(walk: Walk) -> None:
    environment = walk.seen.environment
    assert environment["MCP_AUTH_TOKEN"] == TOKEN
    assert environment["MCP_ALLOWED_COMMANDS"] == "ls,cat,grep,echo,pwd"
    assert environment["MCP_LOG_LEVEL"] == "info"
    # As on ECS, there is something that commands must not get.
    assert "ECS_CONTAINER_METADATA_URI_V4" in environment


@guide("G-029", "G-041")
def test_a_task_that_takes_both_from_the_secret_gets_both(walk: Walk) -> None:
    environment = walk.seen.both_secrets
    assert environment["MCP_AUTH_TOKEN"] == TOKEN
    assert environment["MCP_ALLOWED_COMMANDS"] == ("ls,cat,grep,find,echo,pwd,whoami")


@guide("G-005", "G-011", "G-034", "G-035", "G-072", "G-073", "G-074")
def test_the_load_balancer_finds_the_service_healthy(walk: Walk, page: Page) -> None:
    assert walk.output_of("describe-target-health").split() == ["healthy"]
    (said, *_) = page.section("Health Check").blocks("json")
    assert walk.seen.health == json.loads(said)


@guide("G-006", "G-010", "G-012")
def test_a_client_runs_a_command_through_the_load_balancer(walk: Walk) -> None:
    assert walk.seen.answer["stdout"] == "/work\n"
    assert walk.seen.answer["exit_code"] == 0


@guide("G-040", "G-083", "G-084")
def test_others_run_none_and_nobody_runs_what_is_not_listed(walk: Walk) -> None:
    assert walk.seen.statuses == [401, 401]
    assert walk.seen.refused["status"] == "denied"


# --- the log -----------------------------------------------------------------------


@guide("G-008", "G-014", "G-031", "G-067", "G-068", "G-070")
def test_every_line_arrives_in_the_log_group(walk: Walk) -> None:
    events = [json.loads(message)["event"] for message in walk.seen.messages]
    assert "server_started" in events
    assert events.count("auth_failed") == 2
    assert {"CMD_START", "CMD_EXEC", "CMD_REFUSED"} <= set(events)
    streams = aws("logs").describe_log_streams(logGroupName=GROUP)["logStreams"]
    names = {one["logStreamName"] for one in streams}
    assert all(name.startswith("ecs/go-mcp-commander/") for name in names)


@guide("G-098", "G-099", "G-100")
def test_the_queries_find_their_events_and_no_others(walk: Walk, page: Page) -> None:
    (text,) = page.section("Log Queries").blocks("")
    queries = [part.partition("\n")[2] for part in text.strip().split("\n\n")]
    for query, event in zip(queries, EVENTS, strict=True):
        found = found_by_query(query, walk.seen.messages)
        assert {record["event"] for record in found} == {event}, query


@pytest.mark.parametrize(("word", "event"), [*zip(WORDS, EVENTS, strict=True)])
def test_so_does_a_search_for_their_word(word: str, event: str, walk: Walk) -> None:
    """This one the local AWS does itself, only that CloudWatch minds the case."""
    found = [message for message in walk.seen.found[word] if word in message]
    assert {json.loads(message)["event"] for message in found} == {event}


def test_the_metric_filters_count_those_events(walk: Walk) -> None:
    filters = aws("logs").describe_metric_filters(logGroupName=GROUP)["metricFilters"]
    counted = {
        one["filterName"]: len(
            found_by_filter(one["filterPattern"], walk.seen.messages)
        )
        for one in filters
    }
    assert counted == {"auth-failed": 2, "command-refused": 1}


# --- later -------------------------------------------------------------------------


def test_a_new_deployment_puts_a_new_task_in_place_of_the_old(walk: Walk) -> None:
    (old,), (new,) = walk.seen.before, walk.seen.after
    assert old != new


@guide("G-088")
def test_the_trail_is_on(walk: Walk) -> None:
    assert walk.output_of("create-trail")
    status = aws("cloudtrail").get_trail_status(Name="mcp-servers")
    assert status["IsLogging"] is True


@guide("G-105")
@table("Troubleshooting", "ResourceInitializationError")
def test_a_key_that_the_secret_lacks_is_the_trouble_of_the_table(
    walk: Walk, page: Page
) -> None:
    broken = walk.seen.broken
    assert broken["stopCode"] == "TaskFailedToStart"
    assert broken["stoppedReason"].startswith("ResourceInitializationError")
    assert "NO_SUCH_KEY" in broken["stoppedReason"]
    (advice,) = page.section("Troubleshooting").table("Issue")[
        "ResourceInitializationError"
    ]
    assert "MCP_AUTH_TOKEN" in advice


def test_what_is_asked_for_in_trouble_tells_of_a_stopped_task(walk: Walk) -> None:
    assert re.search(r"go-mcp-commander", walk.output_of("describe-services"))
    code, reason, _ = json.loads(walk.output_of("tasks[0].[stopCode"))
    assert code
    assert reason


def test_a_service_that_wants_no_tasks_has_none(walk: Walk) -> None:
    """The last of all: it takes the service down. The local AWS knows no protection."""
    aws("ecs").update_service(
        cluster="mcp-servers", service="go-mcp-commander", desiredCount=0
    )
    (arn,) = walk.seen.after
    until(lambda: arn not in tasks.running(), "the task is gone")
