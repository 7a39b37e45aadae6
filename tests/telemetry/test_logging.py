"""Events as lines: their form, their level, and what happens when they fail."""

from __future__ import annotations

import io
import json
import re
import time
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogBeginner,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    LogPublisher,
)
from twisted.python import log as old_log
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from commander.settings import Settings
from commander.telemetry.logging import Level, StructuredLog, observer_factory
from commander.testing import MemoryLog

AT = 1795380241.409  # 2026-11-22T20:44:01.409Z


class Log:
    """A log in memory, as ``twist`` would set it up."""

    def __init__(self, level: str = "debug", *, terminal: bool | None = None) -> None:
        self.stream = io.StringIO()
        factory = observer_factory(Settings(log_level=level), terminal=terminal)
        self.observer: ILogObserver = factory(self.stream)
        self.ours = StructuredLog("commander.part", self.observer)

    @property
    def lines(self) -> list[str]:
        text = self.stream.getvalue()
        assert text == "" or text.endswith("\n")
        return text.split("\n")[:-1]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


class Disk(io.StringIO):
    """A stream that can be out of order."""

    problem: Exception | None = None

    def write(self, text: str) -> int:
        if self.problem is not None:
            raise self.problem
        return super().write(text)


def failure_of(error: Exception) -> Failure:
    try:
        raise error
    except Exception:
        return Failure()


def old_publisher(observer: ILogObserver) -> old_log.LogPublisher:
    """``twisted.python.log`` as it stands before our observer."""
    publisher = LogPublisher(observer)
    return old_log.LogPublisher(observerPublisher=publisher, publishPublisher=publisher)


# --- the form of a record ------------------------------------------------------


def test_a_record_is_a_flat_object_with_its_keys_in_order() -> None:
    log = Log()

    log.observer(
        {
            "log_time": AT,
            "commander_level": Level.INFO,
            "commander_event": "server_started",
            "commander_message": "at last",
            "commander_fields": {"port": 3000, "name": None, "by": ("a", b"b")},
        }
    )

    assert log.lines == [
        '{"ts":"2026-11-22T20:44:01.40Z","level":"info","event":"server_started",'
        '"message":"at last","port":3000,"by":["a","b"]}'
    ]


def test_a_record_without_a_message_has_no_such_key() -> None:
    log = Log()

    log.ours.info("server_started")

    assert list(log.records[0]) == ["ts", "level", "event"]


@given(at=st.floats(0, 4e9))
def test_a_time_has_two_digits_of_a_second_and_so_never_401(at: float) -> None:
    log = Log()

    log.observer(
        {
            "log_time": at,
            "commander_level": Level.INFO,
            "commander_event": "tick",
            "commander_message": "",
            "commander_fields": {},
        }
    )

    ts = log.records[0]["ts"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\dZ", ts)
    assert "401" not in ts


def test_a_field_with_the_name_of_a_fixed_key_gets_another_name() -> None:
    log = Log()

    log.ours.info("event_name", "text", event="x", level=1, ts=2, message="y")

    assert log.records[0]["event"] == "event_name"
    assert list(log.records[0])[4:] == ["event_", "level_", "ts_", "message_"]


def test_fields_may_have_the_names_that_twisted_uses() -> None:
    log = Log()

    log.ours.info("named", format="json", log_level="x", self=1, failure="no")

    assert log.records[0] | {"ts": ""} == {
        "ts": "",
        "level": "info",
        "event": "named",
        "format": "json",
        "log_level": "x",
        "self": 1,
        "failure": "no",
    }


def test_401_stands_bare_only_as_a_status() -> None:
    log = Log()

    log.ours.info("a", status=401)
    log.ours.info("b", pid=401, bytes=401.0, more=[401], by={"n": 401}, yes=True)

    assert ["401" in line for line in log.lines] == [True, False]
    assert log.records[1] | {"ts": ""} == {
        "ts": "",
        "level": "info",
        "event": "b",
        "pid": 401,
        "bytes": 401,
        "more": [401],
        "by": {"n": 401},
        "yes": True,
    }


@given(message=st.text(), value=st.text() | st.binary())
def test_a_record_is_one_line_of_printable_utf_8(
    message: str, value: str | bytes
) -> None:
    log = Log()

    log.ours.info("said", message, value=value)

    [line] = log.lines
    assert line.isprintable()
    assert line.encode("utf-8")
    if isinstance(value, str):
        assert log.records[0]["value"] == value
    assert log.records[0].get("message", "") == message


def test_a_lone_surrogate_is_written_as_its_code() -> None:
    log = Log()

    log.ours.info("path", "caf\udce9", path="caf\udce9")

    assert log.records[0]["path"] == log.records[0]["message"] == "caf\\udce9"


# --- the form for people -------------------------------------------------------


def test_a_line_for_people_shows_time_level_event_message_and_fields() -> None:
    log = Log(terminal=True)

    log.observer(
        {
            "log_time": AT,
            "commander_level": Level.WARN,
            "commander_event": "CMD_REFUSED",
            "commander_message": "command blocked",
            "commander_fields": {
                "id": "kfh",
                "command": 'echo "a b"',
                "empty": "",
                "rc": 401,
                "tools": ["a", "b"],
            },
        }
    )

    assert log.lines == [
        "20:44:01.40Z warn   CMD_REFUSED: command blocked  id=kfh "
        r'command="echo \"a b\"" empty="" rc=401 tools=["a","b"]'
    ]


@given(text=st.text())
def test_nothing_can_forge_a_line_or_drive_the_terminal(text: str) -> None:
    log = Log(terminal=True)

    log.ours.warn("said", text, value=text, listed=[text], mapped={text: text})

    [line] = log.lines
    assert line.isprintable()


def test_a_traceback_for_people_is_indented_below_its_record() -> None:
    log = Log(terminal=True)

    log.ours.failure("tool_failed", failure_of(ValueError("a\n20:44 info x\x1b[2J")))

    first, *rest = log.lines
    assert " error  tool_failed: ValueError: a\\n20:44" in first
    assert rest
    assert all(line.startswith("    | ") and line.isprintable() for line in rest)


def test_the_form_is_asked_from_the_stream_unless_given() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def first_character(stream: io.StringIO, terminal: bool | None) -> str:
        observer = observer_factory(Settings(), terminal=terminal)(stream)
        StructuredLog("commander", observer).info("x")
        return stream.getvalue()[0]

    assert first_character(io.StringIO(), None) == "{"
    assert first_character(Terminal(), None) != "{"
    assert first_character(Terminal(), False) == "{"
    assert first_character(io.StringIO(), True) != "{"


def test_json_is_utf_8_whatever_the_locale() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")

    StructuredLog("commander", observer_factory(Settings())(stream)).info("x", "ü€")

    assert json.loads(raw.getvalue().decode("utf-8"))["message"] == "ü€"


def test_a_terminal_that_lacks_a_character_shows_its_code() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")

    observer = observer_factory(Settings(), terminal=True)(stream)
    StructuredLog("commander", observer).info("x", "ü€")

    assert raw.getvalue().endswith(b"x: \xfc\\u20ac\n")


# --- levels --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        ("off", []),
        ("error", ["error"]),
        ("warn", ["error", "warn"]),
        ("info", ["error", "warn", "info"]),
        ("access", ["error", "warn", "info", "access"]),
        ("debug", ["error", "warn", "info", "access", "debug"]),
    ],
)
def test_a_level_includes_those_before_it(threshold: str, expected: list[str]) -> None:
    log = Log(threshold)

    for level in list(Level)[1:]:
        log.ours.event(level, "said")

    assert [record["level"] for record in log.records] == expected


def test_each_method_logs_at_the_level_of_its_name() -> None:
    log = Log()

    for method in (
        log.ours.error,
        log.ours.warn,
        log.ours.info,
        log.ours.access,
        log.ours.debug,
    ):
        method(method.__name__)

    assert [record["level"] for record in log.records] == [
        record["event"] for record in log.records
    ]


def test_at_level_off_not_even_a_failure_is_written() -> None:
    log = Log("off")

    log.ours.failure("broken", failure_of(ValueError()))
    Logger("twisted", observer=log.observer).critical("broken")

    assert log.lines == []


def test_every_level_passes_the_filter_that_twist_puts_before_the_observer() -> None:
    log = Log()
    predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.debug)
    filtered = FilteringLogObserver(log.observer, [predicate])
    ours = StructuredLog("commander.part", filtered)

    for level in list(Level)[1:]:
        ours.event(level, "said")

    assert len(log.lines) == 5


def test_what_is_above_its_threshold_never_becomes_an_event() -> None:
    log = MemoryLog()
    ours = StructuredLog("commander", log, threshold=Level.INFO)

    for level in list(Level)[1:]:
        ours.event(level, level.name)
    ours.failure("broken", failure_of(ValueError()))

    named = [event["commander_event"] for event in log.events]
    assert named == ["ERROR", "WARN", "INFO", "broken"]
    assert [ours.writes(level) for level in list(Level)[1:]] == [
        *(True, True, True, False, False)
    ]


def test_at_threshold_off_there_is_no_event_at_all() -> None:
    log = MemoryLog()
    ours = StructuredLog("commander", log, threshold=Level.OFF)

    ours.error("broken")
    ours.failure("broken", failure_of(ValueError()))

    assert log.events == []


def test_the_observer_is_one_that_twisted_takes() -> None:
    assert verifyObject(ILogObserver, Log().observer)


# --- failures ------------------------------------------------------------------


def test_a_failure_is_an_error_with_its_traceback_last() -> None:
    log = Log()

    log.ours.failure("tool_failed", failure_of(ValueError("boom")), tool="x")

    [record] = log.records
    assert list(record)[1:] == ["level", "event", "message", "tool", "traceback"]
    assert record["level"] == "error"
    assert record["message"] == "ValueError: boom"
    assert "in failure_of" in record["traceback"]


def test_without_a_failure_it_is_the_exception_being_handled() -> None:
    log = Log()

    try:
        raise KeyError("k")
    except KeyError:
        log.ours.failure("tool_failed")

    assert log.records[0]["message"] == "KeyError: 'k'"


def test_of_a_long_traceback_the_end_is_kept() -> None:
    log = Log()

    log.ours.failure("x", failure_of(ValueError(f"{'y ' * 20_000} the end")))

    traceback = log.records[0]["traceback"]
    assert len(traceback) == 8192
    assert traceback.startswith("…")
    assert traceback.endswith("the end")


def test_a_traceback_shows_no_secret_and_no_word_that_operators_look_for() -> None:
    log = Log()
    text = "token=abcdef at line 401: blocked CMD_EXEC"

    log.ours.failure("x", failure_of(ValueError(text)))

    [line] = log.lines
    assert "token=***" in line
    for word in ("abcdef at", "401:", "blocked", "CMD_EXEC"):
        assert word not in line


# --- what Twisted and others log -----------------------------------------------


@pytest.mark.parametrize(
    ("level", "written"),
    [
        (LogLevel.debug, "debug"),
        (LogLevel.info, "debug"),
        (LogLevel.warn, "warn"),
        (LogLevel.error, "error"),
        (LogLevel.critical, "error"),
    ],
)
def test_the_chatter_of_twisted_is_only_for_debugging(level: Any, written: str) -> None:
    log = Log()

    Logger("twisted.web.http", observer=log.observer).emit(
        level, "Timing out client: {peer}", peer="IPv4Address(port=40112)"
    )

    assert log.records[0] | {"ts": ""} == {
        "ts": "",
        "level": written,
        "event": "twisted",
        "message": "Timing out client: IPv4Address(port=4·0112)",
        "source": "twisted.web.http",
    }


def test_what_a_factory_of_ours_makes_twisted_say_is_chatter_too() -> None:
    log = Log("info")

    Logger("commander.web.site", observer=log.observer).info("Starting factory")

    assert log.lines == []


def test_an_unhandled_failure_is_an_error_with_a_traceback() -> None:
    log = Log("error")

    Logger("twisted.internet.defer", observer=log.observer).failure(
        "", failure_of(ValueError("password=hunter2"))
    )

    [record] = log.records
    assert record["event"] == "twisted"
    assert record["message"] == "ValueError: password=***"
    assert record["traceback"].endswith("builtins.ValueError: password=***")
    assert "hunter2" not in log.stream.getvalue()


def test_the_old_interface_of_twisted_is_understood() -> None:
    log = Log()
    old = old_publisher(log.observer)

    old.msg("Main loop terminated.")
    old.msg(failure=failure_of(ValueError("boom")), why="while serving", isError=1)
    old.msg(failure=failure_of(ValueError("boom")), why=None, isError=1)

    chatter, told, untold = log.records
    assert chatter["level"] == "debug"
    assert chatter["message"] == "Main loop terminated."
    assert told["level"] == untold["level"] == "error"
    assert told["message"] == "while serving"
    assert untold["message"] == "ValueError: boom"
    assert "in failure_of" in told["traceback"]


def test_an_event_that_cannot_be_formatted_is_still_a_record() -> None:
    log = Log()

    Logger("twisted", observer=log.observer).warn("{no[way]}", no=1)

    assert "Unable to format event" in log.records[0]["message"]


def test_an_event_that_is_none_is_told_as_such() -> None:
    log = Log()

    log.observer({"log_namespace": "odd", "log_level": LogLevel.warn})

    assert log.records[0] | {"ts": ""} == {
        "ts": "",
        "level": "error",
        "event": "log_record_failed",
        "error": "KeyError",
        "source": "odd",
    }


def test_events_from_before_the_start_and_stray_prints_are_records() -> None:
    log = Log("info")
    publisher = LogPublisher()
    stdio = types.SimpleNamespace(stdout=io.StringIO(), stderr=io.StringIO())
    fake_warnings = types.SimpleNamespace(showwarning=warnings.showwarning)
    beginner = LogBeginner(publisher, io.StringIO(), stdio, fake_warnings)

    StructuredLog("commander.tap", publisher).info("settings_read")
    beginner.beginLoggingTo([log.observer])
    stdio.stdout.write("hello\n")
    stdio.stderr.write("token=abc 401\n")
    fake_warnings.showwarning("is old", DeprecationWarning, "x.py", 7)

    assert [list(record.values())[1:] for record in log.records] == [
        ["info", "settings_read"],
        ["info", "output", "hello", "stdout"],
        ["error", "output", "token=*** 4·01", "stderr"],
        [
            "warn",
            "twisted",
            "x.py:7: builtins.DeprecationWarning: is old",
            "twisted.logger._global",
        ],
    ]


# --- trouble with writing ------------------------------------------------------


@pytest.mark.parametrize(
    "problem",
    [
        OSError(28, "No space left on device"),
        BrokenPipeError(),
        ValueError("I/O operation on closed file"),
    ],
)
def test_lost_records_are_counted_and_told_before_the_next_one(
    problem: Exception,
) -> None:
    disk = Disk()
    log = StructuredLog("commander", observer_factory(Settings())(disk))

    log.info("one")
    disk.problem = problem
    log.info("two")
    log.info("three")
    disk.problem = None
    log.info("four")
    log.info("five")

    records = [json.loads(line) for line in disk.getvalue().splitlines()]
    assert [record["event"] for record in records] == [
        "one",
        "log_records_lost",
        "four",
        "five",
    ]
    assert records[1]["count"] == 2
    assert records[1]["level"] == "warn"


def test_a_stream_that_is_closed_before_the_start_does_no_harm() -> None:
    stream = io.StringIO()
    stream.close()

    observer = observer_factory(Settings())(stream)

    StructuredLog("commander", observer).info("lost")


def test_a_stream_that_logs_while_it_is_written_does_not_lock_up() -> None:
    class Chatty(io.StringIO):
        said = False

        def write(self, text: str) -> int:
            if not self.said:
                self.said = True
                log.info("inner")
            return super().write(text)

    stream = Chatty()
    log = StructuredLog("commander", observer_factory(Settings())(stream))

    log.info("outer")

    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["inner", "outer"]


def test_failing_to_write_logs_nothing_through_twisted() -> None:
    disk = Disk()
    seen = EventLoggingObserver()
    publisher = LogPublisher(observer_factory(Settings())(disk), seen)
    disk.problem = OSError()

    StructuredLog("commander", publisher).info("one")

    assert len(seen) == 1


# --- the daily file ------------------------------------------------------------


NOON = time.mktime((2026, 11, 22, 12, 0, 0, 0, 0, -1))


def with_file(
    folder: Path, stream: io.StringIO, now: Callable[[], float] = lambda: NOON
) -> StructuredLog:
    settings = Settings(log_dir=str(folder), log_level="info")
    factory = observer_factory(settings, terminal=True, now=now)
    return StructuredLog("commander", factory(stream))


def test_the_daily_file_has_json_beside_the_text_on_the_terminal(
    tmp_path: Path,
) -> None:
    stream = io.StringIO()
    log = with_file(tmp_path, stream)

    log.info("server_started", port=3000)
    log.debug("detail")

    path = tmp_path / "go-mcp-commander" / "go-mcp-commander-2026-11-22.log"
    [line] = path.read_text().splitlines()
    assert json.loads(line)["port"] == 3000
    assert stream.getvalue().endswith("info   server_started port=3000\n")


def test_at_level_off_there_is_no_daily_file(tmp_path: Path) -> None:
    settings = Settings(log_dir=str(tmp_path), log_level="off")

    StructuredLog("commander", observer_factory(settings)(io.StringIO())).error("x")

    assert list(tmp_path.iterdir()) == []


def test_a_daily_file_that_fails_is_told_once_and_counted(tmp_path: Path) -> None:
    stream = io.StringIO()
    now = NOON
    folder = tmp_path / "logs"
    folder.write_text("a file where the directory should be")
    log = with_file(folder, stream, lambda: now)

    log.info("one")
    log.info("two")
    now += 60
    log.info("three")
    folder.unlink()
    now += 60
    log.info("four")

    events = [line.split()[2] for line in stream.getvalue().splitlines()]
    assert events == ["one", "log_file_failed", "two", "three", "four"]
    assert "File exists" in stream.getvalue()
    path = folder / "go-mcp-commander" / "go-mcp-commander-2026-11-22.log"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["event"] for record in records] == ["log_records_lost", "four"]
    assert records[0]["count"] == 3


@pytest.mark.parametrize("which", ["auth_token", "metrics_token"])
@pytest.mark.parametrize("terminal", [True, False])
def test_the_servers_own_tokens_stand_in_no_line(
    terminal: bool, which: str, tmp_path: Path
) -> None:
    stream = io.StringIO()
    secret: dict[str, Any] = {which: "the-servers-own-token"}
    settings = Settings(log_level="debug", log_dir=str(tmp_path), **secret)
    observer = observer_factory(settings, terminal=terminal)(stream)
    log = StructuredLog("test", observer=observer)

    log.info("CMD_START", command="echo the-servers-own-token | cat")

    (file,) = tmp_path.rglob("*.log")
    for text in (stream.getvalue(), file.read_text()):
        assert "echo *** | cat" in text
        assert "the-servers-own-token" not in text
