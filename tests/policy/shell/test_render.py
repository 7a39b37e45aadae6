"""Trees as text: written bare or quoted, on one line or on several, and read back."""

from __future__ import annotations

import pytest

from commander.policy.shell.parser import parse
from commander.policy.shell.render import NotRenderableError, render
from commander.policy.shell.syntax import (
    Arithmetic,
    ArithmeticCommand,
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
    Parameter,
    Pipeline,
    ProcessSubstitution,
    Redirection,
    Simple,
    Statement,
    Subshell,
    Tilde,
)
from tests.policy.shell.trees import (
    BASH,
    BOTH,
    QUOTED_X,
    SH,
    A,
    X,
    here,
    script,
    simple,
    word,
)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("ls  -la\tsrc/a.py", "ls -la src/a.py"),
        ("git log -1 --format=%h,%s @:+", "git log -1 --format=%h,%s @:+"),
        ("a 'b c' '' \\'", "a 'b c' '' ''\\'''"),
        ("a \\#b \\~ \\{ \\! ^", "a '#b' '~' '{' '!' '^'"),
        ("a done if", "a done if"),
        ("\\if; 'time'; \\[[; 'x=1'", "'if'; 'time'; '[['; 'x=1'"),
        ('x= a="b c" d', "x='' a='b c' d"),
        ("[ -f a ]", "[ -f a ]"),
        ("a $x ${x}y '$x'", "a ${x} ${x}y '$x'"),
        ('a "$x" "b $x"c "\\$\\"\\`\\\\$x"', 'a "${x}" "b ${x}c" "\\$\\"\\`\\\\${x}"'),
        ("a *.py 'b c'* b'*'?", "a *.py 'b c'* b'*'?"),
        ("a ~/b ~/'b c' ~c ~/*", "a ~/b ~/'b c' ~c ~/*"),
        ("x=~:~ y=$x:~", "x=~:~ y=${x}:~"),
        ("x=~/b:~:'c d':~ y=b:~", "x=~/b:~:'c d':~ y=b:~"),
        ("export x=~ y='a b'$x z='b c'", "export x=~ y='a b'${x} 'z=b c'"),
        ("a ${x:-b} ${x-} ${x-''} ${x:-'b c'}", "a ${x:-b} ${x-} ${x-''} ${x:-'b c'}"),
        ("a ${x%'%'} ${x#*/} ${x##~/}", "a ${x%'%'} ${x#*/} ${x##~/}"),
        ('a "${x:-b c}" "${x-\\}\\"}"', 'a "${x:-b c}" "${x-\\}\\"}"'),
        ("a \"${x%' '*}\" ${#x} $?", "a \"${x%' '*}\" ${#x} ${?}"),
        ("a $(b) `c` $( (d) )", "a $(b) $(c) $( (d))"),
        ("a $() $(( 1+2 )) $(($x))", "a $() $(( 1+2 )) $(( ${x} ))"),
        ("a>b 2>&1 <c >&-", "a > b 2>&1 < c >&-"),
        (">b", "> b"),
        ("a|b&&c||! d;e&f", "a | b && c || ! d; e & f"),
        ("a &", "a &"),
        ("(a;b)&", "(a; b) &"),
        ("( (a); b )", "( (a); b)"),
        ("{ a&\n}; { a; } >b", "{ a & }; { a; } > b"),
        (
            "if a;then b;elif c;then d;else e;fi",
            "if a; then b; elif c; then d; else e; fi",
        ),
        ("while a&do b;done", "while a & do b; done"),
        ("until a\ndo b\ndone", "until a; do b; done"),
        ("for x in a 'b c';do d;done", "for x in a 'b c'; do d; done"),
        ("for x do a;done", "for x; do a; done"),
        ("for x in;do a;done", "for x in; do a; done"),
        (
            "case $x in a|'esac'|b*) c;; d) esac",
            "case ${x} in (a|'esac'|b*) c ;; (d) ;; esac",
        ),
        ("case a in b) c& esac", "case a in (b) c & ;; esac"),
        ("f(){ a;}", "f() { a; }"),
        ("f()\n(a)>b", "f() (a) > b"),
    ],
)
def test_trees_are_written_on_one_line(
    text: str, written: str, dialect: Dialect
) -> None:
    tree = parse(text, dialect)
    assert render(tree, dialect) == written
    assert parse(written, dialect) == tree


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a <<E\n$x\nE\n", "a <<EOF\n${x}\nEOF\n"),
        ("a 3<<'E'\n$x\nE\n", "a 3<<'EOF'\n$x\nEOF\n"),
        ("a <<E\nb\nE\n", "a <<'EOF'\nb\nEOF\n"),
        ("a <<E\nE\n", "a <<'EOF'\nEOF\n"),
        ("a <<E\nEOF\nEOF1\nE\n", "a <<'EOF2'\nEOF\nEOF1\nEOF2\n"),
        ("a <<E\n\\$\\\\\\`\"'$x\nE\n", "a <<EOF\n\\$\\\\\\`\"'${x}\nEOF\n"),
        ("a <<E\n${x:-b \\}c}${x%a *}\nE\n", "a <<EOF\n${x:-b \\}c}${x%a *}\nEOF\n"),
        ("a <<E\n$(b 'c d')\nE\n", "a <<EOF\n$(b 'c d')\nEOF\n"),
        ("a <<E;b\nc\nE\nd", "a <<'EOF'\nc\nEOF\nb; d"),
        ("a <<E && b\nc\nE\n", "a <<'EOF' &&\nc\nEOF\nb"),
        ("a <<E | b <<F\nc\nE\nd\nF\n", "a <<'EOF' |\nc\nEOF\nb <<'EOF'\nd\nEOF\n"),
        ("a <<E &\nc\nE\n", "a <<'EOF' &\nc\nEOF\n"),
        ("{ a <<E\nc\nE\n}", "{ a <<'EOF'\nc\nEOF\n}"),
        ("(a <<E\nc\nE\n) >f", "(a <<'EOF'\nc\nEOF\n) > f"),
        ("a $(b <<E\nc\nE\n)", "a $(b <<'EOF'\nc\nEOF\n)"),
        (
            "while a; do b; done <<E; c\nd\nE\n",
            "while a; do b; done <<'EOF'\nd\nEOF\nc",
        ),
        (
            "case a in b) c <<E;; esac\nd\nE\n",
            "case a in (b) c <<'EOF'\nd\nEOF\n;; esac",
        ),
    ],
)
def test_bodies_follow_their_line(text: str, written: str, dialect: Dialect) -> None:
    tree = parse(text, dialect)
    assert render(tree, dialect) == written
    assert parse(written, dialect) == tree


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a <(b) >( (c) )", "a <(b) >( (c))"),
        ("a {b,c}", "a b c"),
        ("a $'b\\nc'", "a 'b\nc'"),
        ("a &>b", "a > b 2>&1"),
        ('a <<<"$x"', 'a <<< "${x}"'),
        ("a 12>b >&$x", "a 12> b >&${x}"),
        ("x+=1 y[1]=2 z=(a [k]=b) w=()", "x+=1 y[1]=2 z=(a [k]=b) w=()"),
        ("declare -a x=(a)", "declare -a x=(a)"),
        (
            "a ${x[1]} ${#x[@]} ${!x} ${!x*} ${x@Q}",
            "a ${x[1]} ${#x[@]} ${!x} ${!x*} ${x@Q}",
        ),
        (
            "a ${x/'/'/\\&} ${x//a} ${x^} ${x,,[a]}",
            "a ${x/'/'/'&'} ${x//a} ${x^} ${x,,[a]}",
        ),
        ("a ${x: -1} ${x:1:$y}", "a ${x: -1} ${x:1:${y}}"),
        ("a b=~/c", "a b=~/c"),
        ("((x+1))", "(( x+1 ))"),
        ("for ((i=0;i<2;i++)) do a; done", "for (( i=0 ; i<2 ; i++ )); do a; done"),
        ("select x in a; do b; done", "select x in a; do b; done"),
        ("case a in b) c;& d) e;;& esac", "case a in (b) c ;& (d) e ;;& esac"),
        ("function f { a; }", "f() { a; }"),
        ("time ! a", "time ! a"),
        (
            "[[ -f $x && ! (a == b* || '-f' < c) ]]",
            "[[ -f ${x} && ! ( a == b* || '-f' < c ) ]]",
        ),
        ("[[ a =~ ^(b|c)\\.$ ]]", "[[ a =~ ^(b|c)'.'$ ]]"),
        ("[[ a =~ b'.'c ]]", "[[ a =~ 'b.c' ]]"),
    ],
)
def test_bash_has_more_to_write(text: str, written: str) -> None:
    tree = parse(text, BASH)
    assert render(tree, BASH) == written
    assert parse(written, BASH) == tree


@pytest.mark.parametrize(
    "text",
    [
        "a <(b)",
        "a <<< b",
        "x+=1",
        "x[1]=2",
        "x=()",
        "a ${x[1]}",
        "a ${!x}",
        "a ${!x*}",
        "a ${x//a}",
        "a b=~",
        "((x))",
        "for ((;;)); do a; done",
        "select x in a; do b; done",
        "case a in b) c;& esac",
        "time a",
        "[[ a ]]",
        "a 12>b",
        "f-g() { a; }",
    ],
)
def test_what_only_bash_reads_is_not_written_for_sh(text: str) -> None:
    with pytest.raises(NotRenderableError):
        render(parse(text, BASH), SH)


def statement(*commands: Command) -> Statement:
    return Statement(Pipeline(commands))


LATE = CommandSubstitution(script(Simple((), simple("a").words, (here("b\n"),))))


@pytest.mark.parametrize(
    "command",
    [
        Simple(),
        simple(word()),
        simple("a", word()),
        simple("a", word("b", Tilde())),
        simple("a", word(Tilde(), "b")),
        simple("a", word(Tilde(), X)),
        simple("a", word(Tilde("-"))),
        simple("a", word(Glob("*'"))),
        simple("a", word(Glob("{*"))),
        simple(word(Glob("x[1]=*"))),
        simple(word(Glob("x=*"))),
        simple("a", word(Parameter(""))),
        simple("a", word(Parameter("#", operator=":-", words=(word("b"),)))),
        simple("a", word(Parameter("?", operator="length"))),
        simple("a", word(Parameter("x", operator=":-"))),
        simple("a", word(Parameter("x", operator="=="))),
        simple("a", word(Parameter("x", operator=":", words=(word("-1"),)))),
        simple("a", word(Parameter("x", operator="^", words=(word(Glob("^*")),)))),
        simple("a", word(Parameter("x", True, ":-", (word("it's"),)))),
        simple("a", word(Parameter("x", True, ":-", (word(X),)))),
        simple("a", word(Parameter("x", True, ":-", (word(Glob("*")),)))),
        simple("a", word(Parameter("x", subscript=word()))),
        simple("a", word(Parameter("x", subscript=word("b c")))),
        simple("a", word(Arithmetic(word("'1'")))),
        Simple((Assignment("1", word("a")),)),
        Simple((Assignment("x", word(Glob("["), Tilde())),)),
        Simple((Assignment("x", Array(()), subscript=word("1")),)),
        Simple((Assignment("x", Array((word(Glob("[a]")),))),)),
        Simple((Assignment("x", Array((Assignment("", word("a")),))),)),
        Simple(words=(word("a"), Assignment("x", Array(())))),
        Simple(redirections=(Redirection("&>", word("a")),)),
        Simple(redirections=(Redirection(">", word("a"), -1),)),
        Simple(redirections=(Redirection(">&", word("a")),)),
        Simple(redirections=(here("a"),)),
        Simple(redirections=(here("b\n"), Redirection(">", word(LATE)))),
        Simple(redirections=(here(Parameter("x", True, "%", (word("'"),)), "\n"),)),
        Simple(redirections=(here(Parameter("x", True, "-", (word('"'),)), "\n"),)),
        Simple(
            redirections=(here(Parameter("x", True, "%", (word(QUOTED_X),)), "\n"),)
        ),
        Group(()),
        Subshell(()),
        If(()),
        For("1", None, A),
        Case(word("a"), (CaseArm((), A),)),
        Case(word("a"), (CaseArm((word("b"),), A, ";"),)),
        Function("if", Group(A)),
        Function("f", simple("a")),
        Function("f g", Group(A)),
        Conditional((word("a"), "~", word("b"))),
        Conditional((word("a"), "=~", word(Glob("^a$"), "b"))),
        Conditional((word("a"), "=~", word(Glob("$x")))),
        ArithmeticCommand(word("1;2")),
        simple("a", word(ProcessSubstitution("<", (statement(),)))),
    ],
)
def test_what_no_text_stands_for_is_refused(command: Command) -> None:
    with pytest.raises(NotRenderableError):
        render((statement(command),), BASH)


def test_odd_lists_are_refused() -> None:
    a = Pipeline((simple("a"),))
    with pytest.raises(NotRenderableError):
        render((Statement(a, (Link("|", a),)),), SH)
    deep: Command = Group(A)
    for _ in range(5000):
        deep = Group((statement(deep),))
    with pytest.raises(NotRenderableError):
        render((statement(deep),), SH)
