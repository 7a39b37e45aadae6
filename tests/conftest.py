"""What every test has: one Hypothesis profile, and no skip in CI unless listed.

With ``CI=true`` a run fails if it skipped a test, or a whole file, whose node id
matches no line of ``skips.txt`` beside this file.
"""

import fnmatch
import os
from collections.abc import Sequence
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile(
    "commander",
    hypothesis.settings(),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("commander")


class SkipGuard:
    """Fails a run that skipped a test which may not be skipped.

    Args:
        allowed: Patterns of node ids, as ``fnmatch`` knows them.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = allowed
        self._offences: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        # An expected failure is reported as skipped too, but the test did run.
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        # "[" is part of a parametrised id here, not a set of characters.
        patterns = (pattern.replace("[", "[[]") for pattern in self._allowed)
        if not any(fnmatch.fnmatchcase(report.nodeid, one) for one in patterns):
            self._offences.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._offences and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        if self._offences:
            terminalreporter.section("skipped, but not listed in tests/skips.txt")
            for nodeid in self._offences:
                terminalreporter.line(nodeid)


def allowed_skips(text: str) -> list[str]:
    """The patterns of a list of skips.

    Raises:
        pytest.UsageError: A line gives no reason.
    """
    patterns = []
    for line in text.splitlines():
        pattern, _, reason = line.partition("  #")
        if line.strip() and not line.startswith("#"):
            if not reason.strip():
                raise pytest.UsageError(f"tests/skips.txt: no reason in {line!r}")
            patterns.append(pattern.strip())
    return patterns


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") == "true":
        listed = Path(__file__).with_name("skips.txt").read_text(encoding="utf-8")
        config.pluginmanager.register(SkipGuard(allowed_skips(listed)))
