"""What a walk knows of a shell after a text, and what it shows."""

from __future__ import annotations

import pytest

from commander.policy.block.invocation import Invocation
from commander.policy.block.scope import UNKNOWN, Scope, Value
from commander.policy.block.walk import Walk
from commander.policy.budget import Budget, TooDeepError
from commander.policy.shell.parser import parse
from commander.policy.shell.syntax import Dialect


class Recorder:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []
        self.writes: list[str] = []
        self.texts: list[str] = []

    def command(self, invocation: Invocation) -> None:
        if invocation.words:
            self.commands.append(invocation.words)
        self.writes.extend(invocation.writes)

    def unread(self, text: str) -> None:
        self.texts.append(text)


def walk(text: str, dialect: Dialect = Dialect.BASH) -> tuple[Scope, Recorder]:
    budget, recorder = Budget(), Recorder()
    scope = Scope(budget, dialect, ("/work",))
    scope.assign("@", [()])
    Walk(budget, recorder, frozenset({"rm"})).script(
        parse(text, dialect, budget=budget), scope
    )
    return scope, recorder


def value(*texts: str) -> Value:
    return tuple((text,) for text in texts)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("x=a", value("a")),
        ("x=a x=$x$x", value("aa")),
        ("x=a; x+=b", value("ab")),
        ("x=(a b)", (("a", "b"),)),
        ("x=(a [3]=b)", (("a", "b"),)),
        ("x=(a); x+=(b)", (("a", "b"),)),
        ("x[1]=a", (("a",),)),
        ("declare -a x=(a b)", (("a", "b"),)),
        ("declare x=a", value("a")),
        ("declare 'x[0]=a'; x=${x[0]}", value("a")),
        ("export x=a; export x+=b", value("ab")),
        ("readonly x=a", value("a")),
        ("declare $y=a; x=b", value("b")),
        ("printf -v x %s-%s a b", value("a-b")),
        ("printf a; x=b", value("b")),
        ("read x <<< a", value("a")),
        ("read x y <<< 'a b c'", value("a")),
        ("read y x <<< 'a b c'", value("b c")),
        ("read y x <<< a", value("")),
        ("read x < file", value(UNKNOWN)),
        ("read -u 3 x <<< a", value("a")),
        ("read <<< a; x=$REPLY", value("a")),
        ("read -a x <<< 'a b'", (("a", "b"),)),
        ("IFS= read -a x <<< 'a b'", (("a b",),)),
        ("IFS= read x y <<< 'a b'", value("a b")),
        ("IFS= read y x <<< 'a b'", value("")),
        ("unset IFS; read x y <<< 'a b'", value("a")),
        ("{ read y; read x; } <<< $'a\\nb'", value("b")),
        ("mapfile -t x <<< $'a\\nb'", (("a", "b"),)),
        ("mapfile <<< a; x=${MAPFILE[0]}", value("a")),
        ("x=a; unset x", (None,)),
        ("x=a; unset -f x", value("a")),
        ("x=a; unset 'x[0]'", value("a")),
        ("set -- a b; x=$2", value("b")),
        ("set a b; x=$#", value("2")),
        ("set - a; x=$1", value("a")),
        ("set -eo pipefail; x=$#", value("0")),
        ("set -- a b c; shift 2; x=$1", value("c")),
        ("set -- a; shift; x=$#", value("0")),
        ("set -- $(y) b; shift; x=$1", value(UNKNOWN)),
        ("set -- a b; x=$*", value("a b")),
        ('set -- a b; IFS=-; x="$*"', value("a b")),
        ('set -- a b; for y in "$*"; do x=$y; done', value("a b")),
        ('set -- a b c; y=("${@:2}"); x=${y[0]}', value("b")),
        ('set -- a b c; y=("${@:1:1}"); x=${#y[@]}', value("1")),
        ('y=(a b); y=("${y[@]:1}"); x=${y[0]}', value("b")),
        ('set -- a b c; y=("${@:z}"); x=$y', value(UNKNOWN)),
        ("getopts ab: x", value(UNKNOWN)),
        ("let x=1", value(UNKNOWN)),
        ("let", None),
        ("x=${y:-a}", value(UNKNOWN, "a")),
        ("x=${y-}", value(UNKNOWN, "")),
        ("y=b; x=${y:-a}", value("b")),
        ("y=b; x=${y:+a}", value("a")),
        ("x=${y:+a}", value("a", "")),
        (": ${x:=a}", value(UNKNOWN, "a")),
        (": ${x?}", value(UNKNOWN)),
        ("y=z z=a; x=${!y}", value("a")),
        ("x=${!y}", value(UNKNOWN)),
        ("y=(a b); x=${y[1]}", value("b")),
        ("y=(a b); x=${y[-1]}", value("b")),
        ("y=(a b); x=${y[z]}", value("a", "b")),
        ("y=(a b); x=${#y[@]}", value("2")),
        ("y=(a b); x=${y[*]}", value("a b")),
        ("y=(ab cd); x=${y[1]:1}", value("d")),
        ('y=(ab cd); x="${y[@]/b/x}"', value("ax cd")),
        ("declare -A y=([k]=a); x=${y[k]}", value("a")),
        ("y=abc; x=${#y}", value("3")),
        ("x=${#z}", value(UNKNOWN, "0")),
        ("x=$((1 + 2))", value("3")),
        ("y=4; x=$((y))", value("4")),
        ("x=$((1 / 2))", value(UNKNOWN)),
        ("x=~", value("/home/~")),
        ("x=$(pwd)", value("/work")),
        ("x=$(< <(echo a))", value("a")),
        ("x=$(echo a; echo b)", value("a\nb")),
        ("x=$(echo a >&2)", value("")),
        ("x=$(echo a >&1)", value("a")),
        ("x=$(echo a > f)", value("")),
        ("echo a > f; echo b >> f; x=$(cat f)", value("a\nb")),
        ("x=$(cat <&0 <<< a)", value("a")),
        ("x=$(y && echo a)", value(f"{UNKNOWN}a\n".strip("\n"), UNKNOWN)),
        ("x=$(if y; then echo a; fi)", value(f"{UNKNOWN}a", UNKNOWN)),
        ("x=$(case $y in a) echo a;; esac)", value("", "a")),
        ("x=$(for y in a b; do echo $y; done)", value("a\nb")),
        ("x=$(sh -c 'echo a')", value("a")),
        ("x=$(env y=a sh -c 'echo $y')", value("a")),
        ("x=$(sudo)", value(UNKNOWN)),
        ("x=a; (x=b)", value("a")),
        ("x=a; x=b & :", value("a")),
        ("x=a; x=b | :", value("a")),
        ("x=a; { x=b; }", value("b")),
        ("x=a; y && x=b", value("b", "a")),
        ("x=a; if y; then x=b; else x=c; fi", value("b", "c")),
        ("x=a; if y; then x=b; fi", value("b", "a")),
        ("x=a; case y in z) x=b;; esac", value("b", "a")),
        ("x=a; while y; do x=b; done", value("b", "a")),
        ("for x in a b; do :; done", value("b")),
        ("for x in $(y); do :; done", (*value(UNKNOWN), None)),
        ("x=a; f() { x=b; }", value("a")),
        ("x=a; f() { x=b; }; f", value("b")),
        ("f() { x=$1; }; f a b", value("a")),
        ("set -- z; f() { :; }; f a; x=$1", value("z")),
        ("x=a eval y=b", value("a")),
        ("x=b; x=a ls", value("b")),
        ("x=a $y", value("a")),
        ("alias y=z; unalias y; x=a", value("a")),
        ("hash -r; x=a", value("a")),
        ("test -v x", value(UNKNOWN)),
        ("x=" + "a" * 5000, value(UNKNOWN)),
        ("x=$(" + "echo aaaaaaaaaaaaaaaaaaa;" * 300 + ")", value(UNKNOWN)),
    ],
)
def test_values_are_known_as_far_as_the_text_tells(
    text: str, known: Value | None
) -> None:
    scope, _ = walk(text)
    assert scope.variables.get("x") == known


@pytest.mark.parametrize(
    ("text", "directories"),
    [
        (":", ("/work",)),
        ("cd a", ("/work/a",)),
        ("cd a/..", ("/work",)),
        ("cd /a", ("/a",)),
        ("cd", ("/home/~",)),
        ("cd ''", ("/work",)),
        ("cd $(x)", ()),
        ("cd a; cd -", ("/work",)),
        ("pushd a; pushd", ("/work",)),
        ("pushd a; popd", ("/work",)),
        ("pushd +1", ()),
        ("x && cd a", ("/work/a", "/work")),
        ("(cd a)", ("/work",)),
        ("cd ../../../../../x", ("/x",)),
    ],
)
def test_directories_are_followed(text: str, directories: tuple[str, ...]) -> None:
    scope, _ = walk(text)
    assert scope.directories == directories


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("a $x b", [("a", UNKNOWN, "b"), ("a", "b")]),
        ('a "$x"', [("a", UNKNOWN), ("a", "")]),
        ("a '' \"\"", [("a", "", "")]),
        ("a $@", [("a",)]),
        ('a "$@"', [("a",)]),
        ('set -- "" b; a "$@"', [("set", "--", "", "b"), ("a", "", "b")]),
        ("x='a b'; $x", [("a", "b")]),
        ("x='a b'; \"$x\"", [("a b",)]),
        ("/bin/r? a", [("/bin/r?", "a"), ("rm", "a")]),
        ("sudo rm a", [("sudo", "rm", "a"), ("rm", "a")]),
        ("a | b", [("a",), ("b",)]),
        ("sh <<< a", [("sh",), ("a",)]),
        ("a $((x[1]))", [("a", UNKNOWN)]),
    ],
)
def test_commands_are_shown_with_their_words(
    text: str, commands: list[tuple[str, ...]]
) -> None:
    _, recorder = walk(text)
    assert recorder.commands == commands


def test_what_is_written_to_is_shown() -> None:
    _, recorder = walk("a > b 2>> c <> d; { e; } >| f; g < h 2>&1 >&-")
    assert recorder.writes == ["b", "c", "d", "f", "1", "-"]


def test_a_text_that_no_shell_can_read_is_shown_unless_it_is_a_guess() -> None:
    _, recorder = walk("sh -c 'a; b \"'; python3 -c 'system(\"c \\\\\"\")'")
    assert recorder.texts == ['a; b "']
    assert ("a",) in recorder.commands


def test_many_commands_of_one_input_are_judged_as_one() -> None:
    names = "\\n".join(f"n{n}" for n in range(40))
    _, recorder = walk(f"printf '{names}' | xargs -I% a b%c d")
    assert len(recorder.commands[-1]) == 42
    words = " ".join(f"n{n}" for n in range(40))
    _, recorder = walk(f"parallel a ::: {words}")
    assert len(recorder.commands[-1]) == 41


def test_depth_is_bounded_in_scopes_of_any_depth() -> None:
    budget = Budget()
    scope = Scope(budget, Dialect.SH, depth=1000)
    script = parse("ls", Dialect.SH, budget=budget)
    with pytest.raises(TooDeepError):
        Walk(budget, Recorder()).script(script, scope)
    with pytest.raises(TooDeepError):
        Walk(budget, Recorder()).words(("ls",), scope)
