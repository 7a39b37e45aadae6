"""What the image installs: locked to files that exist for both kinds of processors."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

import commander

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCKS = ("lock.txt", "build.txt")
PYTHON = "3.13"
"""That of the Dockerfile's base."""
PLATFORMS = ("manylinux_2_17", "manylinux2014", "manylinux_2_28")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
PIN = re.compile(r"(?P<name>[a-z0-9.-]+)==(?P<version>\S+) \\")


def pins(name: str) -> dict[str, str]:
    lines = (REQUIREMENTS / name).read_text().splitlines()
    found = (re.match(r"([A-Za-z0-9._-]+)==(\S+)", line) for line in lines)
    return {re.sub("[-_.]+", "-", each[1]).lower(): each[2] for each in found if each}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(lock: str) -> None:
    lines = (REQUIREMENTS / lock).read_text().splitlines()
    kept = [line for line in lines if not line.startswith("#")]

    assert all(PIN.fullmatch(line) or HASH.fullmatch(line) for line in kept)
    assert PIN.fullmatch(kept[0])
    for line, following in itertools.pairwise(kept):
        assert not PIN.fullmatch(line) or HASH.fullmatch(following), line


def test_the_image_gets_what_the_tests_ran_with() -> None:
    tested = pins("constraints.txt")

    assert {name: tested.get(name) for name in pins("lock.txt")} == pins("lock.txt")


def test_the_locks_hold_all_that_the_distribution_asks_for() -> None:
    asked = re.search(
        r"install_requires=\[(.*?)\]", (ROOT / "setup.py").read_text(), re.DOTALL
    )
    assert asked is not None
    names = re.findall(r'"([a-z.-]+)[><=]', asked[1])

    assert len(names) >= 6
    assert {name.replace(".", "-") for name in names} <= pins("lock.txt").keys()
    assert pins("build.txt").keys() == {"setuptools"}


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_every_locked_file_exists_for_this_processor(
    processor: str, tmp_path: Path
) -> None:
    """As far as arm64 can be tried on another machine: nothing has to be compiled."""
    platforms = [f"--platform={each}_{processor}" for each in PLATFORMS]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--only-binary=:all:", "--implementation=cp"),
            *("--platform=any", *platforms, f"--python-version={PYTHON}"),
            *("--require-hashes", f"--dest={tmp_path}"),
            *(f"--requirement={REQUIREMENTS / lock}" for lock in LOCKS),
        ],
        check=True,
    )

    wheels = [path.name for path in tmp_path.iterdir()]
    assert len(wheels) == len(pins("lock.txt")) + len(pins("build.txt"))
    assert any(processor in name for name in wheels)


def test_the_dockerfile_names_our_version() -> None:
    """The label of a plain `docker build`, which cannot look into the sources."""
    line = f"ARG VERSION={commander.__version__}"

    assert line in (ROOT / "Dockerfile").read_text().splitlines()
