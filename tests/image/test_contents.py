"""What is in the image, what it says of itself, and what it costs."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import commander
from tests.image.engine import podman

if TYPE_CHECKING:
    import psutil

    from tests.image.conftest import Eventually, Figure, Launch
    from tests.image.engine import Container

pytestmark = pytest.mark.image

ROOT: Final = Path(__file__).resolve().parents[2]
BILL: Final = "/usr/local/share/commander/sbom.cdx.json"
VALIDATE: Final = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()))
"""
STARTUP: Final = Path(__file__).with_name("startup.py").read_text()
ROUNDS: Final = 9
IDLE_MEBIBYTES: Final = 60
TOOLS: Final = ("curl", "git", "jq", "less", "rg")


def text_in(image: str, path: str) -> str:
    done = podman("run", "--rm", "--network=none", "--entrypoint=cat", image, path)
    return done.stdout


def labels(image: str) -> dict[str, str]:
    (facts,) = json.loads(podman("image", "inspect", image).stdout)
    prefix = "org.opencontainers.image."
    return {
        name.removeprefix(prefix): text
        for name, text in facts["Config"]["Labels"].items()
        if name.startswith(prefix)
    }


def test_its_labels_say_what_it_is(image: str, tools_image: str) -> None:
    given = labels(image)

    assert given["title"] == "commander"
    assert given["licenses"] == "MIT"
    assert "MCP server" in given["description"]
    assert given["version"] == commander.__version__
    assert given["revision"] == "tested"  # run.sh says so
    assert labels(tools_image) == given


@pytest.mark.parametrize("which", ["image", "tools_image"])
def test_its_bill_of_materials_is_valid_and_complete(
    request: pytest.FixtureRequest, which: str, figure: Figure
) -> None:
    name = request.getfixturevalue(which)
    text = text_in(name, BILL)
    python = ROOT / ".venv-cyclonedx/bin/python"
    done = subprocess.run(
        [python, "-c", VALIDATE],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    named = {each["purl"] for each in json.loads(text)["components"]}
    locked = {
        f"pkg:pypi/{line.split()[0].replace('==', '@')}"
        for line in (ROOT / "requirements/lock.txt").read_text().splitlines()
        if "==" in line
    }
    assert locked <= named
    assert f"pkg:pypi/commander-mcp@{commander.__version__}" in named
    packages = text_in(name, "/var/lib/dpkg/status").count("\nStatus: install ok")
    assert sum(each.startswith("pkg:deb/") for each in named) == packages
    assert any(each.startswith("pkg:generic/python@") for each in named)
    figure(f"{name}: {len(named)} components, {packages} of them Debian's")


def test_the_other_target_has_the_tools_and_is_else_the_same(
    image: str, tools_image: str, launch: Launch
) -> None:
    def config(name: str) -> Any:
        (facts,) = json.loads(podman("image", "inspect", name).stdout)
        return facts["Config"]

    assert config(tools_image) == config(image)
    look = "; ".join(f"command -v {tool}" for tool in TOOLS)
    with_tools = podman("run", "--rm", "--network=none", tools_image, "sh", "-c", look)
    without = podman(
        *("run", "--rm", "--network=none", image, "sh", "-c", look), check=False
    )
    assert with_tools.stdout.split() == [f"/usr/bin/{tool}" for tool in TOOLS]
    assert without.stdout == ""


def test_it_idles_in_little_memory(
    launch: Launch, eventually: Eventually, figure: Figure
) -> None:
    # One of its own: the common one remembers the jobs of the tests before.
    with launch(token=secrets.token_urlsafe()) as fresh:
        eventually(fresh.is_healthy, "/health answers")
        (process,) = fresh.processes()
        threads = process.num_threads()
        idle = own_mebibytes(process)
        fresh.run("true")
        used = own_mebibytes(process)

    figure(
        f"idle: {idle:.0f} MiB of its own, {threads} threads; "
        f"after a command {used:.0f} MiB"
    )
    assert max(idle, used) <= IDLE_MEBIBYTES


def own_mebibytes(process: psutil.Process) -> float:
    """The memory that would be free again if this process ended."""
    size: int = process.memory_full_info().uss
    return size / 2**20


def test_what_a_start_costs_is_told(container: Container, figure: Figure) -> None:
    """A figure for people: how long something takes is no property of the image."""
    done = container.exec("python3", "-c", STARTUP, str(ROUNDS))
    imports, answer, ratio = json.loads(done.stdout)

    figure(
        f"first healthy answer after {answer:.2f} s, {ratio:.2f} times the "
        f"{imports:.2f} s of importing twisted.web.server and klein, at half a "
        f"processor, median of {ROUNDS}"
    )
