"""The page for those who come from go-mcp-commander says what the code does."""

from __future__ import annotations

import json
import re
from typing import Final

import attrs
import pytest

from commander.errors import SettingError
from commander.settings import Settings
from commander.sources import Loaded, load
from commander.specs import spec_of
from commander.tap import Options
from tests.guide.document import ROOT, Page

VALUES: Final = {
    "http": (),
    "host": ("127.0.0.2",),
    "port": ("3001",),
    "allowed-commands": ("git,npm",),
    "blocked-commands": ("curl",),
    "use-default-blocklist": (),
    "timeout": ("45s",),
    "shell": ("/bin/sh",),
    "shell-arg": ("-ec",),
    "log-level": ("debug",),
    "log-dir": ("/tmp/logs",),
}
"""A value for every flag of the Go server; switches take none."""
FIELDS: Final = [spec_of(field) for field in attrs.fields(Settings)]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page.read("docs/coming-from-go-mcp-commander.md")


def started(*argv: str, **environ: str) -> Loaded:
    """The settings of a command line and an environment."""
    options = Options()
    options.parseOptions(list(argv))
    return load(options.flags, environ, None)


def test_the_table_has_every_flag_of_the_other_server(page: Page) -> None:
    table = page.section("Flags and variables").table("go-mcp-commander")
    flags = re.findall(r"(?<!\w)-([a-z-]+)", " ".join(table))
    assert sorted(flags) == sorted(VALUES)


@pytest.mark.parametrize("flag", VALUES)
def test_its_flag_is_accepted_as_it_wrote_it(flag: str) -> None:
    environ = {"MCP_AUTH_TOKEN": "x" * 16}
    loaded = started(f"-{flag}", *VALUES[flag], **environ)
    (name,) = (
        field.name for field in attrs.fields(Settings) if spec_of(field).flag == flag
    )
    shown = spec_of(attrs.fields_dict(Settings)[name]).shown(
        getattr(loaded.settings, name)
    )
    assert loaded.sources[name].value == "flag"
    assert shown == "".join(VALUES[flag]) or not VALUES[flag]


def test_every_flag_and_variable_that_is_named_as_ours_exists(page: Page) -> None:
    table = page.section("Flags and variables").table("go-mcp-commander")
    ours = " ".join(cells[0] for cells in table.values())
    flags = {spec.flag for spec in FIELDS}
    variables = {spec.variable for spec in FIELDS}
    assert set(re.findall(r"--([a-z-]+)", ours)) <= flags
    assert set(re.findall(r"MCP_\w+", " ".join(table) + ours)) <= variables


def test_where_the_same_is_said_the_names_are_the_same(page: Page) -> None:
    table = page.section("Flags and variables").table("go-mcp-commander")
    known = {(spec.flag, spec.variable) for spec in FIELDS}
    for theirs, (ours, _) in table.items():
        names = re.fullmatch(r"-([a-z-]+), (MCP_\w+)", theirs)
        if ours == "the same" and names is not None:
            assert names.groups() in known


def test_the_clients_command_lines_are_accepted(page: Page) -> None:
    before, after = (
        json.loads(block)["commander"]["args"]
        for block in page.section("Clients").blocks("json")
    )
    assert after == ["--transport", "stdio", *before]
    settings = started(*after).settings
    assert settings.transport == "stdio"
    assert settings.allowed_commands == ("git", "npm", "go", "docker")


def test_a_shell_that_is_no_path_is_refused_as_told() -> None:
    with pytest.raises(SettingError, match="absolute path"):
        started("-shell", "bash")
    assert started("-shell", "/bin/sh").settings.shell_arg == "-c"


def test_the_words_that_commands_inherit_are_those_of_the_readme(page: Page) -> None:
    inherited = "PATH, HOME, LANG, LC_*, TZ, USER and TMPDIR"
    (meaning,) = (spec.meaning for spec in FIELDS if spec.variable == "MCP_PASS_ENV")
    assert inherited in " ".join(page.text.split())
    assert inherited in " ".join(meaning.split())


def test_both_pages_lead_to_each_other() -> None:
    for path in ("docs/differences.md", "ECS.md"):
        links = Page.read(path).links
        assert any(link.endswith("coming-from-go-mcp-commander.md") for link in links)
    assert (ROOT / "docs" / "differences.md").is_file()
