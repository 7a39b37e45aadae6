"""What is written reads back, whatever it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commander.policy.shell.parser import (
    NotModelledError,
    TooDeepError,
    TooMuchError,
    parse,
)
from commander.policy.shell.render import NotRenderableError, render
from commander.policy.shell.syntax import (
    Arithmetic,
    Assignment,
    Case,
    CaseArm,
    Command,
    CommandSubstitution,
    Dialect,
    For,
    Function,
    Glob,
    Group,
    HereDocument,
    If,
    Link,
    Literal,
    Parameter,
    Pipeline,
    Redirection,
    Script,
    Simple,
    Statement,
    Subshell,
    Word,
)
from tests.policy.shell.trees import (
    QUOTED_X,
    SHELLISH,
    A,
    word,
)

TEXTS = st.text(st.sampled_from("ab0 '\"\\$`*?[]{}~#=:/-!%,&|;<>()\n\té"), max_size=6)
NAMES = st.sampled_from(["x", "y1", "_z"])
QUOTED = st.booleans()


def literals(alphabet: st.SearchStrategy[str] = TEXTS) -> st.SearchStrategy[Literal]:
    return st.builds(Literal, alphabet.filter(bool))


def words(parts: st.SearchStrategy[object]) -> st.SearchStrategy[Word]:
    def joined(found: list[object]) -> Word:
        kept: list[object] = []
        for part in found:
            if not (kept and isinstance(part, type(kept[-1]))):
                kept.append(part)
        return Word(tuple(kept))  # type: ignore[arg-type]

    return st.lists(parts, min_size=1, max_size=4).map(joined)


def parameters(quoted: bool) -> st.SearchStrategy[Parameter]:
    operand = words(
        literals(st.text(st.sampled_from("ab /*~}$"), min_size=1, max_size=4))
    )
    return st.builds(
        lambda name, operator, operand: Parameter(
            name, quoted, operator, (operand,) if operator not in ("", "length") else ()
        ),
        NAMES,
        st.sampled_from(["", "length", ":-", "-", "+", "=", "%", "##"]),
        operand,
    )


def commands(
    scripts: st.SearchStrategy[Script],
) -> st.SearchStrategy[Command]:
    parts = st.one_of(
        literals(),
        parameters(True),
        parameters(False),
        st.builds(CommandSubstitution, scripts, QUOTED),
        st.builds(Arithmetic, st.just(word("1+", QUOTED_X)), QUOTED),
        st.sampled_from([Glob("*"), Glob("[a-c]?")]),
    )
    anything = words(parts)
    redirections = st.lists(
        st.one_of(
            st.builds(
                Redirection, st.sampled_from(["<", ">", ">>"]), words(literals())
            ),
            st.builds(HereDocument, words(literals()).map(ended)),
        ),
        max_size=2,
    ).map(tuple)
    simples = st.builds(
        Simple,
        st.lists(st.builds(Assignment, NAMES, words(literals())), max_size=2).map(
            tuple
        ),
        st.lists(anything, min_size=1, max_size=3).map(tuple),
        redirections,
    )
    return st.one_of(
        simples,
        simples,
        st.builds(Group, scripts, redirections),
        st.builds(Subshell, scripts, redirections),
        st.builds(lambda a, b: If(((a, b),)), scripts, scripts),
        st.builds(For, NAMES, st.lists(anything, max_size=2).map(tuple), scripts),
        st.builds(
            lambda subject, pattern, body: Case(subject, (CaseArm((pattern,), body),)),
            words(literals()),
            anything,
            scripts,
        ),
        st.builds(lambda body: Function("f", Group(body)), scripts),
    )


def ended(body: Word) -> Word:
    (first, *_) = body.parts
    assert isinstance(first, Literal)
    return word(f"{first.text}\n")


def scripts_of(
    inner: st.SearchStrategy[Script],
) -> st.SearchStrategy[Script]:
    pipelines = st.builds(
        Pipeline, st.lists(commands(inner), min_size=1, max_size=2).map(tuple), QUOTED
    )
    links = st.builds(Link, st.sampled_from(["&&", "||"]), pipelines)
    statements = st.builds(
        Statement, pipelines, st.lists(links, max_size=1).map(tuple), QUOTED
    )
    return st.lists(statements, min_size=1, max_size=2).map(tuple)


SCRIPTS = scripts_of(scripts_of(st.just(A)))


@given(SCRIPTS, st.sampled_from(Dialect))
def test_what_is_written_reads_back(tree: Script, dialect: Dialect) -> None:
    try:
        written = render(tree, dialect)
    except NotRenderableError:
        return
    assert parse(written, dialect) == tree


@given(SHELLISH, st.sampled_from(Dialect))
def test_what_is_read_is_written_and_reads_back(text: str, dialect: Dialect) -> None:
    try:
        tree = parse(text, dialect)
        written = render(tree, dialect)
    except (NotModelledError, NotRenderableError, TooDeepError, TooMuchError):
        return
    read = parse(written, dialect)
    assert read == tree
    assert render(read, dialect) == written
