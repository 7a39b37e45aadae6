"""Logging: one line a record, through ``twisted.logger``.

Our code logs through ``StructuredLog``. ``twist`` is handed ``observer_factory`` and
calls it with its log file; what comes out observes all of Twisted's logger, ours and
foreign events alike. Lines are JSON, for machines, unless the log file is a terminal.

Nothing here raises and nothing here logs: a line that cannot be written is counted,
and the count is written before the next line that can.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, TextIO

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.settings import Settings
from commander.telemetry.logfiles import DailyFile
from commander.telemetry.plain import plain
from commander.telemetry.records import (
    Level,
    Record,
    json_line,
    level_of,
    record_of,
    text_line,
)

__all__ = ["Level", "StructuredLog", "observer_factory"]

_TWISTED_LEVELS: Final = {
    Level.ERROR: LogLevel.error,
    Level.WARN: LogLevel.warn,
    Level.INFO: LogLevel.info,
    Level.ACCESS: LogLevel.info,
    Level.DEBUG: LogLevel.debug,
}
"""For observers of others, such as those of a test runner; ours reads our own level."""


class StructuredLog:
    """A log of named events with fields.

    Fields may have any name and value; those that are None are left out. What may be
    logged of a command or an error text is up to the caller: only foreign texts and
    tracebacks are masked here.

    Args:
        namespace: The module that logs, for Twisted's own tools.
        observer: Where events go instead of Twisted's global publisher.
        threshold: Events above it are dropped here, before they cost anything.
    """

    def __init__(
        self,
        namespace: str,
        observer: ILogObserver | None = None,
        *,
        threshold: Level = Level.DEBUG,
    ) -> None:
        self._logger = Logger(namespace, observer=observer)
        self._threshold = threshold

    def writes(self, level: Level) -> bool:
        """Whether events of this level go anywhere; saves making their fields."""
        return level <= self._threshold

    def event(
        self, level: Level, name: str, message: str = "", /, **fields: object
    ) -> None:
        """Log one event; ``level`` is any but ``Level.OFF``."""
        self._emit(level, name, message, fields)

    def error(self, name: str, message: str = "", /, **fields: object) -> None:
        """Log what an operator has to mend."""
        self._emit(Level.ERROR, name, message, fields)

    def warn(self, name: str, message: str = "", /, **fields: object) -> None:
        """Log what an operator should know of."""
        self._emit(Level.WARN, name, message, fields)

    def info(self, name: str, message: str = "", /, **fields: object) -> None:
        """Log the ordinary course of things."""
        self._emit(Level.INFO, name, message, fields)

    def access(self, name: str, message: str = "", /, **fields: object) -> None:
        """Log one request among many."""
        self._emit(Level.ACCESS, name, message, fields)

    def debug(self, name: str, message: str = "", /, **fields: object) -> None:
        """Log what only helps to find a bug."""
        self._emit(Level.DEBUG, name, message, fields)

    def failure(
        self, name: str, failure: Failure | None = None, /, **fields: object
    ) -> None:
        """Log an unexpected exception with its traceback, at level error.

        Without a ``failure`` it is the exception that is being handled.
        """
        self._emit(Level.ERROR, name, "", fields, log_failure=failure or Failure())

    def _emit(
        self,
        level: Level,
        name: str,
        message: str,
        fields: dict[str, object],
        **of_twisted: object,
    ) -> None:
        if level > self._threshold:
            return
        # As Logger.emit does it, which first looks through all levels for this one.
        event: LogEvent = {
            "log_logger": self._logger,
            "log_level": _TWISTED_LEVELS[level],
            "log_namespace": self._logger.namespace,
            "log_source": None,
            "log_time": time.time(),
            "log_format": "{commander_event} {commander_message}",
            "commander_level": level,
            "commander_event": name,
            "commander_message": message,
            "commander_fields": fields,
            **of_twisted,
        }
        self._logger.observer(event)


def observer_factory(
    settings: Settings,
    *,
    terminal: bool | None = None,
    now: Callable[[], float] = time.time,
) -> Callable[[TextIO], ILogObserver]:
    """What ``twist`` calls with its log file to get the one observer of all events.

    Args:
        settings: ``log_level`` filters. ``log_dir`` adds a daily file, always JSON.
        terminal: Whether to write text for people. None asks the log file.
        now: Seconds since the epoch, for the day of the daily file.
    """

    def observe(log_file: TextIO) -> ILogObserver:
        is_terminal = _prepare(log_file, terminal)
        secrets = settings.auth_token, settings.metrics_token
        as_json = _without(secrets, json_line)
        as_text = _without(secrets, text_line)
        return _Observer(
            threshold=Level.parse(settings.log_level),
            stream=_Sink(_line_writer(log_file), as_text if is_terminal else as_json),
            file=None
            if settings.log_dir is None
            else _Sink(DailyFile(settings.log_dir, now).write, as_json),
            now=now,
        )

    return observe


def _without(
    tokens: Iterable[str | None], render: Callable[[Record], str]
) -> Callable[[Record], str]:
    """Render lines in which the server's own tokens cannot stand.

    A client may write one into a command or a path, where no rule would know it.
    """
    for token in tokens:
        if token is not None:
            render = _masking(token, render)
    return render


def _masking(token: str, render: Callable[[Record], str]) -> Callable[[Record], str]:
    return lambda record: render(record).replace(token, "***")


def _prepare(log_file: TextIO, terminal: bool | None) -> bool:
    """Make the file hold every character; returns whether it is for people."""
    try:
        is_terminal = log_file.isatty() if terminal is None else terminal
        if isinstance(log_file, io.TextIOWrapper):
            # JSON is UTF-8 whatever the locale; a terminal is what its locale says.
            encoding = log_file.encoding if is_terminal else "utf-8"
            log_file.reconfigure(encoding=encoding, errors="backslashreplace")
    except (OSError, ValueError, AttributeError):
        # Closed, full, or None as Python has it for a descriptor that was not open:
        # the first record will show it.
        return bool(terminal)
    return is_terminal


def _line_writer(log_file: TextIO) -> Callable[[str], None]:
    def write(line: str) -> None:
        log_file.write(f"{line}\n")
        log_file.flush()

    return write


class _Sink:
    """One place where lines go, and the count of those that did not get there."""

    def __init__(
        self, write: Callable[[str], None], render: Callable[[Record], str]
    ) -> None:
        self._write = write
        self._render = render
        self._lost = 0

    def put(self, record: Record) -> Exception | None:
        """Write a record; the first failure after a success is returned."""
        try:
            if self._lost:
                self._write(self._render(_losses(self._lost, record.time)))
                self._lost = 0
            self._write(self._render(record))
        except Exception as error:  # a log must not end what it tells about
            self._lost += 1
            return error if self._lost == 1 else None
        return None


@implementer(ILogObserver)
class _Observer:
    """Writes events up to a level to the stream and, if there is one, to the file.

    Twisted allows events from any thread: the lock keeps lines and counts whole. It
    is reentrant, as a warning may be logged while a line is written.
    """

    def __init__(
        self,
        *,
        threshold: Level,
        stream: _Sink,
        file: _Sink | None,
        now: Callable[[], float],
    ) -> None:
        self._threshold = threshold
        self._stream = stream
        self._file = file
        self._now = now
        self._lock = threading.RLock()

    def __call__(self, event: LogEvent) -> None:
        """Write one event, or nothing if its level is above the threshold."""
        if level_of(event) > self._threshold:
            return
        try:
            record = record_of(event)
        except Exception as error:  # some value in it cannot even be shown
            record = _unreadable(event, error, self._now())
        with self._lock:
            self._stream.put(record)
            problem = self._file and self._file.put(record)
            if problem:
                self._stream.put(_file_failed(problem, record.time))


def _losses(count: int, at: float) -> Record:
    return Record(
        time=at, level=Level.WARN, event="log_records_lost", fields={"count": count}
    )


def _file_failed(problem: Exception, at: float) -> Record:
    return Record(
        time=at,
        level=Level.ERROR,
        event="log_file_failed",
        fields={"error": plain(str(problem))},
    )


def _unreadable(event: LogEvent, error: Exception, at: float) -> Record:
    return Record(
        time=at,
        level=Level.ERROR,
        event="log_record_failed",
        fields={
            "error": type(error).__name__,
            "source": plain(event.get("log_namespace")),
        },
    )
