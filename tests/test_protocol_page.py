"""docs/protocol.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from docs.pages.protocol import protocol_page

PAGE = Path(__file__).resolve().parents[1] / "docs/protocol.md"


def test_the_page_is_what_the_code_does_now() -> None:
    assert PAGE.read_text(encoding="utf-8") == protocol_page(), "run: make docs"


def test_every_blank_of_the_page_is_filled() -> None:
    assert re.findall(r"\{[a-z_]+\}", protocol_page()) == []
