"""What a shell tells of its state, and what the next one makes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commander.execution.report import REPORT_BYTES
from commander.execution.shell_state import (
    ShellReport,
    ShellState,
    prologue,
    read_report,
)

INHERITED = {"PATH": os.defpath, "HOME": "/root", "LC_ALL": "C.UTF-8"}
NOTHING = ShellState()


@attrs.frozen
class Shell:
    """A program that runs commands."""

    name: str
    program: tuple[str, ...]

    @property
    def is_there(self) -> bool:
        return shutil.which(self.program[0]) is not None

    def run(
        self,
        text: str,
        *,
        state: ShellState = NOTHING,
        env: dict[str, str] | None = None,
    ) -> Ran:
        """Run a command as the executor does, with its report in a file."""
        env = env or {}
        command = prologue(state, env, f"/bin/{self.name}") + text
        given = {**INHERITED, **env}
        for name in state.unexported:
            given.pop(name, None)
        with TemporaryDirectory() as folder:
            report = Path(folder, "report")
            ended = subprocess.run(
                [
                    "/bin/sh",
                    "-c",
                    'exec 3>"$0"; exec "$@"',
                    str(report),
                    *self.program,
                    "-c",
                    _bytes(command),
                ],
                env={_bytes(n): _bytes(v) for n, v in given.items()},
                cwd="/usr",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=30,
                check=False,
            )
            return Ran(
                code=ended.returncode,
                output=ended.stdout.decode("utf-8", "surrogateescape"),
                error=ended.stderr.decode("utf-8", "replace"),
                report=report.read_bytes(),
            )


@attrs.frozen(kw_only=True)
class Ran:
    code: int
    output: str
    error: str
    report: bytes

    @property
    def told(self) -> ShellReport:
        report = read_report(self.report, INHERITED)
        assert report is not None, self.error
        return report

    @property
    def state(self) -> ShellState:
        """For the next command."""
        return ShellState(
            unexported=frozenset(self.told.unexported), unset=self.told.unset
        )

    @property
    def env(self) -> dict[str, str]:
        """For the next command."""
        return {**self.told.exported, **self.told.unexported}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


DASH = Shell("sh", ("/bin/sh",))
BASH = Shell("bash", ("/bin/bash",))
ASH = Shell("ash", ("busybox", "ash"))

SHELLS = (DASH, BASH, ASH)

every_shell = pytest.mark.parametrize(
    "shell",
    [
        pytest.param(
            shell,
            id=shell.name,
            marks=pytest.mark.skipif(not shell.is_there, reason="it is not there"),
        )
        for shell in SHELLS
    ],
)

values = st.one_of(
    st.binary(max_size=20).map(
        lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    ),
    st.text(st.sampled_from("'\"\\$`\n\t a=(){}#!é\x1b\x7f"), max_size=20),
    st.sampled_from(
        [
            "export PATH='/evil'",
            "a\nexport HOME='/evil'\nB=2",
            'a\ndeclare -x HOME="/evil"',
            "$'\\x00'",
            "(not an array)",
            "\\",
            "\n",
            "'",
        ]
    ),
)


# --- with real shells ----------------------------------------------------------------


@pytest.mark.process
@every_shell
def test_a_shell_in_which_nothing_happened_has_no_state(shell: Shell) -> None:
    assert shell.run(":").told == ShellReport(
        directory="/usr", exported={}, unexported={}, unset=()
    )


@pytest.mark.process
@settings(max_examples=60)
@given(
    # Drawn, since a hook of pytest-twisted bears no parameters beside drawn arguments.
    shell=st.sampled_from([shell for shell in SHELLS if shell.is_there]),
    exported=st.lists(values, max_size=8),
    unexported=st.lists(values, max_size=8),
)
def test_any_value_comes_back_as_it_was(
    shell: Shell, exported: list[str], unexported: list[str]
) -> None:
    exports = {f"E{number}": value for number, value in enumerate(exported)}
    others = {f"U{number}": value for number, value in enumerate(unexported)}
    ran = shell.run(
        ":", state=ShellState(unexported=frozenset(others)), env={**exports, **others}
    )
    assert ran.told == ShellReport(
        directory="/usr", exported=exports, unexported=others, unset=()
    )
    assert ran.error == ""


@pytest.mark.process
@every_shell
def test_the_next_command_goes_on_where_the_last_one_stopped(shell: Shell) -> None:
    first = shell.run("cd /tmp; A='it'\\''s'; B=2; export B; unset HOME; false")
    assert first.code == 1
    assert first.told == ShellReport(
        directory="/tmp", exported={"B": "2"}, unexported={"A": "it's"}, unset=("HOME",)
    )
    second = shell.run(
        'echo "$A $B ${HOME-none}"; env | grep -c "^A="; unset A B; HOME=/home',
        state=first.state,
        env=first.env,
    )
    assert second.output == "it's 2 none\n0\n"
    told = second.told
    assert (told.exported, told.unset) == ({}, ("HOME",))
    assert told.unexported == {"HOME": "/home"}
    third = shell.run("env; export HOME", state=second.state, env=second.env)
    assert "HOME=" not in third.output
    assert third.told.exported == {"HOME": "/home"}


@pytest.mark.process
@every_shell
def test_what_is_exported_without_a_value_is_neither(shell: Shell) -> None:
    told = shell.run("export E; U=1; export U; unset U").told
    assert (told.exported, told.unexported) == ({}, {})


@pytest.mark.process
@every_shell
@pytest.mark.parametrize("code", [0, 3])
def test_the_report_changes_nothing_for_the_command(shell: Shell, code: int) -> None:
    ran = shell.run(f"A=1; echo out; (exit 5); exit {code}; echo never")
    assert (ran.code, ran.output, ran.error) == (code, "out\n", "")
    assert ran.told.unexported == {"A": "1"}


@pytest.mark.process
@every_shell
def test_a_shell_that_stops_at_an_error_tells_where(shell: Shell) -> None:
    ran = shell.run("set -eu; A=1; cd /; false; A=2")
    assert ran.code == 1
    assert (ran.told.directory, ran.told.unexported) == ("/", {"A": "1"})


@pytest.mark.process
@every_shell
@pytest.mark.parametrize(
    "text",
    ["kill -9 $$", "exec true", "trap - EXIT; exit", "exec 7>&-", "exec 8>&-"],
    ids=["killed", "replaced", "untrapped", "closed", "half-closed"],
)
def test_a_shell_that_cannot_tell_tells_nothing(shell: Shell, text: str) -> None:
    ran = shell.run(f"A=1\n{text}")
    assert read_report(ran.report, INHERITED) is None
    assert ran.error == ""


@pytest.mark.process
@every_shell
def test_what_others_write_to_the_report_makes_it_none(shell: Shell) -> None:
    ran = shell.run("echo mine >&8; A=1")
    assert read_report(ran.report, INHERITED) is None


@pytest.mark.process
@every_shell
def test_descriptor_3_is_the_commands_own(shell: Shell) -> None:
    ran = shell.run("exec 3>&1 1>/dev/null; A=1; cd /; echo kept >&3")
    assert ran.output == "kept\n"
    assert (ran.told.directory, ran.told.unexported) == ("/", {"A": "1"})


@pytest.mark.process
@every_shell
def test_descriptor_3_leads_nowhere_before_the_command_opens_it(shell: Shell) -> None:
    """What somebody writes there by mistake is not in the report."""
    ran = shell.run("{ echo junk >&3; } 2>/dev/null || echo closed; cd /")
    assert ran.output == "closed\n"
    assert ran.told.directory == "/"


@pytest.mark.process
@every_shell
@pytest.mark.parametrize("number", [7, 8])
def test_no_state_is_told_to_who_takes_the_place_of_the_report(
    shell: Shell, number: int
) -> None:
    ran = shell.run(f"exec {number}>&1 1>/dev/null; echo kept >&{number}; exit 3")
    assert (ran.code, ran.output, ran.error, ran.report) == (3, "kept\n", "", b"")


@pytest.mark.process
@every_shell
def test_to_tell_the_state_changes_no_exit_code_and_prints_nothing(
    shell: Shell,
) -> None:
    ran = shell.run("set -eu; unset PWD; set -x; exit 4")
    assert (ran.code, ran.output) == (4, "")
    assert ran.error == "+ exit 4\n"


@pytest.mark.process
def test_arrays_and_functions_of_bash_are_left_out() -> None:
    told = BASH.run(
        "LIST=(a $'b\\nexport X=1'); declare -A MAP=([k]=v); export LIST\n"
        "f() { echo hi; }; export -f f; declare -r FIXED=1; declare -i COUNT=7"
    ).told
    assert told.exported == {}
    assert told.unexported == {"FIXED": "1", "COUNT": "7"}


@pytest.mark.process
@every_shell
def test_functions_are_not_taken_for_variables(shell: Shell) -> None:
    told = shell.run("f() {\nA=1\nexport B=2\n}\nC=3").told
    assert (told.exported, told.unexported) == ({}, {"C": "3"})


@pytest.mark.process
def test_bash_has_bytes_that_are_no_text_in_any_locale() -> None:
    for locale in ("C", "C.UTF-8", "POSIX"):
        ran = BASH.run("V=$'\\xff\\xc3\\xa9\\x1b'; export V", env={"LC_ALL": locale})
        assert ran.told.exported["V"] == "\udcffé\x1b"


# --- alone ---------------------------------------------------------------------------


def report_of(directory: str = "/", exports: str = "", everything: str = "") -> bytes:
    return b"".join(_bytes(f"{text}\0") for text in (directory, exports, everything))


def one(exports: str) -> dict[str, str]:
    report = read_report(report_of(exports=exports), {})
    assert report is not None
    return dict(report.exported)


def test_a_report_has_to_be_whole() -> None:
    whole = report_of("/tmp", "export A='1'\n", "A='1'\nB='2'\n")
    assert read_report(whole, {}) == ShellReport(
        directory="/tmp", exported={"A": "1"}, unexported={"B": "2"}, unset=()
    )
    for length in range(len(whole)):
        assert read_report(whole[:length], {}) is None


@pytest.mark.parametrize("directory", ["", "tmp", "mine\n/tmp"])
def test_a_directory_is_absolute(directory: str) -> None:
    assert read_report(report_of(directory), {}) is None


def test_what_a_command_inherits_anyhow_is_no_state() -> None:
    report = read_report(
        report_of(exports="export A='1'\nexport B='2'\n"), {"A": "1", "B": "1"}
    )
    assert report is not None
    assert (report.exported, report.unset) == ({"B": "2"}, ())


def test_what_each_shell_makes_anew_is_no_state_and_cannot_be_unset() -> None:
    told = "PWD='/'\nBASH_ENV='/evil'\nMCP_X='1'\nCOMMANDER_RUN='x'\nIFS='x'\nA='1'\n"
    report = read_report(report_of(everything=told), {"TERM": "dumb", "HOME": "/"})
    assert report is not None
    assert report.unexported == {"A": "1"}
    assert report.unset == ("HOME",)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a\\ b\\\nc", "a bc"),
        ("'a'\"'\"'b'", "a'b"),
        ('"a\\"b\\$c\\`d\\\\e\\f\\\ng"', 'a"b$c`d\\e\\fg'),
        ("$HOME$", "$HOME$"),
        (
            r"""$'\a\b\e\f\n\r\t\v\\\'\"\?\E'""",
            "\a\b\x1b\f\n\r\t\v\\'\"?\x1b",
        ),
        (r"$'\101\x42\u00e9\U0001f600\cA'", "ABé😀\x01"),
        (r"$'\303\251\377'", "é\udcff"),
        (r"$'\ud800\U00110000\Uffffffff'", "\ufffd\ufffd\ufffd"),
        (r"$'\z\8'", r"\z\8"),
    ],
)
def test_quotes_are_taken_off_as_shells_put_them_on(written: str, value: str) -> None:
    assert one(f"export A={written}\nexport B=2\n") == {"A": value, "B": "2"}
    assert one(f"declare -rx A={written}\n") == {"A": value}


@pytest.mark.parametrize(
    "written", ["'open", '"open', "$'open", "a\\", "('x')", r"$'a\0b'", r"$'\x00'"]
)
def test_what_can_be_no_value_is_none(written: str) -> None:
    assert one(f"export A={written}") == {}


def test_a_value_that_is_none_hides_no_other() -> None:
    assert one("export A=(1\nexport B=2\nrubbish\nexport C\nexport D=3") == {
        "B": "2",
        "D": "3",
    }


QUOTES = ["'", '"', "$'", "\\", "\\0", "\\ud800", "\\777", "\\xff"]
pieces = st.sampled_from(
    [*QUOTES, "export ", "declare -x ", "A", "B=", "=", "\n", "(", "\0", "é", "\udcff"]
)


@given(st.lists(pieces, max_size=40).map("".join), st.binary(max_size=20))
def test_nothing_that_is_reported_can_do_harm(text: str, end: bytes) -> None:
    report = read_report(b"/" + _bytes(text) + end, INHERITED)
    if report is None:
        return
    for name, value in {**report.exported, **report.unexported}.items():
        assert name.isascii()
        assert name.isidentifier()
        assert b"\0" not in _bytes(value)
    assert not report.exported.keys() & report.unexported.keys()


@pytest.mark.parametrize(
    "text",
    ["declare -" + "x" * REPORT_BYTES, "A=" + "$" * REPORT_BYTES]
    + [piece * (REPORT_BYTES // 4) for piece in ("A='", 'A="', "A=$'", "A=\n", "\n")],
)
def test_reports_of_any_kind_are_read_before_the_run_gives_up(text: str) -> None:
    assert read_report(report_of(exports=text, everything=text), {}) is not None


# --- the line in front ---------------------------------------------------------------


def test_only_names_are_unset() -> None:
    line = prologue(ShellState(unset=("HOME", "x; reboot", "")), {}, "/bin/sh")
    assert line.startswith("unset HOME; trap ")
    assert "reboot" not in line


def test_the_line_is_one_line_whatever_the_values_are() -> None:
    state = ShellState(unexported=frozenset({"A", "B"}))
    line = prologue(state, {"A": "x", "B": "it's", "C": "no"}, "/bin/sh")
    assert line.startswith("A='x'; B='it'\\''s'; trap ")
    assert line.count("\n") == 1
    assert "no" not in line.partition("trap")[0]
