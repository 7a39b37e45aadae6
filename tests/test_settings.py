from __future__ import annotations

import os
from typing import Any

import attrs
import pytest

from commander.settings import Settings, is_loopback
from commander.specs import Spec, spec_of

FIELDS = attrs.fields(Settings)
every_setting = pytest.mark.parametrize(
    "field", FIELDS, ids=[field.name for field in FIELDS]
)


@every_setting
def test_a_setting_is_documented(field: attrs.Attribute[Any]) -> None:
    spec = spec_of(field)

    assert spec.meaning.endswith(".")
    assert spec.reason.endswith(".")
    assert spec.kind.accepts
    assert spec.variable or spec.flag


@every_setting
def test_a_default_could_have_been_written_by_an_operator(
    field: attrs.Attribute[Any],
) -> None:
    kind = spec_of(field).kind

    if field.default not in (None, ()):
        assert kind.parse(kind.show(field.default)) == field.default


@every_setting
def test_a_limit_carries_its_unit_in_its_name(field: attrs.Attribute[Any]) -> None:
    unit = spec_of(field).unit

    assert field.name.endswith("_seconds") == (unit == "seconds")
    assert field.name.endswith("_bytes") == (unit == "bytes")


@every_setting
def test_a_secret_cannot_be_given_where_everyone_can_read_it(
    field: attrs.Attribute[Any],
) -> None:
    spec = spec_of(field)

    assert not (spec.secret and spec.flag)


def test_names_are_given_to_one_setting_only() -> None:
    specs = [spec_of(field) for field in FIELDS]
    variables = [spec.variable for spec in specs if spec.variable]
    flags = [spec.flag for spec in specs if spec.flag]

    assert len(set(variables)) == len(variables)
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize(
    ("field_name", "variable", "flag"),
    [
        ("auth_token", "MCP_AUTH_TOKEN", None),
        ("default_timeout_seconds", "MCP_DEFAULT_TIMEOUT", "timeout"),
        ("kill_grace_seconds", "MCP_KILL_GRACE", "kill-grace"),
        ("limit_cpu_seconds", "MCP_LIMIT_CPU_SECONDS", "limit-cpu-seconds"),
        ("run_as", "MCP_RUN_AS", "run-as"),
        ("http_host", "MCP_HTTP_HOST", "host"),
        ("http_port", "MCP_HTTP_PORT", "port"),
        ("use_default_blocklist", None, "use-default-blocklist"),
        ("no_auth", None, "no-auth"),
    ],
)
def test_a_flag_is_named_after_its_variable_unless_the_go_server_named_it(
    field_name: str, variable: str | None, flag: str | None
) -> None:
    spec = spec_of(attrs.fields_dict(Settings)[field_name])

    assert (spec.variable, spec.flag) == (variable, flag)


def test_a_setting_is_named_by_its_variable_or_else_by_its_flag() -> None:
    assert _spec("http_host").name == "MCP_HTTP_HOST"
    assert _spec("no_auth").name == "--no-auth"


def test_a_value_is_shown_in_the_notation_it_is_written_in() -> None:
    assert _spec("default_timeout_seconds").shown(90.0) == "1m30s"
    assert _spec("max_body_bytes").shown(4 * 1024 * 1024) == "4MiB"
    assert _spec("allowed_commands").shown(("git log", "ls")) == "git log,ls"
    assert _spec("allowed_commands").shown(()) == "empty"
    assert _spec("log_dir").shown(None) == "unset"


def test_the_defaults_are_those_of_the_guide() -> None:
    settings = Settings()

    assert settings.allowed_commands == ()
    assert settings.blocked_commands == ()
    assert settings.use_default_blocklist
    assert settings.default_timeout_seconds == 30
    assert (settings.shell, settings.shell_arg) == ("/bin/sh", "-c")
    assert settings.log_level == "info"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 3000)
    assert settings.server_name == "go-mcp-commander"


def test_no_command_is_limited_unless_an_operator_says_so() -> None:
    settings = Settings()

    assert settings.run_as is None
    assert [
        value
        for name, value in attrs.asdict(settings).items()
        if name.startswith("limit_")
    ] == [None] * 5


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Settings().http_port = 1  # type: ignore[misc]  # the point of the test


def test_the_text_of_settings_does_not_hold_the_token() -> None:
    assert "a-secret-word" not in repr(Settings(auth_token="a-secret-word"))


def test_one_principal_may_use_all_slots_unless_told_otherwise() -> None:
    assert Settings(max_concurrent=7).per_principal == 7
    assert Settings(max_concurrent=7, max_per_principal=2).per_principal == 2


def test_commands_run_in_the_servers_directory_unless_told_otherwise() -> None:
    assert Settings().commands_directory == os.getcwd()
    assert Settings(working_directory="/tmp").commands_directory == "/tmp"
    rooms = Settings(workspace=("/srv", "/opt"))
    assert rooms.commands_directory == "/srv"
    inside = attrs.evolve(rooms, working_directory="/opt/x")
    assert inside.commands_directory == "/opt/x"


@pytest.mark.parametrize(
    ("given", "path", "is_wished"),
    [(None, None, False), ("/spool", "/spool", False), ("-/spool", "/spool", True)],
)
def test_a_spool_may_be_wished_for(
    given: str | None, path: str | None, is_wished: bool
) -> None:
    settings = Settings(spool_dir=given)
    assert settings.spool_path == path
    assert settings.spool_is_wished == is_wished


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost"]
)
def test_a_loopback_address_is_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "10.0.0.1", "192.168.1.1", "localhost.example", "127.1", "*"],
)
def test_every_other_address_can_be_reached_by_others(host: str) -> None:
    assert not is_loopback(host)


def _spec(field_name: str) -> Spec:
    return spec_of(attrs.fields_dict(Settings)[field_name])
