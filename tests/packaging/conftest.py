"""What building and installing needs: the sources, an environment, an index."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = (".ci", "commander", "requirements", "tests", "twisted")
# What make, pytest and an activated environment set, and what would configure us.
DROPPED = (
    "COVERAGE_",
    "COV_",
    "MAKE",
    "MFLAGS",
    "MCP_",
    "PYTHON",
    "PYTEST_",
    "VIRTUAL_",
)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a user who has nothing of ours, with pip's cache kept."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(DROPPED)
    }
    cache = kept.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    home = str(tmp_path_factory.mktemp("home"))
    return {**kept, "HOME": home, "XDG_CACHE_HOME": cache}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A fresh copy of the sources, in a path with a space.

    Building in the checkout would leave ``build/``, which goes into later wheels.
    """
    return copy_of_sources(tmp_path / "a b")


def copy_of_sources(target: Path) -> Path:
    caches = shutil.ignore_patterns("__pycache__", "dropin.cache")
    for name in SOURCES:
        shutil.copytree(REPOSITORY / name, target / name, ignore=caches)
    for file in REPOSITORY.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy(file, target)
    return target


@pytest.fixture(scope="session")
def built(
    tmp_path_factory: pytest.TempPathFactory, environment: Mapping[str, str]
) -> Path:
    """A directory that holds one wheel and one sdist of the sources."""
    tree = copy_of_sources(tmp_path_factory.mktemp("build") / "tree")
    # Without isolation: then it works offline too.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", "out", str(tree)],
        cwd=tree.parent,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return tree.parent / "out"


@pytest.fixture(scope="session")
def index(
    tmp_path_factory: pytest.TempPathFactory, environment: Mapping[str, str]
) -> None:
    """Skips the test where no package index answers."""
    probe = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--no-cache-dir", "--retries", "1", "--timeout", "15"),
            *("--dest", str(tmp_path_factory.mktemp("probe")), "setuptools>=68"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode:
        last_line = probe.stderr.strip().rpartition("\n")[2]
        pytest.skip(f"no package index answers: {last_line}")
