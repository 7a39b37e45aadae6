"""`.ci/image`: it builds with what works here. The tools are pretend ones."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

SCRIPT = Path(__file__).resolve().parents[2] / ".ci/image"
WORKS = '#!/bin/sh\n[ "$1" = info ] || echo "${0##*/} $*"\n'
WITHOUT_DAEMON = "#!/bin/sh\nexit 1\n"
FROM_PODMAN = "podman build --format docker --layers --tag name --extra .\n"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory of programs with the one that the script itself needs."""
    (tmp_path / "dirname").symlink_to(str(shutil.which("dirname")))
    return tmp_path


def image(tools: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), "name", "--extra"],
        env={"PATH": str(tools), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def add(tools: Path, name: str, text: str) -> None:
    (tools / name).write_text(text)
    (tools / name).chmod(0o755)


def test_docker_is_taken_if_its_daemon_answers(tools: Path) -> None:
    add(tools, "docker", WORKS)
    add(tools, "podman", WORKS)

    assert image(tools).stdout == "docker build --tag name --extra .\n"


def test_a_docker_without_a_daemon_is_passed_over(tools: Path) -> None:
    add(tools, "docker", WITHOUT_DAEMON)
    add(tools, "podman", WORKS)
    add(tools, "buildah", WORKS)

    assert image(tools).stdout == FROM_PODMAN


def test_buildah_alone_will_do(tools: Path) -> None:
    add(tools, "buildah", WORKS)

    assert image(tools).stdout == FROM_PODMAN.replace("podman", "buildah")


def test_another_choice_can_be_made(tools: Path) -> None:
    add(tools, "docker", WORKS)
    add(tools, "podman", WORKS)

    assert image(tools, BUILDER="podman").stdout == FROM_PODMAN


def test_without_any_it_says_in_one_line_what_to_install(tools: Path) -> None:
    done = image(tools)

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "docker" in line
    assert "podman" in line
