"""What is malformed, or read in more than one way, is refused."""

from __future__ import annotations

import pytest

from commander.policy.shell.parser import (
    NotModelledError,
    parse,
)
from commander.policy.shell.syntax import (
    Dialect,
)
from tests.policy.shell.trees import BASH, BOTH, SH, A, B

# --- refusals ------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a 'b", "quote is not closed"),
        ('a "b', "quote is not closed"),
        ("a `b", "backtick is not closed"),
        ("a $(b", "text ends"),
        ("a ${b", "malformed"),
        ("a ${}", "malformed"),
        ("a ${x y}", "malformed"),
        ("a ${#?}", "malformed"),
        ("a ${#-x}", "malformed"),
        ("a ${x:-a b}", "split"),
        ("a ${x:-a:~}", "tilde"),
        ('a "${x#~}"', "tilde"),
        ('a "${x:-"$(b)"}"', "quotes within"),
        ("a $\\\n(b)", "dollar"),
        ("a $x\\\ny", "within a name"),
        ("a &\\\n& b", "within an operator"),
        ("a `b\\\nc`", "backslash between backticks"),
        ("a $((1)", "arithmetic"),
        ("a $((1;2))", "arithmetic"),
        ("a $(('1'))", "arithmetic"),
        ("a $(($))", "dollar sign"),
        ("a $((b) | c)", "no arithmetic"),
        ("a ''$x", "empty quote"),
        ("a $x$", "dollar sign behind"),
        ("a $(b)c$/", "dollar sign behind"),
        ("a b$x''", "empty quote"),
        ("a ''$x\"b\"", "empty quote"),
        ("a b$x''$y", "empty quote"),
        ("a b$((1))''", "empty quote"),
        ("a \"${x-$@}\"''", "empty quote"),
        ("a \"$@\"''$(b)", "empty quote"),
        ("a ~@/b", "tilde"),
        ("a ~1", "tilde"),
        ("a ~b:c", "tilde"),
        ("export 'x'=$y", "partly quoted"),
        ("a >", "names no file"),
        ("a > &", "names no file"),
        ("a <<", "no delimiter"),
        ("a <<$x\n", "not plain"),
        ("a <<a`\n", "backtick"),
        ("a <<'b\nc'\nd", "not plain"),
        ("a <<E\nb", "ends within a here-document"),
        ("a <<E\n$(b\nE\n", "text ends"),
        ("a <<E\n\\\nE\nE\n", "may end"),
        ('a <<E\n`\\"b\\"`\nE\n', "between backticks"),
        ("a <<E\n${x%'b'}\nE\n", "not closed"),
        ('a <<E\n${x:-"b"}\nE\n', "quotes within"),
        ("a <<-E\nb\\\n\tc\nE\n", "tab"),
        ("a <<-E\n$(b\n)\nE\n", "spans lines"),
        ("a $(b <<E)\nE\n", "behind the end"),
        ("a <<E $(b\n)\nE\n", "while a here-document is due"),
        ("a 1<&b", "number of a file"),
        ("a <&b", "number of a file"),
        ("a )", "`)`"),
        ("a; ; b", "`;`"),
        ("a ;; b", "`;;`"),
        ("a | | b", "`|`"),
        ("a &&", "text ends"),
        ("! ! a", "`!`"),
        ("a | ! b", "`!`"),
        ("{ a }", "text ends"),
        ("{ }", "`}`"),
        ("( )", "`)`"),
        ("}", "`}`"),
        ("(a) b", "`b`"),
        ("if a; fi", "`fi`"),
        ("if a; then fi", "`fi`"),
        ("then", "`then`"),
        ("in", "`in`"),
        ("while a; b; done", "`done`"),
        ("for 1 in a; do b; done", "`1`"),
        ("for x in a & do b; done", "`&`"),
        ("for x a; do b; done", "`a`"),
        ("for x; b", "`b`"),
        ("case; in", "`;`"),
        ("case a b", "`b`"),
        ("case a in b; c", "`;`"),
        ("case a in (esac) b;; esac", "`esac`"),
        ("case a in b) c", "text ends"),
        ("case a in b) c ;; \n", "text ends"),
        ("a b()", "`(`"),
        ("'a'() { b; }", "`(`"),
        ("a( b )", "`b`"),
        ("a=1 f() { b; }", "`(`"),
        ("f() a", "no compound"),
        ("f() g() { a; }", "no compound"),
        ("a=b() { c; }", "`(`"),
        ("a\0b", "null"),
        ("if a\n", "text ends"),
        ("a &&\n\n)", "`)`"),
        ("a <<E |\nE\n\n", "text ends"),
    ],
)
def test_what_is_malformed_or_unclear_is_refused(
    text: str, reason: str, dialect: Dialect
) -> None:
    with pytest.raises(NotModelledError) as caught:
        parse(text, dialect)
    assert reason in caught.value.reason
    assert 0 <= caught.value.position <= len(text)
    assert "\n" not in caught.value.fragment


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a <(b)", "names no file"),
        ("x=(a)", "`(`"),
        ("a <<< b", "no delimiter"),
        ("a >&f", "number of a file"),
        ("a >&10", "number of a file"),
        ("a |& b", "`&`"),
        ("a 1\\\n>f", "number and its operator"),
        ("export() { a; }", "name of a function"),
        ("f-g() { a; }", "name of a function"),
        ("for ((;;)); do a; done", "`(`"),
        ("a @(b)", "`(`"),
        ("case a in b) c;& esac", "`&`"),
    ],
)
def test_what_sh_does_not_know_is_refused_to_it(text: str, reason: str) -> None:
    with pytest.raises(NotModelledError) as caught:
        parse(text, SH)
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("coproc a", "coprocess"),
        ("a $[1]", "gave up"),
        ("a @(b)", "extended pattern"),
        ("a ${x%@(b)}", "extended pattern"),
        ("a ${x:-<(b)}", "substitution or extended"),
        ("!(a)", "extended pattern"),
        ("a {x}>f", "descriptor"),
        ("a 12345>f", "descriptor"),
        ("a >&1-", "number of a file"),
        ("a 2>&f", "number of a file"),
        ("a > {f,g}", "several files"),
        ("a {b,{c}", "paired"),
        ("a {a},b}", "paired"),
        ("a {a..", "paired"),
        ("a {a..{b,c}}", "paired"),
        ("a {a..$x}", "paired"),
        ("a {1..300}", "256"),
        ("a {1..20}{1..20}", "256"),
        ("a {1..20}" + "b" * 4000, "256"),
        ("a " + "{" * 9, "8 braces"),
        ("a $x{b,c}", "next to a name"),
        ("a {b,c}=~", "tilde prefix in one word"),
        ("a $'\\q'", "none that bash knows"),
        ("a $'\\xff'", "no text"),
        ("a $'\\ud800'", "no text"),
        ("a $'\\Uffffffff'", "no text"),
        ("a $'\\c1'", "no letter"),
        ("a $'b", "not closed"),
        ('a "${x:-it\'s}"', "quotes within"),
        ("a ${!x:-a}", "malformed"),
        ("a ${!1}", "malformed"),
        ("a ${x/a/&}", "replacement"),
        ("a ${x/[/]/b}", "bracket"),
        ("a ${x////b}", "slash"),
        ("a ${x:}", "malformed"),
        ("a ${x:y(1)}", "not closed"),
        ("a ${a[x y]}", "subscript"),
        ("a ${a[]}", "subscript"),
        ("x[y z]=1", "not plain"),
        ("x['y z']=1", "not plain"),
        ("x[1] a", "not plain"),
        ("x[1]=(a)", "`(`"),
        ("declare x[y z]=1", "not closed in its word"),
        ("declare x(y)", "`(`"),
        ("declare 1=(y)", "`(`"),
        ("'declare' x=$y", "quoted"),
        ("a x[y]=~", "may be an element"),
        ("x=(a)b", "directly"),
        ("x=(a", "array is not closed"),
        ("x=(a;b)", "array is not closed"),
        (">f x=(a)", "behind a redirection"),
        ("a <<E x=(\nE\n)", "`(`"),
        ("x=(\n) <<E y=(\n)", "while a here-document"),
        ("echo x=(a)", "`(`"),
        ("time -x", "`-x`"),
        ("time x=(a)", "`x=`"),
        ("time time a", "`time`"),
        ("a | time b", "`time`"),
        ("f() { a; } |& b", "`|&`"),
        ("function if { a; }", "name of a function"),
        ("function 'f' { a; }", "`'f'`"),
        ("for (a; b); do c; done", "`(`"),
        ("((a)", "no arithmetic"),
        ("((a) | b)", "no arithmetic"),
        ("[[ a", "not closed"),
        ("[[ ]]", "`]]`"),
        ("[[ -f ]]", "`]]`"),
        ("[[ a == ]]", "`]]`"),
        ("[[ a b ]]", "malformed"),
        ("[[ ( a ]]", "malformed"),
        ("[[ a ) ]]", "malformed"),
        ("[[ a\n]]", "line ends"),
        ("[[ a 1< b ]]", "`<`"),
        ("[[ a =~ (b c) ]]", "regular expression"),
        ('[[ a =~ ["b"] ]]', "regular expression"),
        ("[[ a =~ \\d ]]", "backslash in a regular"),
        ("[[ a <<E\n]]\nE\n", "malformed"),
        ("a \"${x[@]}\"''", "empty quote"),
        ("a \"${!x}\"''", "empty quote"),
        ("a $((1))''", "empty quote"),
    ],
)
def test_what_bash_reads_in_odd_ways_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotModelledError) as caught:
        parse(text, BASH)
    assert reason in caught.value.reason


def test_a_refusal_tells_where_and_what_came_before() -> None:
    with pytest.raises(NotModelledError) as caught:
        parse("a\nb; c $(coproc d)\ne", BASH)
    error = caught.value
    assert error.before == (*A, *B)
    assert (error.position, error.fragment) == (9, "coproc d)")
    assert str(error) == error.reason == "`coproc` starts a coprocess"


@pytest.mark.parametrize("text", ["a `b)`", "a <<E\n$(b;;)\nE\n"])
def test_a_refusal_in_a_text_within_is_located_around_it(text: str) -> None:
    with pytest.raises(NotModelledError) as caught:
        parse(text, SH)
    assert text[caught.value.position :].startswith(("`b", "$(b"))


def test_a_refused_escape_is_located_too() -> None:
    with pytest.raises(NotModelledError) as caught:
        parse("a $'\\q'", BASH)
    assert caught.value.position == 2
