"""Turning a page of output into what a model reads."""

from __future__ import annotations

import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.output.cleaning import (
    LINE_CHARACTERS,
    NOTHING_CLEANED,
    Counts,
    as_shown,
    clean,
    page_end,
    without_sequences,
)

ALPHABET = st.sampled_from(
    [
        *"ab_ 0é漢\t\n\r\b\0\a\x0b\x0e\x18\x7f\x85\x9b\x9d\x9c\x90\x1b",
        "\r\n",
        "\r\r",
        "\b\b",
        "\x1b[",
        "\x1b[K",
        "\x1b[0K",
        "\x1b[1K",
        "\x1b[2K",
        "\x1b[J",
        "\x1b[2J",
        "\x1b[G",
        "\x1b[1G",
        "\x1b[5G",
        "\x9bK",
        "\x9b2K",
        "\x1b[31m",
        "\x1b]0;t\x07",
        "\x1b]0;t\x1b\\",
        "\x1b(B",
        "K",
        "[0K",
        "2K",
    ]
)
PAGES = st.lists(ALPHABET, max_size=40).map("".join)

SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|\x1b[]PX^_k][^\a\x18\x1a\x1b\x9c\r\n]*(?:[\a\x18\x1a\x9c]|\x1b\\\\)?"
    "|\x1b[ -/]*[0-~]?"
    "|[\x90\x98\x9d-\x9f][^\a\x18\x1a\x1b\x80-\x9f\r\n]*(?:[\a\x9c]|\x1b\\\\)"
    "|[\x80-\x9f]"
)
HOME = {"\x1b[G", "\x1b[0G", "\x1b[1G", "\x9bG", "\x9b0G", "\x9b1G"}
ERASE_LINE = {"\x1b[2K", "\x9b2K"}
ERASE_REST = {
    f"{csi}{n}{end}" for csi in ("\x1b[", "\x9b") for n in ("", "0") for end in "JK"
}


class Terminal:
    """One character after the other, without a thought of what it costs."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.sequences = 0
        self._begin()

    def _begin(self) -> None:
        self.cells: list[str] = []
        self.column = 0

    def read(self, text: str) -> str:
        place = 0
        while place < len(text):
            if found := SEQUENCE.match(text, place):
                self.sequences += 1
                self._sequence(found.group())
                place = found.end()
            else:
                self._character(text[place])
                place += 1
        return "\n".join([*self.lines, "".join(self.cells)])

    def _sequence(self, sequence: str) -> None:
        if sequence in HOME | ERASE_LINE:
            self.column = 0
        if sequence in ERASE_LINE | ERASE_REST:
            del self.cells[self.column :]

    def _character(self, char: str) -> None:
        if char == "\n":
            self.lines.append("".join(self.cells))
            self._begin()
        elif char == "\r":
            self.column = 0
        elif char == "\b":
            self.column = max(0, self.column - 1)
        elif char not in "\a\x0e\x0f":
            if char < " " and char != "\t":
                char = chr(0x2400 + ord(char))
            self.cells[self.column : self.column + 1] = "␡" if char == "\x7f" else char
            self.column += 1


def trimmed(text: str) -> list[str]:
    return [line.rstrip(" ") for line in text.split("\n")]


@given(PAGES)
def test_a_page_shows_what_a_slow_terminal_shows(page: str) -> None:
    terminal = Terminal()
    shown = terminal.read(page)
    cleaned = clean(page)
    assert trimmed(cleaned.text) == trimmed(shown)
    assert cleaned.counts.ansi_sequences == terminal.sequences


@given(PAGES | st.text(max_size=60))
def test_what_was_cleaned_has_no_control_character_and_stays_as_it_is(
    page: str,
) -> None:
    cleaned = clean(page).text
    assert not re.search(r"[^\t\n -~\xa0-\U0010ffff]", cleaned)
    again = clean(cleaned)
    assert again.text == cleaned
    assert again.counts == NOTHING_CLEANED


@given(st.text(alphabet=st.characters(exclude_categories=["Cc"]), max_size=60))
def test_text_without_control_characters_is_left_as_it_is(text: str) -> None:
    page = f"{text}\n\t{text}"
    assert clean(page).text == page


@given(st.lists(PAGES.map(lambda page: page.replace("\n", "")), max_size=5))
def test_lines_have_nothing_to_do_with_each_other(lines: list[str]) -> None:
    whole = clean("\n".join(lines))
    alone = [clean(line) for line in lines]
    assert whole.text == "\n".join(cleaned.text for cleaned in alone)
    assert whole.counts == sum(
        (cleaned.counts for cleaned in alone), start=NOTHING_CLEANED
    )


@pytest.mark.parametrize(
    ("page", "text", "sequences"),
    [
        ("\x1b[1;31merror\x1b[0m: no", "error: no", 2),
        ("\x1b[38;2;1;2;3mred\x1b[?25l\x1b[>c\x1b[ q", "red", 4),
        ("\x9b31mred\x9b0m", "red", 2),
        ("\x1b]0;title\atext", "text", 1),
        ("\x1b]0;title\x9ctext", "text", 1),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\!", "link!", 2),
        ("\x1bPq#0\x1b\\a\x1b_Gf=1\x1b\\b\x1b^p\x1b\\c\x1bXs\x1b\\d", "abcd", 4),
        ("\x1bktitle\x1b\\text", "text", 1),
        ("\x1b]0;tit\x18text", "text", 1),
        ("\x1b(B\x1b)0text\x1b7\x1b=\x1bM\x1bc\x1b#8", "text", 7),
        ("\x84a\x85b\x8dc", "abc", 3),
        ("\x9d0;title\x9ctext\x90q\x1b\\\x9fG\x9c", "text", 3),
        ("\x1b\x1b[mtext", "text", 2),
        ("\x1bétext", "étext", 1),
    ],
)
def test_sequences_are_left_out_and_counted(
    page: str, text: str, sequences: int
) -> None:
    cleaned = clean(page)
    assert cleaned.text == text
    assert cleaned.counts == Counts(ansi_sequences=sequences)
    assert without_sequences(page) == text


@pytest.mark.parametrize("sequence", ["\x1b", "\x1b[", "\x1b[1;3", "\x1b[ ", "\x9b1"])
def test_an_unfinished_sequence_is_left_out_up_to_where_it_breaks(
    sequence: str,
) -> None:
    counted = Counts(ansi_sequences=1)
    for rest in ("", "\n", "\nnext", "漢"):
        cleaned = clean(f"text{sequence}{rest}")
        assert (cleaned.text, cleaned.counts) == (f"text{rest}", counted)


@pytest.mark.parametrize(
    "begin", ["\x1b]", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1bk"]
)
def test_an_unfinished_string_hides_nothing_but_the_rest_of_its_line(
    begin: str,
) -> None:
    cleaned = clean(f"text{begin}0;a title\nmore\x1b\\")
    assert cleaned.text == "text\nmore"
    assert clean(f"old{begin}abc\rnew").text == "new"


def test_a_text_that_was_decoded_wrongly_once_stays_readable() -> None:
    quoted = "say “yes” – now".encode().decode("latin-1")  # noqa: RUF001 - what is tried
    assert clean(quoted).text == "say âyesâ â now"


@pytest.mark.parametrize(
    ("page", "text", "rewrites"),
    [
        (" 10%\r 20%\r100%\ndone", "100%\ndone", 2),
        ("\r 10%\r 20%\r100%\n", "100%\n", 2),
        ("downloading\rdone\n", "doneloading\n", 1),
        ("downloading\r           \rdone\n", "done\n", 2),
        ("one\r\ntwo\r\r\n\r\n", "one\ntwo\n\n", 0),
        ("one\r", "one", 0),
        ("\rone", "one", 0),
        ("\r\r\none", "\none", 0),
        ("abcdef\rab\x1b[K\n", "ab\n", 1),
        ("abcdef\r\x1b[Kxy\n", "xy\n", 1),
        ("abcdef\x1b[2K\rxy\n", "xy\n", 1),
        ("abcdef\r\x1b[2Kxy\n", "xy\n", 1),
        ("abcdef\x1b[2K\x1b[1Gxy\n", "xy\n", 1),
        ("abcdef\x1b[1Gxy\n", "xycdef\n", 1),
        ("abcdef\r\x1b[K\n", "\n", 1),
        ("abcdef\r\x1b[0Jxy", "xy", 1),
        ("abc\x1b[Kdef\x1b[K\n", "abcdef\n", 0),
        ("\x1b[2Kabc\n", "abc\n", 0),
        ("\x1b[32mabc\x1b[0m\rx\n", "xbc\n", 1),
        ("a longer text\rshort\rmiddle\n", "middleer text\n", 2),
        ("gone\ra longer text\r\x1b[K1\r2 3\n", "2 3\n", 3),
        ("\a10%\r\a20%", "20%", 1),
    ],
)
def test_a_line_shows_what_is_left_of_it(page: str, text: str, rewrites: int) -> None:
    cleaned = clean(page)
    assert cleaned.text == text
    assert cleaned.counts.cr_rewrites == rewrites


@pytest.mark.parametrize(
    "sequence", ["\x1b[1K", "\x1b[2J", "\x1b[5G", "\x1b[A", "\x1b[H"]
)
def test_what_would_change_other_places_is_only_left_out(sequence: str) -> None:
    assert clean(f"abc\r{sequence}x").text == "xbc"


def test_blanks_at_the_end_stay_where_nothing_was_hidden() -> None:
    assert clean("a  \r\nb  \n").text == "a  \nb  \n"
    assert clean("abc\ra  \n").text == "a\n"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("N\bNA\bAM\bME\bE", "NAME"),
        ("_\bf_\bi_\bl_\be", "file"),
        ("|\b/\b-\b\\\bdone", "done"),
        ("50%\b\b\b60%", "60%"),
        ("50%\b\b\b6", "60%"),
        ("\b\bab", "ab"),
        ("ab\b\b\b\bc", "cb"),
        ("ab\b", "ab"),
        ("ab\b \b", "a "),
        ("ab\b\x1b[K", "a"),
        ("abc\x1b[K\bd", "abd"),
        ("abcdef\rxyz\b\b\x1b[K!", "x!"),
        ("a\b\nb", "a\nb"),
    ],
)
def test_backspaces_are_carried_out(page: str, text: str) -> None:
    assert clean(page).text == text


def test_characters_that_separate_are_made_visible() -> None:
    cleaned = clean("a\0b\x1fc\x0cd\x0be\x7f\tf\x04")
    assert cleaned.text == "a␀b␟c␌d␋e␡\tf␄"
    assert cleaned.counts == NOTHING_CLEANED


def test_what_only_rings_or_selects_is_left_out() -> None:
    assert clean("a\a\x0e\x0fb").text == "ab"


def test_a_long_line_is_cut_in_its_middle_and_says_by_how_much() -> None:
    line = "".join(chr(0x4E00 + n) for n in range(5_000))
    cleaned = clean(f"one\n{line}\ntwo")
    first, cut, last = cleaned.text.split("\n")
    assert (first, last) == ("one", "two")
    found = re.fullmatch(r"(.*)\[\.\.\. ([0-9,]+) characters omitted \.\.\.\](.*)", cut)
    assert found
    head, omitted, tail = found.groups()
    assert line.startswith(head)
    assert line.endswith(tail)
    assert len(head) + int(omitted.replace(",", "")) + len(tail) == len(line)
    assert 0.9 * LINE_CHARACTERS < len(cut) <= LINE_CHARACTERS
    assert cleaned.counts == Counts(long_lines_cut=1)


def test_a_line_is_cut_by_what_it_shows() -> None:
    most = "x" * LINE_CHARACTERS
    coloured = "\x1b[1mx\x1b[m" * LINE_CHARACTERS
    assert clean(f"{coloured}\n{most}\r\n{most}\r{most}").text == "\n".join([most] * 3)
    assert clean(f"{most}x\n" * 3 + "x").counts == Counts(long_lines_cut=3)


def test_a_line_can_be_had_as_it_is_shown_and_uncut() -> None:
    text = "\x1b[1m" + "x" * 3 * LINE_CHARACTERS + "\n10%\r20%\n"
    assert as_shown(text) == "x" * 3 * LINE_CHARACTERS + "\n20%\n"


def test_the_longest_marker_leaves_a_line_within_its_bound() -> None:
    cleaned = clean("x" * 12_000_000)
    assert len(cleaned.text) <= LINE_CHARACTERS
    assert clean(cleaned.text).text == cleaned.text


def test_counts_of_texts_can_be_added_and_carry_what_the_decoder_found() -> None:
    first = clean("\x1b[ma\rb", invalid_bytes=3).counts
    second = clean("x" * 3_000, invalid_bytes=4).counts
    assert attrs.asdict(first + second) == {
        "ansi_sequences": 1,
        "cr_rewrites": 1,
        "invalid_bytes": 7,
        "long_lines_cut": 1,
    }


@pytest.mark.parametrize(
    ("page", "taken"),
    [
        ("", ""),
        ("text", "text"),
        ("text\x1b[31m", "text\x1b[31m"),
        ("text\x1b", "text"),
        ("text\x1b[31", "text"),
        ("text\x9b31", "text"),
        ("text\x1b(", "text"),
        ("text\x1b]0;title", "text"),
        ("text\x1b]0;title\n", "text\x1b]0;title\n"),
        ("text\x1b]0;title\x1b", "text\x1b]0;title"),
        ("\x1b[mtext\x1b[3", "\x1b[mtext"),
        ("\x1b[3", "\x1b[3"),
        ("text\x1b]0;" + "x" * 300, "text\x1b]0;" + "x" * 300),
    ],
)
def test_a_page_ends_before_a_sequence_that_is_not_complete(
    page: str, taken: str
) -> None:
    assert page[: page_end(page)] == taken


@given(PAGES)
def test_every_page_has_a_character_if_there_is_one(page: str) -> None:
    assert (page_end(page) > 0) == bool(page)


@pytest.mark.parametrize(
    ("page", "text", "counts"),
    [
        ("\r 42%" * 800_000, " 42%", Counts(cr_rewrites=799_999)),
        ("\rx" * 2_000_000, "x", Counts(cr_rewrites=1_999_999)),
        ("\x1b]" * 2_000_000, "", Counts(ansi_sequences=2_000_000)),
        ("\x9d" * 4_000_000, "", Counts(ansi_sequences=4_000_000)),
        ("\r" * 4_000_000 + "x", "x", Counts()),
        ("x\x1b[2K" * 600_000, "", Counts(ansi_sequences=600_000, cr_rewrites=600_000)),
        ("x\b" * 2_000_000, "x", Counts()),
    ],
    ids=["frames", "small frames", "strings", "C1", "returns", "erasures", "backs"],
)
def test_megabytes_of_one_thing_are_done_before_the_run_gives_up(
    page: str, text: str, counts: Counts
) -> None:
    """Work that grows with the square of this would take hours."""
    cleaned = clean(page)
    assert (cleaned.text, cleaned.counts) == (text, counts)
