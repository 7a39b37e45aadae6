"""The words of a refusal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commander.policy.allow.record import Draft, Record
from commander.policy.denials import MAX_QUOTED_CHARACTERS, Segment, deny, shorten


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


def test_a_reason_needs_no_remedy_and_may_have_parts() -> None:
    parts = (Segment(text="ls"),)
    denied = deny("rule", "it is wrong", "", parts)
    assert denied.reason == (
        "It is wrong. This is server policy, not a decision of the user."
    )
    assert denied.segments is parts


# --- what is being said about each command -----------------------------------------


def test_a_command_without_refusals_says_nothing() -> None:
    assert Draft(lambda: "ls", 2, told=True).finish() == Segment(text="ls", depth=2)


def test_the_first_refusal_names_the_rule_and_all_give_their_causes() -> None:
    draft = Draft(lambda: "ls\n" + "x" * 200, 0, told=True)
    draft.refusals = [("one", "a", "Do b."), ("two", "c", "Do d."), ("two", "a", "")]
    segment = draft.finish()
    assert (segment.rule_id, segment.reason, segment.remedy) == ("one", "a; c", "Do b.")
    assert segment.text.startswith("ls\u23cex")
    assert len(segment.text) == MAX_QUOTED_CHARACTERS


def test_a_command_is_written_only_for_who_reads_it() -> None:
    shown: list[str] = []
    record = Record()
    record.begin(lambda: shown.append("ls") or "ls")  # type: ignore[func-returns-value]  # it is the point
    assert shown == []
    record.drafts[0].finish()
    assert shown == ["ls"]


def test_a_record_holds_commands_in_their_order_and_depth() -> None:
    record = Record()
    record.begin(lambda: "a")
    record.depth += 1
    record.begin(lambda: "b")
    record.refuse("rule", "cause", "Remedy.")
    told = [draft.finish() for draft in record.drafts]
    assert [(each.text, each.depth, each.rule_id) for each in told] == [
        ("a", 0, ""),
        ("b", 1, "rule"),
    ]


def test_what_is_not_told_is_told_once_it_is_refused() -> None:
    record = Record()
    record.begin(lambda: "{ ls; }", told=False)
    assert record.drafts == []
    record.refuse("one", "cause")
    record.refuse("two", "other")
    (draft,) = record.drafts
    assert draft.finish().reason == "cause; other"
