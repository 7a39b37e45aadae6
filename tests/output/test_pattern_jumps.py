"""The automaton of a pattern."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.output.pattern_jumps import Jumps, positions, relation
from commander.output.pattern_nodes import (
    NOTHING,
    Assertion,
    Characters,
    Choice,
    Node,
    Repeat,
    Sequence,
)
from commander.output.pattern_syntax import Syntax, parse

START: frozenset[Assertion] = frozenset({Assertion.LINE_START})
NONE: frozenset[Assertion] = frozenset()


def node_of(text: str) -> Node:
    syntax = parse(text)
    assert isinstance(syntax, Syntax)
    return syntax.node


def follow(jumps: Jumps, position: int) -> set[int]:
    """Where one position leads to, beside the start of the pattern."""
    after = jumps.after(1 << position) & ~jumps.first
    both = jumps.after(1 << position) & jumps.first
    assert both == jumps.first
    return {bit for bit in range(after.bit_length()) if after >> bit & 1}


def test_positions_are_those_of_the_pattern_with_its_repeats_written_out() -> None:
    written = [chr(c.ranges[0][0]) for c in positions(node_of("a(b|c){2}^d+e{0}f{,2}"))]
    assert "".join(written) == "abcbcdff"


def test_nothing_has_no_positions_and_is_found() -> None:
    assert list(positions(NOTHING)) == []
    assert relation(NOTHING, NONE) == Jumps(True, 0, 0, (), ())
    assert relation(NOTHING, NONE).found(0)


def test_a_word_goes_on_to_the_right() -> None:
    jumps = relation(node_of("abcd"), NONE)
    assert (jumps.empty, jumps.first, jumps.last) == (False, 0b1, 0b1000)
    assert (jumps.shifts, jumps.products) == (((0b111, 1),), ())
    assert jumps.after(0b0110) == 0b1101
    assert not jumps.found(0b0111)
    assert jumps.found(0b1000)


def test_a_repeat_goes_back_to_its_start() -> None:
    jumps = relation(node_of("x(abc)+"), NONE)
    assert follow(jumps, 3) == {1}
    assert jumps.last == 0b1000


def test_a_bounded_repeat_may_end_behind_each_copy_that_is_one_too_many() -> None:
    jumps = relation(node_of("a{2,4}"), NONE)
    assert (jumps.first, jumps.last) == (0b1, 0b1110)


def test_where_a_copy_may_be_empty_none_has_to_be() -> None:
    jumps = relation(node_of("(a?){3}"), NONE)
    assert (jumps.empty, jumps.first, jumps.last) == (True, 0b1, 0b111)
    assert follow(jumps, 0) == {1}


def test_an_assertion_is_nothing_or_a_dead_end() -> None:
    node = node_of("a(^|b)c")
    assert follow(relation(node, START), 0) == {1, 2}
    assert follow(relation(node, NONE), 0) == {1}
    assert relation(node_of("^"), START).empty
    assert not relation(node_of("^"), NONE).empty


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (r"error|FAILED|\bwarn(ing)?\b", 1),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", 5),
        (r"((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)", 7),
        (r"[\w.+-]+@[\w-]+(\.[\w-]+)+", 3),
        ("x.{0,1000}y", 2),
        ("(ab?c){300}", 2),
        ("(a|b)*a(a|b){500}", 6),
        ("(aa|bb|cc|dd|ee){100}", 9),
        ("((a?b?c?){20}x){10}", 16),
    ],
)
def test_jumps_are_few_however_often_something_is_repeated(
    text: str, count: int
) -> None:
    assert relation(node_of(text), NONE).count <= count


def test_what_would_be_more_shifts_than_products_stays_products() -> None:
    jumps = relation(node_of("(aaaaa|bbb|c){4}"), NONE)
    assert [distance for _, distance in jumps.shifts] == [1]
    assert len(jumps.products) == 3
    assert follow(jumps, 4) == follow(jumps, 7) == follow(jumps, 8) == {9, 14, 17}


def test_jumps_are_many_where_much_may_be_left_out() -> None:
    letters = "".join(f"{chr(0x4E00 + n)}?" for n in range(50))
    assert relation(node_of(letters), NONE).count == 49


LEAVES = st.sampled_from([Characters(kinds="d"), *Assertion, NOTHING])
NODES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: Sequence(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=4).map(lambda p: Choice(tuple(p)))
        | st.builds(Repeat, inner, st.integers(0, 2), st.integers(2, 5) | st.none())
    ),
    max_leaves=12,
)


@given(NODES, st.sets(st.sampled_from(Assertion)), st.data())
def test_positions_lead_to_the_same_together_and_alone(
    node: Node, holding: set[Assertion], data: st.DataObject
) -> None:
    jumps = relation(node, frozenset(holding))
    everywhere = (1 << len(list(positions(node)))) - 1
    one = data.draw(st.integers(0, everywhere))
    other = data.draw(st.integers(0, everywhere))
    assert jumps.after(one | other) == jumps.after(one) | jumps.after(other)
    assert jumps.after(everywhere) & ~everywhere == 0
    assert (jumps.first | jumps.last) & ~everywhere == 0
    assert jumps.found(everywhere) == (jumps.empty or jumps.last > 0)
