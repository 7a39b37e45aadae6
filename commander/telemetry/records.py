"""Records: what an event of ``twisted.logger`` becomes, and how it is written.

An event is either one of ours, made by ``commander.telemetry.logging.StructuredLog``
and carried in the ``commander_*`` keys, or a foreign one from Twisted, a library, or
the redirected standard streams. Twisted has no level *access* and calls much *info*
that no operator wants, so the level of a record is decided here.
"""

from __future__ import annotations

import datetime
import enum
import functools
from collections.abc import Mapping
from typing import Any, Final, Self

import attrs
import msgspec
from twisted.logger import LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure

from commander.telemetry.plain import (
    Plain,
    number_text,
    plain,
    plain_text,
    printable,
    without_query_words,
)
from commander.telemetry.redaction import mask_secrets

__all__ = ["Level", "Record", "json_line", "level_of", "record_of", "text_line"]


class Level(enum.IntEnum):
    """How much is logged: each level includes those before it."""

    OFF = 0
    """Only ever a threshold; no record has it."""
    ERROR = 1
    WARN = 2
    INFO = 3
    ACCESS = 4
    DEBUG = 5

    @classmethod
    def parse(cls, word: str) -> Self:
        """The level that a setting's word names; KeyError if none."""
        return cls[word.upper()]


@attrs.frozen(kw_only=True)
class Record:
    """One line of the log before it has a form."""

    time: float
    """Seconds since the epoch."""
    level: Level
    event: str
    message: str = ""
    fields: Mapping[str, Plain] = attrs.field(factory=dict)


_MOST_TRACEBACK: Final = 8192
"""Characters; of a longer traceback the end is kept, where the exception stands."""
_STATUS: Final = b"401"
_RESERVED: Final = frozenset({"ts", "level", "event", "message"})
_STREAMS: Final = frozenset({"stdout", "stderr"})
_FOREIGN_LEVELS: Final[Mapping[object, Level]] = {
    LogLevel.critical: Level.ERROR,
    LogLevel.error: Level.ERROR,
    LogLevel.warn: Level.WARN,
}


def level_of(event: LogEvent) -> Level:
    """The level of the record that an event will become, at little cost."""
    if "commander_event" in event:
        level: Level = event["commander_level"]
        return level
    if event.get("log_namespace") == "stdout":
        return Level.INFO
    return _FOREIGN_LEVELS.get(event.get("log_level"), Level.DEBUG)


def record_of(event: LogEvent) -> Record:
    """Turn an event of ``twisted.logger`` into a record."""
    failure = event.get("log_failure") or event.get("failure")
    if "commander_event" in event:
        name = event["commander_event"]
        message = plain_text(event["commander_message"])
        fields = event["commander_fields"]
    elif event.get("log_namespace") in _STREAMS:
        name = "output"
        message = _foreign_text(formatEvent(event))
        fields = {"stream": event["log_namespace"]}
    else:
        name = "twisted"
        message = _foreign_text(_said(event))
        fields = {"source": event.get("log_namespace")}
    fields = _plain_fields(fields)
    if isinstance(failure, Failure):
        message = message or _summary(failure)
        fields["traceback"] = _traceback(failure)
    return Record(
        time=event["log_time"],
        level=level_of(event),
        event=name,
        message=message,
        fields=fields,
    )


def _said(event: LogEvent) -> str:
    """The text of a foreign event, without its traceback."""
    if "failure" in event and "log_failure" not in event:
        # Twisted's old interface has put the traceback into the text as well.
        return str(event.get("why") or "")
    return formatEvent(event)


def _foreign_text(text: str) -> str:
    return plain_text(without_query_words(mask_secrets(text.strip())))


def _summary(failure: Failure) -> str:
    kind = getattr(failure.type, "__name__", "Exception")
    return _foreign_text(f"{kind}: {failure.getErrorMessage()}")


def _traceback(failure: Failure) -> str:
    text = failure.getTraceback().strip()[-2 * _MOST_TRACEBACK :]
    text = without_query_words(mask_secrets(text))
    if len(text) > _MOST_TRACEBACK:
        text = f"…{text[1 - _MOST_TRACEBACK :]}"
    return plain_text(text, _MOST_TRACEBACK)


def _plain_fields(fields: Mapping[str, object]) -> dict[str, Plain]:
    """Fields that have a value, under names that are not taken."""
    return {
        f"{name}_" if name in _RESERVED else name: plain(value)
        for name, value in fields.items()
        if value is not None
    }


def json_line(record: Record) -> str:
    """Write a record as one flat JSON object, without the newline at its end."""
    line: dict[str, object] = {
        "ts": _timestamp(record.time),
        "level": record.level.name.lower(),
        "event": record.event,
    }
    if record.message:
        line["message"] = record.message
    line.update(record.fields)
    text = msgspec.json.encode(line)
    if _STATUS in text:  # seldom: it is written anew, with what is meant only
        text = msgspec.json.encode(_quiet_line(line))
    return printable(text.decode("utf-8"))


def _quiet_line(line: Mapping[str, Any]) -> dict[str, object]:
    """The same line, with ``401`` only where the operator looks for it."""
    quiet = {
        name: value if name == "status" else _quiet(value)
        for name, value in line.items()
    }
    if isinstance(trace_id := line.get("trace_id"), str):
        quiet["trace_id"] = _quiet_digits(trace_id)
    return quiet


def text_line(record: Record) -> str:
    """Write a record for a person, without the newline at its end.

    It is one line, but for a traceback: that follows, each line of it indented, so
    that no line of it can pass for a record.
    """
    _, _, clock = _timestamp(record.time).partition("T")
    parts = [f"{clock} {record.level.name.lower():<6} {record.event}"]
    if record.message:
        parts[0] += f": {printable(record.message)} "
    parts += (
        f"{name}={_value_text(value)}"
        for name, value in record.fields.items()
        if name != "traceback"
    )
    lines = str(record.fields.get("traceback", "")).splitlines()
    return "\n    | ".join([" ".join(parts).rstrip(), *map(printable, lines)])


def _timestamp(seconds: float) -> str:
    """UTC with hundredths: of three digits, every thousandth would be ``401``."""
    second, rest = divmod(round(seconds * 1e6), 1_000_000)
    return f"{_to_the_second(second)}.{rest // 10_000:02d}Z"


@functools.lru_cache(1)
def _to_the_second(second: int) -> str:
    moment = datetime.datetime.fromtimestamp(second, datetime.UTC)
    return moment.replace(tzinfo=None).isoformat()


def _quiet(value: Plain) -> object:
    """The same value for the encoder, its numbers without ``401``."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return [_quiet(item) for item in value]
    if isinstance(value, dict):
        return {key: _quiet(item) for key, item in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return msgspec.Raw(number_text(value).encode("ascii"))
    return value


def _quiet_digits(digits: str) -> msgspec.Raw:
    r"""An id that others chose, without ``401``: a reader takes ``4\u00301`` for it."""
    quiet = digits.replace("401", r"4\u00301")
    return msgspec.Raw(f'"{quiet}"'.encode("ascii"))


def _value_text(value: Plain) -> str:
    """A word as it is; anything that could be misread as JSON."""
    if isinstance(value, str) and value.isprintable() and not set(value) & set(' "=\\'):
        return value or '""'
    return printable(msgspec.json.encode(value).decode("utf-8"))
