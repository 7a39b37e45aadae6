"""The words of a refusal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commander.policy.denials import MAX_QUOTED_CHARACTERS, deny, shorten


def test_a_reason_has_cause_remedy_and_who_decided() -> None:
    denied = deny("rule", "the word is wrong", "Use another.")
    assert denied.rule_id == "rule"
    assert denied.reason == (
        "The word is wrong. Use another. "
        "This is server policy, not a decision of the user."
    )


def test_line_breaks_and_tabs_are_shown_on_one_line() -> None:
    assert shorten("a\nb\tc") == "a⏎b c"


@given(st.text())
def test_quoted_text_is_short_and_keeps_its_beginning(text: str) -> None:
    shown = shorten(text.replace("\n", "").replace("\t", ""))
    assert len(shown) <= MAX_QUOTED_CHARACTERS
    assert "\n" not in shown
    assert shown.removesuffix("...") == shown or len(shown) >= 3
