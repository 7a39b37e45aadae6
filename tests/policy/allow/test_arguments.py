"""A command's words, told apart as its program would."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.allow.arguments import Arguments, matches, read_arguments
from commander.policy.allow.fields import UNKNOWN, Field, certain
from commander.policy.programs import PROGRAMS, find
from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
    Subcommand,
)

RUNS = Risk(options="-r --run --run-all", effect=Effect.RUNS, why="runs it")
PREFIX = Risk(options="-B*", effect=Effect.LOADS, why="loads it", bare=True)
BARE = Risk(options="-i --in-place", effect=Effect.EDITS, why="edits", bare=True)
CHOICE = Risk(
    options="-T", effect=Effect.RUNS, why="runs it", bare=True, values="sh bash"
)
COMMAND = Risk(options="-x --exec", effect=Effect.COMMAND, why="runs it")


def program(style: Style = Style.GNU, **more: object) -> Program:
    return Program(
        names="made-up",
        style=style,
        valued="-o --output --runner",
        risks=(RUNS, PREFIX, BARE, CHOICE, COMMAND),
        reason="A test has it.",
        **more,  # type: ignore[arg-type]  # of one test each
    )


def words(text: str) -> list[Field]:
    """Fields: ``$`` is a quoted variable, ``@`` one without quotes, ``*`` a pattern."""
    return [
        Field(
            word.replace("$", UNKNOWN).replace("@", UNKNOWN),
            pattern="*" in word,
            loose="@" in word,
        )
        for word in text.split()
    ]


def shown(arguments: Arguments) -> str:
    """Options and operands in a line; an unknown option has a question mark."""
    options = (
        given.name
        + ("" if given.known else "?")
        + ("" if given.value is None else f"={given.value.text}")
        + ("" if not given.command else f"[{_texts(given.command)}]")
        for given in arguments.options
    )
    return f"{' '.join(options)} | {_texts(arguments.operands)}".strip()


def _texts(fields: tuple[Field, ...]) -> str:
    return " ".join(field.text for field in fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "|"),
        ("a b", "| a b"),
        ("-o x a", "-o=x | a"),
        ("-ox a", "-o=x | a"),
        ("a -o x b", "-o=x | a b"),
        ("-o", "-o |"),
        ("-o -r", "-o=-r |"),
        ("--output=x a", "--output=x | a"),
        ("--output= a", "--output= | a"),
        ("--output x a", "--output=x | a"),
        ("--output -- a", "--output=-- | a"),
        ("--out x a", "--output=x | a"),
        ("-i x", "-i | x"),
        ("--in-place=.bak x", "--in-place=.bak | x"),
        ("-zi x", "-z? -i | x"),
        ("-zoi x", "-z? -o=i | x"),
        ("-izo x y", "-i -z? -o=x | y"),
        ("-r", "-r |"),
        ("-Bdir x", "-B* | x"),
        ("-Tsh x", "-T=sh | x"),
        ("-T sh x", "-T | sh x"),
        ("--unknown x", "--unknown? | x"),
        ("--unknown=v x", "--unknown?=v | x"),
        ("- a", "| - a"),
        ("-- -r x", "| -r x"),
        ("a -- -r", "| a -r"),
        ("-x ls -l ; b -o x", "-x[ls -l] -o=x | b"),
        ("-x ls {} + b", "-x[ls {}] | b"),
        ("-x", "-x |"),
        ("--exec=ls -l", "--exec[ls -l] |"),
        ("-xls -l", "-x[ls -l] |"),
    ],
)
def test_words_are_read_as_gnu_programs_do(text: str, expected: str) -> None:
    assert shown(read_arguments(program(), words(text))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-o x ls -r y", "-o=x | ls -r y"),
        ("-- ls -r", "| ls -r"),
        ("-i ls -- -r", "-i | ls -- -r"),
    ],
)
def test_the_first_operand_ends_the_options_of_what_wraps(
    text: str, expected: str
) -> None:
    assert shown(read_arguments(program(Style.POSIX), words(text))) == expected
    fixed = read_arguments(program(), words(text), first_operand_ends=True)
    assert shown(fixed) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-output=x a", "-output?=x | a"),
        ("-o x a", "-o=x | a"),
        ("-o=x a", "-o=x | a"),
        ("-ri", "-ri? |"),
        ("--o=x a", "-o=x | a"),
        ("--run x", "--run=x |"),
        ("--ru x", "--ru? | x"),
        ("-x ls ; -o y", "-x[ls] -o=y |"),
    ],
)
def test_words_that_begin_with_a_dash_are_whole_options(
    text: str, expected: str
) -> None:
    assert shown(read_arguments(program(Style.WORDS), words(text))) == expected


def test_where_names_are_exact_nothing_is_an_abbreviation() -> None:
    exact = read_arguments(program(Style.EXACT), words("--out x --run y"))
    assert shown(exact) == "--out? --run=y | x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--run x", "--run=x |"),
        ("--runner x", "--runner=x |"),
        ("--run-a x", "--run-all=x |"),
        ("--ru x", "--run=x |"),
        ("--r x", "--run=x |"),
        ("--", "|"),
    ],
)
def test_a_name_in_full_wins_over_what_it_abbreviates(text: str, expected: str) -> None:
    assert shown(read_arguments(program(), words(text))) == expected


def test_an_abbreviation_counts_as_the_risk_if_it_may_be_one() -> None:
    found = read_arguments(program(), words("--ru x")).options[0]
    assert found.risk is RUNS
    full = read_arguments(program(), words("--runner x")).options[0]
    assert full.risk is None


def test_curls_cookie_is_no_cookie_jar() -> None:
    curl = find("curl")
    assert curl is not None
    (cookie,) = read_arguments(curl, words("--cookie a=b")).options
    (jar,) = read_arguments(curl, words("--cookie-jar a")).options
    (short,) = read_arguments(curl, words("--cookie-j a")).options
    assert cookie.risk is None
    assert jar.risk is not None
    assert curl.style is Style.EXACT or short.risk is jar.risk


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xo f a", "-x[f a] -o |"),
        ("zo f a", "-z? -o=f | a"),
        ("-zo f a", "-z? -o=f | a"),
        ("oo a b c", "-o=a -o=b | c"),
        ("", "|"),
    ],
)
def test_a_first_word_may_be_a_cluster(text: str, expected: str) -> None:
    tar = program(first_word_cluster=True)
    assert shown(read_arguments(tar, words(text))) == expected


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("a", None),
        ("$", "$"),
        ("a$", None),
        ("./$", None),
        ("a* *b", "*b"),
        ("@", "@"),
        ("-- $", None),
        ("-$", "-$"),
        ("-i$", "-i$"),
        ("-o$", None),
        ("-o $", None),
        ("-o @", "@"),
        ("--output=$", None),
        ("--output=@", "--output=@"),
        ("--output=*", None),
        ("--out$=x", "--out$=x"),
        ("-*", "-*"),
        ("@ $", "@"),
        ("-o @ $", "@"),
    ],
)
def test_a_word_that_may_become_an_option_is_told(text: str, doubt: str | None) -> None:
    uncertain = read_arguments(program(), words(text)).uncertain
    assert uncertain == (words(doubt)[0] if doubt else None)


def test_a_first_cluster_that_is_computed_is_a_doubt() -> None:
    tar = program(first_word_cluster=True)
    assert read_arguments(tar, words("z$ a")).uncertain == words("z$")[0]


def test_the_rest_begins_with_the_first_operand() -> None:
    for text, rest in [("-o x a b", 2), ("a -o x", 0), ("-i", 1), ("-- a", 1)]:
        assert read_arguments(program(), words(text)).rest == rest


def test_a_module_takes_all_words_behind_it() -> None:
    python = program(
        code=Code(language=Language.OPAQUE, module="-m", operand_with="-c")
    )
    assert shown(read_arguments(python, words("-m x -r y"))) == "-m=x | -r y"
    assert shown(read_arguments(python, words("-zc y -r a"))) == "-z? -c -r=a | y"


def test_options_of_subcommands_count_where_they_are_given() -> None:
    own = Risk(options="--edit", effect=Effect.RUNS, why="edits", bare=True)
    subcommand = Subcommand(names="config", valued="--type", risks=(own,))
    text = words("--type x --edit --run y")
    with_own = read_arguments(program(), text, subcommands=(subcommand,))
    alone = read_arguments(program(), text, subcommands=(subcommand,), own=False)
    assert shown(with_own) == "--type=x --edit --run=y |"
    assert shown(alone) == "--type=x --edit --run? | y"
    assert alone.has("--run -x")
    assert not alone.has("--type-x")


def test_patterns_are_separated_by_blanks() -> None:
    assert matches("a* b", "abc")
    assert not matches("a* b", "ba")
    assert not matches("", "")


# --- properties ----------------------------------------------------------------------


def vocabulary(made: Program) -> list[str]:
    texts = [made.valued, made.flags or "", *(risk.options for risk in made.risks)]
    for subcommand in made.subcommands:
        texts += [subcommand.names, subcommand.valued]
        texts += [risk.options for risk in subcommand.risks]
    return sorted(set(" ".join(texts).replace("*", "").split()))


@st.composite
def commands(draw: st.DrawFn) -> tuple[Program, list[Field]]:
    made = draw(st.sampled_from(PROGRAMS))
    word = st.one_of(
        st.sampled_from([*vocabulary(made), "--", "-", ";", "+", "x", "-zz", ""]),
        st.text(max_size=4),
        st.just(UNKNOWN),
    )
    joined = st.lists(word, min_size=1, max_size=2).map("".join)
    with_value = st.lists(word, min_size=2, max_size=2).map("=".join)
    text = st.one_of(word, joined, with_value)
    field = st.builds(
        Field, text, pattern=st.booleans(), loose=st.sampled_from([False, False, True])
    )
    return made, draw(st.lists(field, max_size=9))


@given(commands(), st.sampled_from([None, True, False]))
def test_every_row_of_words_is_read(
    command: tuple[Program, list[Field]], ends: bool | None
) -> None:
    made, fields = command
    arguments = read_arguments(made, fields, first_operand_ends=ends)
    assert 0 <= arguments.rest <= len(fields)
    assert all(given.name for given in arguments.options)


@given(commands())
def test_no_word_is_lost_and_none_is_read_twice(
    command: tuple[Program, list[Field]],
) -> None:
    """What is not an operand stands before, in or behind an option."""
    made, fields = command
    arguments = read_arguments(made, fields)
    rest = iter(fields)
    assert all(any(operand is one for one in rest) for operand in arguments.operands)
    taken = [given.value for given in arguments.options if given.value is not None]
    taken += itertools.chain(*(given.command for given in arguments.options))
    whole = sum(any(one is field for field in fields) for one in taken)
    assert len(arguments.operands) + whole <= len(fields)


@given(commands())
def test_behind_two_dashes_everything_is_an_operand(
    command: tuple[Program, list[Field]],
) -> None:
    made, fields = command
    if not made.first_word_cluster:
        arguments = read_arguments(made, [certain("--"), *fields])
        assert arguments.operands == tuple(fields)
        assert arguments.options == ()
        assert arguments.uncertain is None
