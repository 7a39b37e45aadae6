"""Here-documents: which lines they are, and what is expanded in them."""

from __future__ import annotations

import pytest

from commander.policy.shell.parser import parse
from commander.policy.shell.syntax import (
    Arithmetic,
    CommandSubstitution,
    Dialect,
    HereDocument,
    Link,
    Parameter,
    Pipeline,
    Simple,
    Statement,
    Subshell,
)
from tests.policy.shell.trees import (
    BOTH,
    QUOTED_X,
    B,
    C,
    argument,
    here,
    only,
    script,
    simple,
    word,
)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <<E\nb\nE\n", (here("b\n"),)),
        ("a <<E\nb\nE", (here("b\n"),)),
        ("a <<E\nE\n", (here(),)),
        ("a <<E", (here(),)),
        ("a <<E\nb\n", (here("b\n"),)),
        ("a << 'E'\n$x\\\nE\n", (here("$x\\\n"),)),
        ("a <<\\E\n`\nE\n", (here("`\n"),)),
        ('a <<"E F"\n\\$x\nE F\n', (here("\\$x\n"),)),
        ("a <<''\nb\n\n", (here("b\n"),)),
        ("a 3<<-E\n\t\tb\n\tE\n", (here("b\n", descriptor=3),)),
        ("a <<-E\n\t$x-\\\nb\nE\n", (here(QUOTED_X, "-b\n"),)),
        ("a <<A <<B\n1\nA\n2\nB\n", (here("1\n"), here("2\n"))),
        ("a <<E\n\\$x \\a \"'\\\n\\\\\nE\n", (here("$x \\a \"'\\\n"),)),
        (
            "a <<E\n$x $(b) `b` $((1))\nE\n",
            (
                here(
                    QUOTED_X,
                    " ",
                    CommandSubstitution(B, True),
                    " ",
                    CommandSubstitution(B, True),
                    " ",
                    Arithmetic(word("1"), True),
                    "\n",
                ),
            ),
        ),
        ("a <<E\nb\\\nE\nE\n", (here("bE\n"),)),
        (
            'a <<E\n$(cat "${x:-"b"}")\nE\n',
            (
                here(
                    CommandSubstitution(
                        script(
                            simple(
                                "cat", word(Parameter("x", True, ":-", (word("b"),)))
                            )
                        ),
                        True,
                    ),
                    "\n",
                ),
            ),
        ),
    ],
)
def test_bodies_follow_the_line(
    text: str, expected: tuple[HereDocument, ...], dialect: Dialect
) -> None:
    assert only(text, dialect) == Simple((), simple("a").words, expected)


@pytest.mark.parametrize("dialect", BOTH)
def test_bodies_belong_to_the_commands_of_their_line(dialect: Dialect) -> None:
    first = Simple((), simple("a").words, (here("1\n"),))
    second = Simple((), simple("b").words, (here("2\n"),))
    assert parse("a <<E | b <<F\n1\nE\n2\nF\n", dialect) == (
        Statement(Pipeline((first, second))),
    )
    assert parse("a <<E &&\n1\nE\nb <<F\n2\nF\nc", dialect) == (
        Statement(Pipeline((first,)), (Link("&&", Pipeline((second,))),)),
        *C,
    )
    inner = CommandSubstitution(script(first))
    assert argument("$(a <<E\n1\nE\n)", dialect) == word(inner)
    assert only("(a <<E)\n1\nE\n", dialect) == Subshell(script(first))
