"""Where each setting's value comes from, and whether they fit together.

A flag wins over the environment, the environment over ``~/.mcp_env``, the file
over the default. An empty text in the environment or the file counts as unset,
as in the Go server; an empty flag makes a list empty and is an error elsewhere.

Whoever sets something that this server cannot do must learn it: a value that is
not accepted, and settings that contradict each other, end the start. No error,
warning or row ever holds a secret.
"""

from __future__ import annotations

import enum
import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from commander.edits import edits
from commander.errors import SettingError
from commander.kinds import printable
from commander.mcp_env import FILE_NAME, read_mcp_env
from commander.settings import Settings, is_loopback
from commander.specs import Spec, spec_of

__all__ = ["Loaded", "Source", "binds_loopback", "check_config_table", "load", "rows"]

_PREFIX: Final = "MCP_"
_SHOWN_CHARACTERS: Final = 100
"""Of a value in an error text; the beginning is enough to find it."""
_GOOD_TOKEN_CHARACTERS: Final = 16
"""A random token this long cannot be guessed over HTTP; shorter ones are words."""
_TYPING_ERRORS: Final = 2
"""Edits up to which an unknown name is taken for a mistyped one of ours."""
_TABLE_COLUMNS: Final = 100
_OUTPUT_FLOOR_BYTES: Final = 8 * 1024
"""What the two streams of a command keep whatever the memory budget is."""
_LEAST_MEMORY_BYTES: Final = 16 * 1024**2
"""Address space below which common programs do not start."""
_LEAST_FILES: Final = 16
"""Descriptors below which shells and compilers fail in strange ways."""
_LOOPBACK_ENDPOINT: Final = re.compile(
    r"tcp6?:[0-9]+(?::backlog=[0-9]+)?"
    r":interface=(?P<address>(?:[^:\\=]|\\:)+)(?::backlog=[0-9]+)?"
)


class Source(enum.Enum):
    """Who set a value; the enum's value is the word for logs."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = f"~/{FILE_NAME}"
    DEFAULT = "default"
    GENERATED = "generated"
    """Made by the server itself at start."""


@attrs.frozen(kw_only=True)
class Loaded:
    """The settings with what an operator wants to know about them."""

    settings: Settings
    sources: Mapping[str, Source]
    """By field name of ``Settings``."""
    warnings: tuple[str, ...]
    """One line each, for the log."""


@attrs.frozen
class _Given:
    text: str = attrs.field(repr=False)
    source: Source


def load(
    flags: Mapping[str, str], environ: Mapping[str, str], home: Path | None
) -> Loaded:
    """Find, parse and check every setting. Changes nothing, starts nothing.

    Args:
        flags: Texts as given, by flag name without dashes; only flags that were
            given.
        environ: The environment of the process.
        home: The directory that may hold ``.mcp_env``; None reads no file.

    Raises:
        SettingError: In one line: what is wrong, where it was set, and what is
            accepted.
    """
    from_file = (
        read_mcp_env(home / FILE_NAME, user_id=os.geteuid()) if home is not None else {}
    )
    variables = _variables(environ, from_file)
    given = dict(_given(flags, variables))
    fields = attrs.fields_dict(Settings)
    loaded = Loaded(
        settings=Settings(
            **{name: _parsed(fields[name], it) for name, it in given.items()}
        ),
        sources={
            name: given[name].source if name in given else Source.DEFAULT
            for name in fields
        },
        warnings=(),
    )
    _check(loaded)
    return attrs.evolve(loaded, warnings=tuple(_warnings(loaded, variables)))


def rows(loaded: Loaded) -> list[tuple[str, str, str]]:
    """Name, shown value and source of every setting, in the order of ``Settings``.

    Each is one line of printable text. A secret is shown as set, unset or
    generated.
    """
    return [
        (
            spec_of(field).name,
            _shown(loaded, field),
            loaded.sources[field.name].value,
        )
        for field in attrs.fields(Settings)
    ]


def check_config_table(loaded: Loaded) -> str:
    """The rows as an aligned table of at most 100 columns, warnings below it."""
    table = [
        (name, source, value)
        for name, value, source in (("SETTING", "VALUE", "SOURCE"), *rows(loaded))
    ]
    name_width, source_width = (max(len(row[i]) for row in table) for i in (0, 1))
    indent = name_width + source_width + 4
    lines = []
    for name, source, value in table:
        first, *rest = textwrap.wrap(value, _TABLE_COLUMNS - indent)
        lines.append(f"{name:{name_width}}  {source:{source_width}}  {first}")
        lines.extend(" " * indent + part for part in rest)
    for warning in loaded.warnings:
        lines.extend(("", *textwrap.wrap(f"Warning: {warning}", _TABLE_COLUMNS)))
    return "\n".join(lines)


def binds_loopback(settings: Settings) -> bool:
    """Whether only this machine can reach the server.

    Of endpoint strings, ``unix:`` and ``tcp:PORT:interface=ADDRESS`` with a
    loopback address count. Any other form, systemd's sockets among them, may be
    reached from elsewhere as far as can be told here.
    """
    if settings.listen is None:
        return is_loopback(settings.http_host)
    if settings.listen.startswith("unix:"):
        return True
    match = _LOOPBACK_ENDPOINT.fullmatch(settings.listen)
    return match is not None and is_loopback(match["address"].replace("\\:", ":"))


# --- finding values ------------------------------------------------------------


def _variables(
    environ: Mapping[str, str], from_file: Mapping[str, str]
) -> dict[str, _Given]:
    """All ``MCP_`` names that are set and not empty, ours or not."""
    return {
        name: _Given(text, source)
        for source, texts in (
            (Source.FILE, from_file),
            (Source.ENVIRONMENT, environ),  # later, so that it wins
        )
        for name, text in texts.items()
        if name.startswith(_PREFIX) and text
    }


def _given(
    flags: Mapping[str, str], variables: Mapping[str, _Given]
) -> Iterator[tuple[str, _Given]]:
    unknown = set(flags)
    for field in attrs.fields(Settings):
        spec = spec_of(field)
        if spec.flag is not None and spec.flag in flags:
            unknown.discard(spec.flag)
            yield field.name, _Given(flags[spec.flag], Source.FLAG)
        elif spec.variable is not None and spec.variable in variables:
            yield field.name, variables[spec.variable]
    for flag in sorted(unknown):
        raise SettingError(f"--{_cut(flag)} is not a flag of this server")


def _parsed(field: attrs.Attribute[Any], given: _Given) -> Any:
    spec = spec_of(field)
    if not given.text and field.default == ():
        return ()
    try:
        return spec.kind.parse(given.text)
    except ValueError:
        setting = _assigned(spec, given.text, given.source)
        raise _not_accepted(setting, spec.kind.accepts) from None


# --- writing about values ------------------------------------------------------


def _shown(loaded: Loaded, field: attrs.Attribute[Any]) -> str:
    spec, value = spec_of(field), getattr(loaded.settings, field.name)
    if spec.secret:
        if loaded.sources[field.name] is Source.GENERATED:
            return "generated"
        return "unset" if value is None else "set"
    return printable(spec.shown(value))


def _assigned(spec: Spec, text: str, source: Source) -> str:
    """Setting, value and source as an error text names them."""
    value = "" if spec.secret else f'="{_cut(text)}"'
    if source is Source.FLAG:
        return f"--{spec.flag}{value}"
    return f"{spec.name}{value} ({source.value})"


def _cut(text: str) -> str:
    """A client's text within a line: printable, and not too long."""
    more = "..." if len(text) > _SHOWN_CHARACTERS else ""
    return printable(text[:_SHOWN_CHARACTERS]) + more


def _set(loaded: Loaded, field_name: str) -> str:
    """The same for a setting whose value has been parsed."""
    field = attrs.fields_dict(Settings)[field_name]
    text = _shown(loaded, field)
    return _assigned(spec_of(field), text, loaded.sources[field_name])


def _name(loaded: Loaded, field_name: str) -> str:
    spec = spec_of(attrs.fields_dict(Settings)[field_name])
    is_flag = loaded.sources[field_name] is Source.FLAG
    return f"--{spec.flag}" if is_flag else spec.name


def _not_accepted(setting: str, accepted: str) -> SettingError:
    return SettingError(f"{setting} is not accepted: expected {accepted}")


# --- checking what was found ---------------------------------------------------


def _check(loaded: Loaded) -> None:
    settings = loaded.settings
    if settings.default_timeout_seconds > settings.max_timeout_seconds:
        raise SettingError(
            f"{_set(loaded, 'default_timeout_seconds')} is more than "
            f"{_set(loaded, 'max_timeout_seconds')}"
        )
    _check_access(loaded)
    _check_shell(loaded)
    _check_limits(loaded)
    _check_directories(loaded)


def _check_access(loaded: Loaded) -> None:
    """No one beside this machine's users reaches a server without a token."""
    settings = loaded.settings
    tokens = [
        name
        for name in ("auth_token", "auth_tokens_file")
        if getattr(settings, name) is not None
    ]
    if settings.no_auth and tokens:
        raise SettingError(
            f"{_name(loaded, 'no_auth')} contradicts {_set(loaded, tokens[0])}: "
            "use one of them"
        )
    _check_metrics_token(loaded)
    if settings.transport == "stdio" or binds_loopback(settings):
        return
    bind = "http_host" if settings.listen is None else "listen"
    if settings.no_auth:
        raise SettingError(
            f"{_name(loaded, 'no_auth')} is accepted on loopback only, not with "
            f"{_set(loaded, bind)}"
        )
    if not tokens:
        raise SettingError(
            f"MCP_AUTH_TOKEN is required to listen on {_cut(getattr(settings, bind))} "
            f"({_name(loaded, bind)}): set it, or MCP_AUTH_TOKENS_FILE, or listen on "
            "127.0.0.1"
        )


def _check_metrics_token(loaded: Loaded) -> None:
    """Whoever may look on must not thereby be able to run commands."""
    token = loaded.settings.metrics_token
    others = loaded.settings.auth_token, loaded.settings.session_key
    if token is not None and token in others:
        raise SettingError(
            f"{_set(loaded, 'metrics_token')} is also MCP_AUTH_TOKEN or "
            "MCP_SESSION_KEY: choose another one"
        )


def _check_shell(loaded: Loaded) -> None:
    shell = loaded.settings.shell
    if "=" in shell:
        # Commands start through env(1), which would take it for an assignment.
        raise _not_accepted(_set(loaded, "shell"), "a path without =")
    if not (os.path.isfile(shell) and os.access(shell, os.X_OK)):
        raise _not_accepted(_set(loaded, "shell"), "an executable file")


def _check_directories(loaded: Loaded) -> None:
    directory, roots = loaded.settings.working_directory, loaded.settings.workspace
    if directory is not None and not os.path.isdir(directory):
        raise _not_accepted(_set(loaded, "working_directory"), "an existing directory")
    for root in roots:
        if not os.path.isdir(root):
            raise SettingError(
                f"{_set(loaded, 'workspace')} is not accepted: {_cut(root)} is not an "
                "existing directory"
            )
    real = os.path.realpath(loaded.settings.commands_directory)
    if roots and not any(
        Path(real).is_relative_to(os.path.realpath(root)) for root in roots
    ):
        raise SettingError(
            f"{_set(loaded, 'working_directory')} is not inside "
            f"{_set(loaded, 'workspace')}"
        )


def _check_limits(loaded: Loaded) -> None:
    """Limits under which nothing would run are mistakes."""
    settings = loaded.settings
    floor = settings.max_concurrent * _OUTPUT_FLOOR_BYTES
    if settings.memory_budget_bytes < floor:
        raise SettingError(
            f"{_set(loaded, 'memory_budget_bytes')} is less than the {floor} bytes "
            f"that {_set(loaded, 'max_concurrent')} takes at 8KiB a command"
        )
    memory, files = settings.limit_memory_bytes, settings.limit_files
    if memory is not None and memory < _LEAST_MEMORY_BYTES:
        raise _not_accepted(_set(loaded, "limit_memory_bytes"), "at least 16MiB")
    if files is not None and files < _LEAST_FILES:
        raise _not_accepted(_set(loaded, "limit_files"), f"at least {_LEAST_FILES}")


def _warnings(loaded: Loaded, variables: Mapping[str, _Given]) -> Iterator[str]:
    settings = loaded.settings
    yield from _warnings_about_access(settings)
    processes = settings.limit_processes
    if settings.run_as and processes and processes < settings.max_concurrent:
        yield (
            f"{_set(loaded, 'limit_processes')} may be too few: without control groups "
            f"it bounds all processes of {_cut(settings.run_as)} together, and "
            f"{_set(loaded, 'max_concurrent')} commands may run at once"
        )
    yield from _mistyped(variables)


def _warnings_about_access(settings: Settings) -> Iterator[str]:
    if settings.no_auth:
        yield "--no-auth: every program on this machine can run commands here"
    token, metrics_token = settings.auth_token, settings.metrics_token
    for name, secret in ("AUTH", token), ("METRICS", metrics_token):
        if secret is not None and len(secret) < _GOOD_TOKEN_CHARACTERS:
            yield (
                f"MCP_{name}_TOKEN has fewer than {_GOOD_TOKEN_CHARACTERS} characters "
                "and may be guessed"
            )
    if settings.transport == "stdio" or binds_loopback(settings):
        return
    if token is None and settings.session_key is None:
        # It has a tokens file, then, of which no key is made.
        yield (
            "MCP_SESSION_KEY is unset: no other replica and no later start takes the "
            "sessions that begin here"
        )


def _mistyped(variables: Mapping[str, _Given]) -> Iterator[str]:
    """Unknown names that are near one of ours; others belong to clients."""
    ours = [spec_of(field).variable for field in attrs.fields(Settings)]
    known, most = [name for name in ours if name is not None], _TYPING_ERRORS
    for name in sorted(set(variables).difference(known)):
        errors, nearest = min((edits(name, other, most), other) for other in known)
        if errors <= most:
            yield f"{_cut(name)} is not a setting; did you mean {nearest}?"
