from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commander import kinds
from commander.kinds import Kind, printable

LEVELS = kinds.CHOICE("off", "info", "debug")
ALL_KINDS = {
    "absolute path": kinds.ABSOLUTE_PATH,
    "choice": LEVELS,
    "commands": kinds.COMMANDS,
    "count": kinds.COUNT,
    "directories": kinds.DIRECTORIES,
    "duration": kinds.DURATION,
    "duration or zero": kinds.DURATION_OR_ZERO,
    "names": kinds.NAMES,
    "origins": kinds.ORIGINS,
    "path": kinds.PATH,
    "port": kinds.PORT,
    "size": kinds.SIZE,
    "switch": kinds.SWITCH,
    "text": kinds.TEXT,
    "token": kinds.TOKEN,
    "user": kinds.USER,
    "whole seconds": kinds.WHOLE_SECONDS,
    "wished path": kinds.WISHED_PATH,
}
PLAUSIBLE_TEXTS = st.one_of(
    st.text(),
    st.text(alphabet="0123456789.msuhKiMGB ,-/~:[]ab="),
    st.sampled_from(["on", "OFF", "info", "4MiB", "1h30m", "https://a.example:1"]),
)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (kinds.TEXT, " two words ", " two words "),
        (kinds.TEXT, "Grüße", "Grüße"),
        (kinds.TOKEN, "s3cret!~", "s3cret!~"),
        (kinds.PATH, "/var//log/../tmp/", "/var/tmp"),
        (kinds.WISHED_PATH, "/var//spool/", "/var/spool"),
        (kinds.WISHED_PATH, "-/var//spool/", "-/var/spool"),
        (kinds.ABSOLUTE_PATH, "/bin/sh", "/bin/sh"),
        (kinds.DIRECTORIES, "/srv", ("/srv",)),
        (kinds.DIRECTORIES, "/srv/../a/:/b c", ("/a", "/b c")),
        (kinds.COUNT, " 7 ", 7),
        (kinds.COUNT, "1000000", 1_000_000),
        (kinds.PORT, "1", 1),
        (kinds.PORT, "65535", 65535),
        (kinds.SIZE, "65536", 65536),
        (kinds.SIZE, "10B", 10),
        (kinds.SIZE, "512kib", 512 * 1024),
        (kinds.SIZE, "4 MiB", 4 * 1024**2),
        (kinds.SIZE, "1024GiB", 1024**4),
        (kinds.DURATION, "60", 60.0),
        (kinds.DURATION, "8784h", 366 * 24 * 3600.0),
        (kinds.DURATION_OR_ZERO, "0", 0.0),
        (kinds.SWITCH, "TRUE", True),
        (kinds.SWITCH, "t", True),
        (kinds.SWITCH, "1", True),
        (kinds.SWITCH, "on", True),
        (kinds.SWITCH, " off ", False),
        (kinds.SWITCH, "F", False),
        (kinds.SWITCH, "0", False),
        (kinds.NAMES, "", ()),
        (kinds.NAMES, " a, b ,,c,", ("a", "b", "c")),
        (kinds.COMMANDS, "git,npm", ("git", "npm")),
        (kinds.COMMANDS, " git   log ,\n\tls ", ("git log", "ls")),
        (
            kinds.ORIGINS,
            "https://app.example, http://[::1]:8080",
            ("https://app.example", "http://[::1]:8080"),
        ),
        (kinds.ORIGINS, "vscode-webview://abc", ("vscode-webview://abc",)),
        (kinds.USER, " nobody ", "nobody"),
        (kinds.USER, "svc-Agent_1.x", "svc-Agent_1.x"),
        (kinds.USER, "1000", "1000"),
        (kinds.USER, "4294967294:0", "4294967294:0"),
        (kinds.WHOLE_SECONDS, "90", 90),
        (kinds.WHOLE_SECONDS, "1m30s", 90),
        (kinds.WHOLE_SECONDS, "8784h", 366 * 24 * 3600),
        (LEVELS, " Info ", "info"),
    ],
)
def test_a_kind_reads_what_it_says_it_accepts(
    kind: Kind, text: str, value: object
) -> None:
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kinds.TEXT, ""),
        (kinds.TEXT, "  "),
        (kinds.TEXT, "two\nlines"),
        (kinds.TEXT, "nul\0"),
        (kinds.TEXT, "undecodable \udc80"),
        (kinds.TOKEN, ""),
        (kinds.TOKEN, "two words"),
        (kinds.TOKEN, "tab\t"),
        (kinds.TOKEN, "line\n"),
        (kinds.TOKEN, "Grüße"),
        (kinds.PATH, ""),
        (kinds.PATH, "/tmp/\0"),
        (kinds.PATH, "/tmp/\udcff"),
        (kinds.ABSOLUTE_PATH, "sh"),
        (kinds.ABSOLUTE_PATH, "./sh"),
        (kinds.ABSOLUTE_PATH, ""),
        (kinds.DIRECTORIES, ""),
        (kinds.DIRECTORIES, "/a:"),
        (kinds.DIRECTORIES, "/a:b"),
        (kinds.DIRECTORIES, "/a,\n"),
        (kinds.COUNT, "0"),
        (kinds.COUNT, "-1"),
        (kinds.COUNT, "1.5"),
        (kinds.COUNT, "1000001"),
        (kinds.COUNT, "٣"),
        (kinds.COUNT, "1_0"),
        (kinds.PORT, "0"),
        (kinds.PORT, "65536"),
        (kinds.SIZE, "0"),
        (kinds.SIZE, "-1"),
        (kinds.SIZE, "4MB"),
        (kinds.SIZE, "1.5MiB"),
        (kinds.SIZE, "1025GiB"),
        (kinds.SIZE, ""),
        (kinds.DURATION, "0"),
        (kinds.DURATION, "1ns"),
        (kinds.DURATION, "-5s"),
        (kinds.DURATION, "8785h"),
        (kinds.DURATION_OR_ZERO, "8785h"),
        (kinds.DURATION_OR_ZERO, "-0"),
        (kinds.SWITCH, ""),
        (kinds.SWITCH, "maybe"),
        (kinds.NAMES, "a,\udc80"),
        (kinds.COMMANDS, ""),
        (kinds.COMMANDS, " , ,"),
        (kinds.COMMANDS, "ls,\x1b[0m"),
        (kinds.ORIGINS, "*"),
        (kinds.ORIGINS, "null"),
        (kinds.ORIGINS, "app.example"),
        (kinds.ORIGINS, "https://"),
        (kinds.ORIGINS, "https://app.example/"),
        (kinds.ORIGINS, "https://app.example:x"),
        (kinds.ORIGINS, "https://user@app.example"),
        (kinds.ORIGINS, "https://a.example,nonsense"),
        (kinds.USER, ""),
        (kinds.USER, "-u"),
        (kinds.USER, "a:b"),
        (kinds.USER, "a:1"),
        (kinds.USER, "1:"),
        (kinds.USER, "1:2:3"),
        (kinds.USER, "4294967295"),
        (kinds.USER, "1:4294967295"),
        (kinds.USER, "²"),
        (kinds.USER, "x" * 33),
        (kinds.WHOLE_SECONDS, "0"),
        (kinds.WHOLE_SECONDS, "1.5"),
        (kinds.WHOLE_SECONDS, "500ms"),
        (kinds.WHOLE_SECONDS, "8785h"),
        (kinds.WISHED_PATH, "-"),
        (kinds.WISHED_PATH, ""),
        (LEVELS, "loud"),
        (LEVELS, ""),
    ],
)
def test_a_kind_refuses_everything_else(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is not part of the contract
        kind.parse(text)


def test_a_tilde_in_a_path_is_the_home_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")

    assert kinds.PATH.parse("~") == "/home/someone"
    assert kinds.PATH.parse("~/logs") == "/home/someone/logs"
    assert kinds.WISHED_PATH.parse("-~/spool") == "-/home/someone/spool"
    assert kinds.ABSOLUTE_PATH.parse("~/bin/sh") == "/home/someone/bin/sh"


def test_a_relative_path_counts_from_the_current_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir("/")

    assert kinds.PATH.parse("logs") == "/logs"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1"),
        (1000, "1000"),
        (1024, "1KiB"),
        (1536, "1536"),
        (4 * 1024**2, "4MiB"),
        (3 * 1024**3, "3GiB"),
    ],
)
def test_a_size_is_shown_in_its_largest_whole_unit(size: int, text: str) -> None:
    assert kinds.SIZE.show(size) == text


@settings(max_examples=1000)
@given(name=st.sampled_from(sorted(ALL_KINDS)), text=PLAUSIBLE_TEXTS)
def test_any_text_is_a_value_that_reads_back_or_a_value_error(
    name: str, text: str
) -> None:
    kind = ALL_KINDS[name]
    try:
        value = kind.parse(text)
    except ValueError:
        return
    shown = kind.show(value)

    assert _same(kind, kind.parse(shown), value)
    assert shown == printable(shown)


def _same(kind: Kind, one: Any, other: Any) -> bool:
    if kind in (kinds.DURATION, kinds.DURATION_OR_ZERO):
        one, other = round(one * 1e6), round(other * 1e6)
    return bool(one == other)


@given(st.text(alphabet=st.characters()))
def test_a_printable_text_is_one_line_that_any_stream_can_write(text: str) -> None:
    shown = printable(text)

    assert len(shown.splitlines()) <= 1
    assert shown.isprintable()
    assert shown.encode().decode() == shown


def test_printable_leaves_readable_text_alone() -> None:
    assert printable("Grüße, Welt") == "Grüße, Welt"
    assert printable("a\n\x1b[0m\udc80\u2028") == "a\\n\\x1b[0m\\udc80\\u2028"
