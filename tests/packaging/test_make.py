"""`make` and `.ci/venv`: the first start of a stranger, and every later one.

Most tests put a pretend ``python3`` in place of the real one. It makes an empty
environment and writes down what pip is asked for.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

import attrs
import pytest

pytestmark = pytest.mark.packaging

SCRIPT = Path(__file__).resolve().parents[2] / ".ci/venv"

PRETEND = """\
#!/bin/sh
case "$*" in
-m\\ venv\\ *)
    [ -z "$NO_VENV" ] || { echo "ensurepip is not available"; exit 1; }
    rm -rf "$4" && mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && : >"$4/bin/fresh" ;;
-m\\ pip\\ *) echo "$*" >>"$ASKED" ;;
*version_info\\ \\<*) [ -z "$TOO_OLD" ] ;;
*) exec "$REAL" "$@" ;;
esac
"""


@attrs.frozen
class Checkout:
    """A directory with what ``.ci/venv`` looks at."""

    path: Path

    def venv(
        self, *words: str, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``.ci/venv .venv WORDS`` with the pretend Python."""
        return subprocess.run(
            [str(SCRIPT), ".venv", *words],
            cwd=self.path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHON": str(self.path.parent / "python3"),
                "REAL": sys.executable,
                "ASKED": str(self.path.parent / "asked"),
                **dict.fromkeys(("NO_VENV", "TOO_OLD"), ""),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def asked(self) -> list[str]:
        """The requirements that pip was asked for, call by call."""
        log = self.path.parent / "asked"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.rpartition(" ")[2] for line in lines]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    path = tmp_path / "a b"
    (path / "requirements").mkdir(parents=True)
    for name in ("setup.py", "pyproject.toml", "requirements/constraints.txt"):
        (path / name).write_text(f"{name}\n[tool.mypy]\nstrict = true\n")
    pretend = tmp_path / "python3"
    pretend.write_text(PRETEND)
    pretend.chmod(0o755)
    return Checkout(path)


def test_it_installs_once_and_then_leaves_pip_alone(checkout: Checkout) -> None:
    for _ in range(2):
        assert checkout.venv("-e", ".").returncode == 0

    assert checkout.asked() == ["."]


def test_more_is_installed_on_top_and_less_is_there_already(checkout: Checkout) -> None:
    for wanted in (".", ".[dev]", ".", ".[dev]"):
        assert checkout.venv("-e", wanted).returncode == 0

    assert checkout.asked() == [".", ".[dev]"]


@pytest.mark.parametrize(
    "name", ["setup.py", "pyproject.toml", "requirements/constraints.txt"]
)
def test_it_installs_again_when_the_metadata_changed(
    name: str, checkout: Checkout
) -> None:
    checkout.venv("-e", ".")
    (checkout.path / name).write_text("changed")
    checkout.venv("-e", ".")

    assert checkout.asked() == [".", "."]


def test_changed_settings_of_a_tool_install_nothing(checkout: Checkout) -> None:
    checkout.venv("-e", ".")
    with (checkout.path / "pyproject.toml").open("a") as project:
        project.write("[tool.ruff]\nline-length = 88\n")
    checkout.venv("-e", ".")

    assert checkout.asked() == ["."]


def test_a_changed_date_alone_installs_nothing(checkout: Checkout) -> None:
    checkout.venv("-e", ".")
    os.utime(checkout.path / "setup.py", (0, 0))
    checkout.venv("-e", ".")

    assert checkout.asked() == ["."]


def test_an_environment_that_was_moved_is_made_anew(checkout: Checkout) -> None:
    checkout.venv("-e", ".")
    moved = Checkout(checkout.path.rename(checkout.path.with_name("c d")))
    (moved.path / ".venv/bin/fresh").unlink()
    moved.venv("-e", ".")

    assert (moved.path / ".venv/bin/fresh").exists()
    assert moved.asked() == [".", "."]


def test_a_failed_installation_is_tried_again(checkout: Checkout) -> None:
    nowhere = str(checkout.path / "no such directory" / "asked")
    assert checkout.venv("-e", ".", ASKED=nowhere).returncode != 0
    assert checkout.venv("-e", ".").returncode == 0

    assert checkout.asked() == ["."]


def test_without_the_venv_module_it_names_the_debian_package(
    checkout: Checkout,
) -> None:
    done = checkout.venv("-e", ".", NO_VENV="1")

    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr.splitlines()[-1]
    assert not (checkout.path / ".venv").exists()


def test_an_old_python_is_refused_in_one_line(checkout: Checkout) -> None:
    done = checkout.venv("-e", ".", TOO_OLD="1")

    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert "older than Python 3.11" in done.stderr
    assert not (checkout.path / ".venv").exists()


def test_a_missing_python_is_told_in_one_line(checkout: Checkout) -> None:
    done = checkout.venv("-e", ".", PYTHON="/nowhere/python3")

    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert "/nowhere/python3 not found" in done.stderr


def test_make_run_works_in_a_path_with_a_space_and_again_without_an_index(
    sources: Path, environment: Mapping[str, str], index: None
) -> None:
    first = make_run(sources, environment)
    assert "MCP_HTTP_PORT" in first.stdout, first.stderr

    shutil.rmtree(next(sources.glob(".venv/lib/*/site-packages/pip")))
    second = make_run(sources, {**environment, "PIP_NO_INDEX": "1"})
    assert "MCP_HTTP_PORT" in second.stdout, second.stderr


def make_run(sources: Path, environment: Mapping[str, str]) -> CompletedProcess[str]:
    """Run ``make run`` with an option that prints the settings and ends."""
    return subprocess.run(
        ["make", "run", f"PYTHON={sys.executable}", "ARGS=--check-config"],
        cwd=sources,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
