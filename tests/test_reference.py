from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from commander.reference import GROUPS, configuration_page
from commander.settings import Settings
from commander.specs import spec_of

ROOT = Path(__file__).parent.parent
FIELDS = attrs.fields(Settings)


def test_the_committed_page_is_what_the_settings_say() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert page == configuration_page(), (
        "run: python -m commander.reference > docs/configuration.md"
    )


def test_the_module_writes_the_page() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "commander.reference"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.decode() == configuration_page()


def test_every_setting_stands_in_exactly_one_section() -> None:
    grouped = [name for names in GROUPS.values() for name in names]

    assert sorted(grouped) == sorted(attrs.fields_dict(Settings))


@pytest.mark.parametrize("field", FIELDS, ids=[field.name for field in FIELDS])
def test_a_setting_is_found_with_its_flag_default_and_reason(
    field: attrs.Attribute[Any],
) -> None:
    spec = spec_of(field)
    heading = f"### `{spec.name}`\n"
    page = configuration_page()
    assert page.count(heading) == 1
    entry = " ".join(page.split(heading)[1].split("##")[0].split())

    assert spec.meaning in entry
    assert spec.reason in entry
    assert spec.kind.accepts in entry
    assert spec.shown(field.default) in entry
    assert spec.variable is None or spec.flag is None or f"`--{spec.flag}`" in entry


def test_lines_fit_a_narrow_window() -> None:
    assert max(map(len, configuration_page().splitlines())) <= 88
