"""Commands of sh and bash, and the trees that they are."""

from __future__ import annotations

import pytest

from commander.policy.shell.parser import (
    parse,
)
from commander.policy.shell.syntax import (
    Arithmetic,
    ArithmeticCommand,
    ArithmeticFor,
    Array,
    Assignment,
    Case,
    CaseArm,
    Command,
    CommandSubstitution,
    Conditional,
    Dialect,
    For,
    Function,
    Glob,
    Group,
    If,
    Link,
    Loop,
    Parameter,
    Pipeline,
    Redirection,
    Script,
    Simple,
    Statement,
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
    C,
    X,
    only,
    script,
    simple,
    word,
)

# --- simple commands -----------------------------------------------------------------


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", simple("a", "b")),
        ("  a\t\\\n b # c", simple("a", "b")),
        (
            "x=1 y= z=$x a b=c",
            Simple(
                (
                    Assignment("x", word("1")),
                    Assignment("y", word("")),
                    Assignment("z", word(X)),
                ),
                simple("a", "b=c").words,
            ),
        ),
        ("x='*'* y", Simple((Assignment("x", word("**")),), simple("y").words)),
        ("'x'=1", simple("x=1")),
        ("x\\\n=1", Simple((Assignment("x", word("1")),))),
        ("1=2", simple("1=2")),
        ("[ a ]", simple("[", "a", "]")),
        ("a if", simple("a", "if")),
        ("'if' a", simple("if", "a")),
        ("i\\f a", simple("if", "a")),
        ("x=1 if", Simple((Assignment("x", word("1")),), simple("if").words)),
        ("{a b", simple("{a", "b")),
    ],
)
def test_commands_are_assignments_and_words(
    text: str, expected: Simple, dialect: Dialect
) -> None:
    assert only(text, dialect) == expected


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > f", (Redirection(">", word("f")),)),
        ("a >>f<g", (Redirection(">>", word("f")), Redirection("<", word("g")))),
        ("a 2>'f g'", (Redirection(">", word("f g"), 2),)),
        ("a 2>&1 >&-", (Redirection(">&", word("1"), 2), Redirection(">&", word("-")))),
        ("a <&3 0<&$x", (Redirection("<&", word("3")), Redirection("<&", word(X), 0))),
        ("> f a", (Redirection(">", word("f")),)),
        ("a <>f >|~", (Redirection("<>", word("f")), Redirection(">|", word(Tilde())))),
    ],
)
def test_commands_are_redirected(
    text: str, expected: tuple[Redirection, ...], dialect: Dialect
) -> None:
    assert only(text, dialect) == Simple((), simple("a").words, expected)


def test_shells_differ_about_redirections() -> None:
    both = (Redirection(">", word("f")), Redirection(">&", word("1"), 2))
    more = (Redirection(">>", word("f")), both[1])
    words = simple("a").words
    assert only("a &> f", BASH) == only("a >& f", BASH) == Simple((), words, both)
    assert only("a &>>f", BASH) == Simple((), words, more)
    first, second = parse("a &> f", SH)
    assert first == Statement(Pipeline((simple("a"),)), background=True)
    assert second.first.commands == (Simple(redirections=both[:1]),)
    assert only("a <<< ~", BASH) == Simple(
        (), words, (Redirection("<<<", word(Tilde())),)
    )
    assert only("a 10> f", BASH) == Simple(
        (), words, (Redirection(">", word("f"), 10),)
    )
    assert only("a 10> f", SH) == Simple((), simple("a", "10").words, both[:1])
    assert only("a > *", BASH) == Simple(
        (), words, (Redirection(">", word(Glob("*"))),)
    )
    assert only("a > *", SH) == Simple((), words, (Redirection(">", word("*")),))
    assert only("a > {f}", BASH) == Simple((), words, (Redirection(">", word("{f}")),))
    assert only("a >&$x", BASH) == Simple((), words, (Redirection(">&", word(X)),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x+=1", Assignment("x", word("1"), append=True)),
        ("x[1]=a", Assignment("x", word("a"), subscript=word("1"))),
        (
            "x[$y]+=a$x",
            Assignment("x", word("a", X), True, word(Parameter("y", quoted=True))),
        ),
        ("x['k']=", Assignment("x", word(""), subscript=word("k"))),
        (
            "x[$((1))]=~",
            Assignment(
                "x", word(Tilde()), subscript=word(Arithmetic(word("1"), quoted=True))
            ),
        ),
        ("x=()", Assignment("x", Array(()))),
        ("x+=(a # b\n *)", Assignment("x", Array((word("a"), word(Glob("*")))), True)),
        (
            "x=({a,b} [k]=c)",
            Assignment(
                "x",
                Array(
                    (
                        word("a"),
                        word("b"),
                        Assignment("", word("c"), subscript=word("k")),
                    )
                ),
            ),
        ),
    ],
)
def test_bash_has_arrays(text: str, expected: Assignment) -> None:
    assert only(text, BASH) == Simple((expected,))


def test_declaring_builtins_of_bash_take_arrays() -> None:
    array = Assignment("x", Array((word("a"),)))
    words = simple("declare", "-a").words
    assert only("declare -a x=(a) y=b", BASH) == Simple(
        words=(*words, array, word("y=b"))
    )
    assert only("declare 'x[0]=b' x[$y]=b", BASH) == simple(
        "declare", "x[0]=b", word(Glob("x["), Parameter("y"), Glob("]=b"))
    )
    assert only("x[0]=1", SH) == simple(word(Glob("x[0]=1")))
    assert only("x+=1", SH) == simple("x+=1")


# --- lists and compound commands -----------------------------------------------------


def pipe(*names: str, negated: bool = False, timed: bool = False) -> Pipeline:
    return Pipeline(tuple(simple(name) for name in names), negated, timed)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("# a\n\n", ()),
        ("a;b\n\nc", (*A, *B, *C)),
        ("a | b", (Statement(pipe("a", "b")),)),
        ("a |\n\n b", (Statement(pipe("a", "b")),)),
        ("! a", (Statement(pipe("a", negated=True)),)),
        ("a &\\\n b", (Statement(pipe("a"), background=True), *B)),
        ("a & b", (Statement(pipe("a"), background=True), *B)),
        (
            "a && b ||\n! c &",
            (
                Statement(
                    pipe("a"),
                    (Link("&&", pipe("b")), Link("||", pipe("c", negated=True))),
                    background=True,
                ),
            ),
        ),
    ],
)
def test_commands_are_joined(text: str, expected: Script, dialect: Dialect) -> None:
    assert parse(text, dialect) == expected


TO_F = (Redirection(">", word("f")),)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ a; }", Group(A)),
        ("{ a\n} >f", Group(A, TO_F)),
        ("(a)", Subshell(A)),
        ("( (a) )>f", Subshell(script(Subshell(A)), TO_F)),
        ("if a; then b; fi", If(((A, B),))),
        ("if a\nthen b\nelse c\nfi", If(((A, B),), C)),
        ("if a;then b;elif b;then c;fi >f", If(((A, B), (B, C)), None, TO_F)),
        ("while a; do b; done", Loop(A, B)),
        ("until { a; } do b; done >f", Loop(script(Group(A)), B, True, TO_F)),
        ("for x in a 'b'; do c; done", For("x", (word("a"), word("b")), C)),
        ("for x\nin\ndo c; done", For("x", (), C)),
        ("for x in do; do c; done", For("x", (word("do"),), C)),
        ("for x; do c; done", For("x", None, C)),
        ("for x do c; done >f", For("x", None, C, False, TO_F)),
        ("for x\n\ndo c; done", For("x", None, C)),
        ("case a in esac", Case(word("a"), ())),
        (
            "case ~ in\n(a|b*) c;;\n[x]) esac >f",
            Case(
                word(Tilde()),
                (
                    CaseArm((word("a"), word(Glob("b*"))), C),
                    CaseArm((word(Glob("[x]")),), ()),
                ),
                TO_F,
            ),
        ),
        ("case in in in) c\nesac", Case(word("in"), (CaseArm((word("in"),), C),))),
        ("f() { a; }", Function("f", Group(A))),
        ("f ( )\n\n(a) >f", Function("f", Subshell(A, TO_F))),
    ],
)
def test_commands_are_compound(text: str, expected: Command, dialect: Dialect) -> None:
    assert only(text, dialect) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("function f { a; }", Function("f", Group(A))),
        ("function f () (a)", Function("f", Subshell(A))),
        (":() { a; }", Function(":", Group(A))),
        ("select x in a; do c; done", For("x", (word("a"),), C, select=True)),
        (
            "for ((i=0; i<2; i++)); do a; done",
            ArithmeticFor(word("i=0"), word("i<2"), word("i++"), A),
        ),
        ("for ((;;))\ndo a; done", ArithmeticFor(Word(()), Word(()), Word(()), A)),
        ("(( x > 1 )) >f", ArithmeticCommand(word("x > 1"), TO_F)),
        (
            "case a in a) b;& b) c;;& esac",
            Case(
                word("a"),
                (CaseArm((word("a"),), B, ";&"), CaseArm((word("b"),), C, ";;&")),
            ),
        ),
        ("[[ a ]] >f", Conditional((word("a"),), TO_F)),
        ("[[ -f a* && ! $x ]]", Conditional(("-f", word("a*"), "&&", "!", word(X)))),
        (
            "[[\n( a == b* ) ||\nb != 'c*'\n]]",
            Conditional(
                (
                    "(",
                    word("a"),
                    "==",
                    word(Glob("b*")),
                    ")",
                    "||",
                    word("b"),
                    "!=",
                    word("c*"),
                )
            ),
        ),
        (
            "[[ a < b && 1 -eq $x ]]",
            Conditional((word("a"), "<", word("b"), "&&", word("1"), "-eq", word(X))),
        ),
        ("[[ '-f' = -f ]]", Conditional((word("-f"), "=", word("-f")))),
        ("[[ -n -f ]]", Conditional(("-n", word("-f")))),
        ("[[ $x =~ abc ]]", Conditional((word(X), "=~", word("abc")))),
        (
            "[[ a =~ ^(a|b)+\\.$ ]]",
            Conditional((word("a"), "=~", word(Glob("^(a|b)+"), ".", Glob("$")))),
        ),
        (
            "[[ a =~ '.'\"$x\"$x.*`a` ]]",
            Conditional(
                (
                    word("a"),
                    "=~",
                    word(".", QUOTED_X, X, Glob(".*"), CommandSubstitution(A)),
                )
            ),
        ),
    ],
)
def test_bash_has_more_compound_commands(text: str, expected: Command) -> None:
    assert only(text, BASH) == expected


def test_what_only_bash_reserves_is_ordinary_to_sh() -> None:
    assert only("[[ x ]]", SH) == simple("[[", "x", "]]")
    assert only("time a", SH) == simple("time", "a")
    assert only("function f", SH) == simple("function", "f")
    assert only("((x))", SH) == Subshell(script(Subshell(script(simple("x")))))


def test_bash_times_pipelines() -> None:
    assert parse("time -p ! a | b", BASH) == (
        Statement(pipe("a", "b", negated=True, timed=True)),
    )
    assert parse("! time a", BASH) == (Statement(pipe("a", negated=True, timed=True)),)


def test_errors_go_down_the_pipe_too() -> None:
    both = Redirection(">&", word("1"), 2)
    assert parse("a >f |& b", BASH) == parse("a >f 2>&1 | b", BASH)
    (statement,) = parse("{ a; } |& b", BASH)
    assert statement.first.commands == (Group(A, (both,)), simple("b"))
