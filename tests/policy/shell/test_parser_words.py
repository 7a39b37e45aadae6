"""Words of sh and bash, and the parts that they are made of."""

from __future__ import annotations

import pytest

from commander.policy.shell.parser import (
    NotModelledError,
    parse,
)
from commander.policy.shell.syntax import (
    Arithmetic,
    Assignment,
    Case,
    CaseArm,
    CommandSubstitution,
    Dialect,
    Glob,
    Parameter,
    ProcessSubstitution,
    Simple,
    Subshell,
    Tilde,
    Word,
)
from tests.policy.shell.trees import (
    BASH,
    BOTH,
    QUOTED_X,
    SH,
    A,
    B,
    X,
    argument,
    arguments,
    only,
    script,
    simple,
    word,
)

# --- words ---------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", word("a")),
        ("''", word("")),
        ("'b'\\\n'c'", word("bc")),
        ('"\\\n"', word("")),
        ("$x''\"$x\"", word(X, QUOTED_X)),
        ('""', word("")),
        ("''\"\"", word("")),
        ("a'b'\"c\"\\d", word("abcd")),
        ("'a b'", word("a b")),
        ("'a\\b'", word("a\\b")),
        ('"a\\b\\$\\`\\"\\\\"', word('a\\b$`"\\')),
        ("a\\", word("a\\")),
        ("a\\\nb", word("ab")),
        ('"a\\\nb"', word("ab")),
        ("'a\\\nb'", word("a\\\nb")),
        ("a#b", word("a#b")),
        ("'#'", word("#")),
        ("$", word("$")),
        ("a$", word("a$")),
        ('"$"', word("$")),
        ("$x", word(X)),
        ('"$x"', word(QUOTED_X)),
        ("a$x'b'", word("a", X, "b")),
        ("$1a", word(Parameter("1"), "a")),
        ("$10", word(Parameter("1"), "0")),
        ("${10}", word(Parameter("10"))),
        ("$@$*$#$?$-$$$!", word(*(Parameter(name) for name in "@*#?-$!"))),
        ("${#}${!}", word(Parameter("#"), Parameter("!"))),
        ("$x\\\n-", word(X, "-")),
        ('"a"""', word("a")),
        ('$x"""b"', word(X, "b")),
    ],
)
def test_words_lose_their_quotes(text: str, expected: Word, dialect: Dialect) -> None:
    assert argument(text, dialect) == expected


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*.py", word(Glob("*.py"))),
        ("'a b'*", word("a b", Glob("*"))),
        ("a?b$x", word(Glob("a?b"), X)),
        ("[a-c]", word(Glob("[a-c]"))),
        ("[", word("[")),
        ("a[", word("a[")),
        ("]a[", word("]a[")),
        ("[a'-'z]", word(Glob("[a"), "-", Glob("z]"))),
        ("a''*", word(Glob("a*"))),
        ("a''[''b''c]", word(Glob("a[bc]"))),
        ('["$x"]', word(Glob("["), QUOTED_X, Glob("]"))),
        ("'*'", word("*")),
        ("\\*", word("*")),
        ("*%#~", word(Glob("*"), "%#~")),
    ],
)
def test_unquoted_patterns_are_globs(
    text: str, expected: Word, dialect: Dialect
) -> None:
    assert argument(text, dialect) == expected


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~", word(Tilde())),
        ("~root", word(Tilde("root"))),
        ("~/a", word(Tilde(), "/a")),
        ("~/*", word(Tilde(), Glob("/*"))),
        ("'~'", word("~")),
        ("\\~/a", word("~/a")),
        ("~'root'", word("~root")),
        ("~$x", word("~", X)),
        ("''~", word("~")),
        ("a~", word("a~")),
        ("a:~", word("a:~")),
        ("--a=~", word("--a=~")),
    ],
)
def test_a_tilde_expands_where_a_word_begins(
    text: str, expected: Word, dialect: Dialect
) -> None:
    assert argument(text, dialect) == expected


def test_a_tilde_behind_an_equals_sign_depends_on_shell_and_command() -> None:
    assert argument("a=~/b:~", BASH) == word("a=", Tilde(), "/b:", Tilde())
    assert argument("a=~/b:~", SH) == word("a=~/b:~")
    for dialect in BOTH:
        command = only("command export a=~", dialect)
        assert command == simple("command", "export", word("a=", Tilde()))
        assert only("echo export a=~", SH) == simple("echo", "export", "a=~")
        assert only("'export' a=~", SH) == simple("export", word("a=", Tilde()))
        value = word("b:", Tilde(), "/c:~:", Tilde("d"))
        assert only("a=b:~/c'':'~':~d", dialect) == Simple((Assignment("a", value),))


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "operator", "operand"),
    [
        ("${x:-a}", ":-", word("a")),
        ("${x-}", "-", Word(())),
        ("${x-\\\n}", "-", Word(())),
        ("${x-''}", "-", word("")),
        ("${x:='a b'}", ":=", word("a b")),
        ("${x:?a b}", ":?", word("a b")),
        ("${x+*}", "+", word(Glob("*"))),
        ("${x:-~/a}", ":-", word(Tilde(), "/a")),
        ("${x:-$x}", ":-", word(X)),
        ('${x:-"$x"}', ":-", word(QUOTED_X)),
        ("${x:-\\}}", ":-", word("}")),
        ("${x:-`a`}", ":-", word(CommandSubstitution(A))),
        ("${x%.*}", "%", word(Glob(".*"))),
        ("${x%%' '*}", "%%", word(" ", Glob("*"))),
        ("${x# *}", "#", word(" ", Glob("*"))),
        ("${x##*/}", "##", word(Glob("*/"))),
        ("${x#\\\n~}", "#", word(Tilde())),
    ],
)
def test_parameters_have_operators(
    text: str, operator: str, operand: Word, dialect: Dialect
) -> None:
    expected = Parameter("x", operator=operator, words=(operand,))
    assert argument(text, dialect) == word(expected)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "operator", "operand"),
    [
        ("${x:-a b}", ":-", word("a b")),
        ("${x:-~ *}", ":-", word("~ *")),
        ("${x:-a\\}\\a}", ":-", word("a}\\a")),
        ('${x:-"a b"}', ":-", word("a b")),
        ('${x:-""}', ":-", Word(())),
        ("${x:-$x}", ":-", word(QUOTED_X)),
        ("${x%'*'$x}", "%", word("*", X)),
    ],
)
def test_quotes_around_a_parameter_reach_into_its_alternative_only(
    text: str, operator: str, operand: Word, dialect: Dialect
) -> None:
    expected = Parameter("x", quoted=True, operator=operator, words=(operand,))
    assert argument(f'"{text}"', dialect) == word(expected)


def test_apostrophes_between_double_quotes_are_plain_to_sh() -> None:
    expected = Parameter("x", True, ":-", (word("it's"),))
    assert argument('"${x:-it\'s}"', SH) == word(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${#x}", Parameter("x", operator="length")),
        ("${#a[@]}", Parameter("a", operator="length", subscript=word("@"))),
        ("${a[1]}", Parameter("a", subscript=word("1"))),
        ("${a['k']:-b}", Parameter("a", False, ":-", (word("b"),), word("k"))),
        ('${a["$x"]}', Parameter("a", subscript=word(QUOTED_X))),
        ("${!x}", Parameter("x", operator="!")),
        ("${!a[@]}", Parameter("a", operator="!", subscript=word("@"))),
        ("${!x*}", Parameter("x", operator="!", words=(word("*"),))),
        ("${x@Q}", Parameter("x", operator="@Q")),
        ("${x^}", Parameter("x", operator="^")),
        ("${x^^[a]}", Parameter("x", operator="^^", words=(word(Glob("[a]")),))),
        ("${x,,}", Parameter("x", operator=",,")),
        ("${x/a/b}", Parameter("x", operator="/", words=(word("a"), word("b")))),
        ("${x//a}", Parameter("x", operator="//", words=(word("a"),))),
        ("${x/#a/}", Parameter("x", operator="/#", words=(word("a"), Word(())))),
        ("${x/%\\//'&'}", Parameter("x", operator="/%", words=(word("/"), word("&")))),
        ("${x:1}", Parameter("x", operator=":", words=(word("1"),))),
        ("${x: -1:$x}", Parameter("x", False, ":", (word(" -1"), word(QUOTED_X)))),
        ("${x::2}", Parameter("x", operator=":", words=(Word(()), word("2")))),
    ],
)
def test_bash_knows_more_of_parameters(text: str, expected: Parameter) -> None:
    assert argument(text, BASH) == word(expected)
    if expected != Parameter("x", operator="length"):
        with pytest.raises(NotModelledError, match="bash"):
            parse(f"echo {text}", SH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$'a\\nb'", "a\nb"),
        ("$'\\a\\b\\e\\E\\f\\r\\t\\v\\\\\\'\\\"\\?'", "\a\b\x1b\x1b\f\r\t\v\\'\"?"),
        ("$'\\x41\\101\\u41\\U41\\cA'", "AAAA\x01"),
        ("$'\\xc3\\xa9\\u00e9é'", "ééé"),
        ("$'a\\0b'c", "ac"),
        ("$'plain'", "plain"),
        ('$"a b"', "a b"),
    ],
)
def test_bash_has_quotes_with_escapes(text: str, expected: str) -> None:
    assert argument(text, BASH) == word(expected)


def test_a_dollar_before_quotes_is_plain_to_sh() -> None:
    assert argument("$'a\\n'", SH) == word("$a\\n")
    assert argument('$"a"', SH) == word("$a")
    assert argument("$[1]", SH) == word("$", Glob("[1]"))


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(a)", word(CommandSubstitution(A))),
        ('"$(a)"', word(CommandSubstitution(A, quoted=True))),
        ("$()", word(CommandSubstitution(()))),
        ("$(a # )\n)", word(CommandSubstitution(A))),
        (
            "$(case a in a) b;; esac)",
            word(
                CommandSubstitution(
                    script(Case(word("a"), (CaseArm((word("a"),), B),)))
                )
            ),
        ),
        ("`a`", word(CommandSubstitution(A))),
        (
            "`a \\`b\\``",
            word(
                CommandSubstitution(script(simple("a", word(CommandSubstitution(B)))))
            ),
        ),
        (
            "`a \\$x \\\\\\\\`",
            word(CommandSubstitution(script(simple("a", word(X), "\\")))),
        ),
        ('"`a \\"b\\"`"', word(CommandSubstitution(script(simple("a", "b")), True))),
        ("$((1 + 2))", word(Arithmetic(word("1 + 2")))),
        ("$(( (x)*$x ))", word(Arithmetic(word("(x)*", QUOTED_X)))),
        ('"$((\n1\n+1))"', word(Arithmetic(word("1 +1"), quoted=True))),
        ("$(())", word(Arithmetic(Word(())))),
        ("$( (a))", word(CommandSubstitution(script(Subshell(A))))),
    ],
)
def test_words_hold_commands_and_arithmetic(
    text: str, expected: Word, dialect: Dialect
) -> None:
    assert argument(text, dialect) == expected


def test_bash_hands_over_pipes_as_files() -> None:
    read, write = ProcessSubstitution("<", A), ProcessSubstitution(">", B)
    assert argument("<(a)", BASH) == word(read)
    assert argument("x<(a)>(b)", BASH) == word("x", read, write)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a,b}", ["a", "b"]),
        ("x{a,b}y{c,d}", ["xayc", "xayd", "xbyc", "xbyd"]),
        ("{a,{b,c}d}", ["a", "bd", "cd"]),
        ("{'a b',c}", ["a b", "c"]),
        ("x{,y}", ["x", "xy"]),
        ("{,a}", ["a"]),
        ("{1..3}", ["1", "2", "3"]),
        ("{3..1}", ["3", "2", "1"]),
        ("{1..10..4}", ["1", "5", "9"]),
        ("{10..1..-4}", ["10", "6", "2"]),
        ("{1..3..0}", ["1", "2", "3"]),
        ("{08..10}", ["08", "09", "10"]),
        ("{-1..01}", ["-1", "00", "01"]),
        ("{a..e..2}", ["a", "c", "e"]),
        ("{C..A}", ["C", "B", "A"]),
        ("{}", ["{}"]),
        ("{a}", ["{a}"]),
        ("a,b", ["a,b"]),
        ("{a}{b,c}", ["{a}b", "{a}c"]),
        ("{a,b}}", ["a}", "b}"]),
        ("{a{b,c}}", ["{ab}", "{ac}"]),
        ("{1..1}{2..2}", ["12"]),
        ("{a..1}", ["{a..1}"]),
        ("{a", ["{a"]),
        ("a}", ["a}"]),
        ("'{a,b}'", ["{a,b}"]),
        ("\\{a,b}", ["{a,b}"]),
        ("{a\\,b}", ["{a,b}"]),
        ("@{u}..@{1}", ["@{u}..@{1}"]),
    ],
)
def test_bash_expands_braces(text: str, expected: list[str]) -> None:
    assert arguments(text, BASH) == expected
    static = text.translate({ord(character): None for character in "'\\"})
    assert arguments(text, SH) == [static]


def test_braces_come_before_all_other_expansions() -> None:
    assert only("echo {~/,$x/}{*,a}", BASH) == simple(
        "echo",
        word(Tilde(), Glob("/*")),
        word(Tilde(), "/a"),
        word(X, Glob("/*")),
        word(X, "/a"),
    )


@pytest.mark.parametrize("dialect", BOTH)
def test_braces_beside_a_pattern_are_literal(dialect: Dialect) -> None:
    assert argument("*{a}", dialect) == word(Glob("*"), "{", Glob("a"), "}")
    assert only("x={a,b}*", dialect) == Simple((Assignment("x", word("{a,b}*")),))
