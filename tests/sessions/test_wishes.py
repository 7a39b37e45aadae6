"""What a client wishes to hear of, and who watches that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commander.sessions.wishes import Wishes

STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=30)


@given(st.lists(st.sampled_from("abc")), STEPS)
def test_a_watcher_knows_at_any_time_what_is_wished_for(
    first: list[str], steps: list[tuple[bool, str]]
) -> None:
    wishes = Wishes(first)
    known = list(wishes)
    assert known == list(dict.fromkeys(first))

    def watcher(uri: str, added: bool) -> None:
        if added:
            known.append(uri)
        else:
            known.remove(uri)

    wishes.watch(watcher)
    for add, uri in steps:
        (wishes.add if add else wishes.discard)(uri)
        assert (uri in wishes) is add
        assert list(wishes) == known
        assert len(wishes) == len(known)


def test_who_watches_no_more_is_not_told() -> None:
    wishes, told = Wishes(), list[tuple[str, bool]]()

    def watcher(uri: str, added: bool) -> None:
        told.append((uri, added))

    wishes.unwatch(watcher)
    wishes.watch(watcher)
    wishes.add("a")
    wishes.unwatch(watcher)
    wishes.add("b")
    assert told == [("a", True)]
