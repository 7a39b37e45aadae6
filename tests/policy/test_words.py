"""The lexer and the grammar, seen through the words of simple commands."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.grammar import parse
from commander.policy.tree import Function, Group, Loop, Pipeline, Simple
from commander.policy.words import TooDeepError, UnreadableError


def static_words(text: str, *, ansi_quotes: bool = True) -> list[list[str | None]]:
    """The words of every simple command that stands at the top of a text."""
    return [
        [word.static for word in command.words]
        for pipeline in parse(text, ansi_quotes=ansi_quotes)
        for command in pipeline.commands
        if isinstance(command, Simple) and command.words
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b", [["a", "b"]]),
        ("a'b'\"c\"\\d", [["abcd"]]),
        ("'' \"\"", [["", ""]]),
        ("a\\\nb \\\n c", [["ab", "c"]]),
        ('"a\\"b\\c\\\nd\\$"', [['a"b\\cd$']]),
        ("a\\", [["a\\"]]),
        ("$'a\\tb\\x41\\'' $", [["a\tbA'", "$"]]),
        ('$"a"', [["a"]]),
        ("a#b #c\nd", [["a#b"], ["d"]]),
        ("a;b&&c||d&e|f|&g", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]),
        ("a 2>b 3<&- c", [["a", "c"]]),
        ("a 2 >b", [["a", "2"]]),
        ("cat <<E f\nx\nE\nls", [["cat", "f"], ["ls"]]),
        ("cat <<E <<'F'\n1\nE\n2\nF\nls", [["cat"], ["ls"]]),
        ("cat <<-E\n\t1\n\tE\nls", [["cat"], ["ls"]]),
        ("cat <<\\E\nE\nls", [["cat"], ["ls"]]),
        ("[[ a =~ (b|c) ]]", [["[[", "a", "=~", "(b|c)", "]]"]]),
        ('$x "$(ls)" ${y}', [[None, None, None]]),
    ],
)
def test_words_are_read_as_a_shell_reads_them(
    text: str, words: list[list[str | None]]
) -> None:
    assert static_words(text) == words


def test_dash_sees_a_dollar_before_a_quote() -> None:
    assert static_words("$'a'", ansi_quotes=False) == [["$a"]]


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0"), max_size=8), min_size=1
    ).map(shlex.join)
)
def test_quoted_words_are_read_as_shlex_reads_them(text: str) -> None:
    assert static_words(f"x {text}") == [["x", *shlex.split(text)]]


@given(st.text("ab '\"\\", max_size=20))
def test_any_quoting_is_read_as_shlex_reads_it(text: str) -> None:
    try:
        expected = shlex.split(text)
    except ValueError:
        return
    assert static_words(text) == ([expected] if expected else [])


@pytest.mark.parametrize(
    "text",
    [
        "'a",
        '"a',
        "$'a",
        "`a",
        "$(a",
        "${a",
        "$((a",
        "$((a)",
        "$((a) )",
        "x=(a",
        '"$(a"',
    ],
)
def test_a_text_that_ends_too_early_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError):
        parse(text)


def test_nesting_counts_from_the_depth_around_the_text() -> None:
    parse("$(a)", depth=59)
    with pytest.raises(TooDeepError):
        parse("$(a)", depth=60)


def test_the_tree_keeps_what_joins_commands() -> None:
    script = parse("! a | b & c")
    assert [(len(p.commands), p.background, p.after_keyword) for p in script] == [
        (2, True, True),
        (1, False, False),
    ]


def test_the_tree_keeps_groups_functions_and_loops() -> None:
    script = parse(
        "(a) > b; f() { c; }; for x in d e; do g; done; case h in i) j;; esac"
    )
    kinds = [type(pipeline.commands[0]) for pipeline in script]
    assert kinds == [Group, Function, Loop, Simple, Simple, Group]
    group = script[0].commands[0]
    assert isinstance(group, Group)
    assert group.subshell
    assert [r.target.static for r in group.redirections] == ["b"]
    function = script[1].commands[0]
    assert isinstance(function, Function)
    assert function.name == "f"
    loop = script[2].commands[0]
    assert isinstance(loop, Loop)
    assert (loop.name, [word.static for word in loop.words]) == ("x", ["d", "e"])


def test_the_tree_keeps_assignments_and_here_documents() -> None:
    match parse("A=1 b+='2' c[3]=4 cat <<E\n$x\nE"):
        case (Pipeline(commands=(Simple() as command,)),):
            names = [(name, value.static) for name, value in command.assignments]
            assert names == [("A", "1"), ("b+", "2"), ("", "4")]
            (body,) = command.redirections
            assert body.operator == "<<"
            assert body.target.static is None
        case other:
            pytest.fail(f"unexpected tree: {other}")


PIECES = """
a ; & | ( ) < > { } $ ` ' " \\ # ! = ~ $( ${ $(( << <<- <( $' =~ f() x=( x= [[ ]] in
if fi do done case esac function for time
"""
FRAGMENTS = st.sampled_from([*PIECES.split(), " ", " ", "\n", "\\\n"])


@given(st.lists(FRAGMENTS, max_size=25).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    for ansi_quotes in (True, False):
        try:
            script = parse(text, ansi_quotes=ansi_quotes)
        except (UnreadableError, TooDeepError):
            continue
        assert all(pipeline.commands for pipeline in script)
