"""Where a command may write."""

from __future__ import annotations

import posixpath

import pytest

from commander.policy.allow.fields import UNKNOWN, Field, certain
from commander.policy.allow.targets import Places, is_inside, reaches_network

LINKS = {"/srv/app/link": "/etc", "/srv/app/data": "/srv/app/store"}


def resolve(path: str) -> str:
    path = posixpath.normpath(path)
    for link, real in LINKS.items():
        if is_inside(path, link):
            return real + path[len(link) :]
    return path


PLACES = Places(directory="/srv/app", resolve=resolve)
NAMED = Places(workspace=("/data", "/srv/other"), directory="/srv/app", resolve=resolve)


@pytest.mark.parametrize(
    ("target", "directory"),
    [
        ("out.txt", "/srv/app"),
        ("./out.txt", "/srv/app"),
        ("build/out", "/srv/app"),
        ("out", "/srv/app/build"),
        ("/srv/app/out", "/"),
        ("/tmp/x", "/"),
        ("x", "/tmp/y"),
        ("data/x", "/srv/app"),
        ("/dev/null", None),
        ("/dev/stderr", None),
        ("/tmp/x", None),
    ],
)
def test_a_known_target_inside_passes(target: str, directory: str | None) -> None:
    assert PLACES.problem(certain(target), directory) is None


@pytest.mark.parametrize(
    ("target", "directory"),
    [
        ("authorized_keys", "/root/.ssh"),
        ("config", "/srv/app/.git"),
        ("../x", "/srv/app/.git/hooks"),
        ("/etc/passwd", "/srv/app"),
        ("../x", "/srv/app"),
        ("../out", "/srv/app/build/x"),
        ("/srv/app/x/../y", "/"),
        ("link/passwd", "/srv/app"),
        ("/srv/app/link/x", "/"),
        (".git/config", "/srv/app"),
        ("a/.hidden", "/srv/app"),
        ("-x", "/srv/app"),
        ("./--checkpoint=1", "/srv/app"),
        ("/tmp/.x", "/"),
        ("/srv/application/x", "/"),
        ("out", None),
        ("", "/srv/app"),
        ("/dev/sda", "/"),
        ("/dev/null/../sda", "/"),
    ],
)
def test_what_is_outside_or_odd_does_not(target: str, directory: str | None) -> None:
    assert PLACES.problem(certain(target), directory)


@pytest.mark.parametrize(
    "field",
    [
        Field(f"out{UNKNOWN}"),
        Field("out", loose=True),
        Field(UNKNOWN),
        Field(f"/{UNKNOWN}"),
    ],
)
def test_what_is_not_known_does_not(field: Field) -> None:
    assert "not known" in (PLACES.problem(field, "/srv/app") or "")


def test_a_workspace_takes_the_place_of_the_servers_directory() -> None:
    assert NAMED.problem(certain("/data/x"), "/") is None
    assert NAMED.problem(certain("x"), "/srv/other/y") is None
    assert NAMED.problem(certain("/tmp/x"), "/") is None
    assert "/data or /srv/other or /tmp" in str(NAMED.problem(certain("x"), "/srv/app"))


def test_a_root_that_is_the_root_holds_everything() -> None:
    assert Places(directory="/").problem(certain("/etc/x"), "/") is None


@pytest.mark.parametrize("path", ["/dev/tcp/h/80", "//dev//udp/h/1", "/dev/tcp"])
def test_bashs_network_files_are_known(path: str) -> None:
    assert reaches_network(path)
    assert not reaches_network("/dev/null")


def test_a_pattern_names_files_in_a_known_directory() -> None:
    def problem(text: str) -> str | None:
        return PLACES.problem(Field(text, pattern=True), "/srv/app")

    assert problem("*.py") is None
    assert problem("src/*.py") is None
    assert problem("/tmp/x/[ab]*/c") is None
    assert problem("link/*")
    assert problem("/etc/*")
    assert problem(".git/*")
    assert problem("*/.git/config")
    assert problem(".*")
    assert problem("../*")
