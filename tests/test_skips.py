"""In CI a test may be skipped only if the allow-list names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

SKIPPED = (
    "import pytest\n"
    "@pytest.mark.parametrize('n', [1])\n"
    "def test_it(n): pytest.skip('so')"
)
SKIPPED_FILE = "import pytest\npytest.importorskip('no_such_module')"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False"
PASSED = "def test_other(): pass"


def status_of(tmp_path: Path, tests: str, *, skips: str = "", ci: str = "true") -> int:
    """Exit status of a run over one file of tests with our conftest."""
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"))
    (tmp_path / "skips.txt").write_text(skips)
    (tmp_path / "test_one.py").write_text(tests)
    (tmp_path / "test_two.py").write_text(PASSED)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
        stdout=subprocess.DEVNULL,
        check=False,
    ).returncode


@pytest.mark.parametrize("tests", [SKIPPED, SKIPPED_FILE])
def test_a_skip_that_is_not_listed_fails_the_run(tests: str, tmp_path: Path) -> None:
    assert status_of(tmp_path, tests) == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    ("tests", "line"),
    [
        (SKIPPED, "test_one.py::test_it[1]  # no kernel support"),
        (SKIPPED, "test_one.py::*  # no kernel support"),
        (SKIPPED_FILE, "# a comment\n\ntest_one.py  # no kernel support"),
    ],
)
def test_a_listed_skip_passes(tests: str, line: str, tmp_path: Path) -> None:
    assert status_of(tmp_path, tests, skips=line) == pytest.ExitCode.OK


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    assert status_of(tmp_path, EXPECTED_FAILURE) == pytest.ExitCode.OK


def test_outside_ci_every_skip_passes(tmp_path: Path) -> None:
    assert status_of(tmp_path, SKIPPED, ci="") == pytest.ExitCode.OK


def test_a_line_without_a_reason_is_refused(tmp_path: Path) -> None:
    status = status_of(tmp_path, SKIPPED, skips="test_one.py::*")
    assert status == pytest.ExitCode.USAGE_ERROR
