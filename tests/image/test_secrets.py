"""No command finds the token, whatever it tries, while it runs beside the server."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import pytest

if TYPE_CHECKING:
    from tests.image.conftest import Eventually, Figure, Launch
    from tests.image.engine import Container

pytestmark = pytest.mark.image

ATTACKER: Final = Path(__file__).with_name("attacker.py").read_text()
ATTACK_SECONDS: Final = 4
DOCKERS_CAPABILITIES: Final = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID"),
    "SYS_CHROOT",
)
"""What a container's root has if nobody says otherwise."""
AS_ROOT: Final = (
    *("--user", "0:0", "--memory", "512m", "--cap-drop", "ALL"),
    *(f"--cap-add={each}" for each in DOCKERS_CAPABILITIES),
)
CREDENTIALS: Final = {
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/uri-that-opens-it",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "authorization-that-opens-it",
    "ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/id-that-opens-it",
    "ECS_AGENT_URI": "http://169.254.170.2/api/id-that-opens-it",
}
SECRET_SETTINGS: Final = ("MCP_AUTH_TOKEN", "MCP_SESSION_KEY", "MCP_METRICS_TOKEN")


@pytest.fixture(scope="module")
def server_secrets() -> dict[str, str]:
    return {name: secrets.token_urlsafe() for name in SECRET_SETTINGS}


@pytest.fixture(scope="module")
def unprivileged(
    launch: Launch, eventually: Eventually, server_secrets: dict[str, str]
) -> Iterator[Container]:
    """The image as it is meant to run."""
    variables = {**CREDENTIALS, **server_secrets}
    with launch(
        token=server_secrets["MCP_AUTH_TOKEN"], variables=variables
    ) as container:
        eventually(container.is_healthy, "/health answers")
        yield container


@attrs.frozen
class Report:
    """What an attack came to."""

    of_the_server: list[tuple[str, str, int]]
    """Trick, process and number of every secret that was found."""
    of_the_victim: set[str]
    """The tricks that work, as they work on a process without protection."""
    refusals: str


def attack(container: Container, needles: list[str]) -> Report:
    """Have a command try everything."""
    victim = secrets.token_urlsafe()
    backwards = [each.encode()[::-1].hex() for each in (*needles, victim)]
    result = container.run(
        f'python3 -c "$ATTACKER" {ATTACK_SECONDS}',
        env={"ATTACKER": ATTACKER, "NEEDLES": " ".join(backwards)},
        timeout="60s",
    )
    assert result["exit_code"] == 0, result.get("error")
    seen = json.loads(result["stdout"])
    found = [(trick, pid, number) for trick, pid, number in seen["found"]]
    refused, tried = seen["refused"], seen["tried"]
    return Report(
        of_the_server=[each for each in found if each[2] < len(needles)],
        of_the_victim={each[0] for each in found if each[2] == len(needles)},
        refusals=", ".join(f"{n} {refused.get(n, 0)}/{tried[n]}" for n in tried),
    )


def test_no_trick_of_a_command_finds_a_secret(
    unprivileged: Container, server_secrets: dict[str, str], figure: Figure
) -> None:
    needles = [*server_secrets.values(), *CREDENTIALS.values()]
    checks = 0
    with ThreadPoolExecutor() as pool:
        attacking = pool.submit(attack, unprivileged, needles)
        # The engine gives the token to what it starts for a health check, too.
        while not attacking.done():
            assert unprivileged.check_health().returncode == 0
            checks += 1
    report = attacking.result()

    figure(f"uid 10001 beside {checks} health checks, refused/tried: {report.refusals}")
    assert checks > 2
    assert {"environ", "memory"} <= report.of_the_victim
    assert report.of_the_server == []
    assert unprivileged.is_healthy()


def test_nor_does_one_as_root_with_dockers_capabilities(
    launch: Launch, eventually: Eventually, figure: Figure
) -> None:
    token = secrets.token_urlsafe()
    with launch(token=token, options=AS_ROOT, variables=CREDENTIALS) as container:
        eventually(container.is_healthy, "/health answers")
        report = attack(container, [token, *CREDENTIALS.values()])

        figure(f"root, refused/tried: {report.refusals}")
        assert {"environ", "memory"} <= report.of_the_victim
        assert report.of_the_server == []
        assert container.is_healthy()


def test_process_1_was_started_without_any_secret(
    unprivileged: Container, server_secrets: dict[str, str]
) -> None:
    """As root of this machine, who sees everything."""
    first, *_ = unprivileged.processes()
    environment = first.environ()

    assert environment["HOME"] == "/home/commander"
    assert not [name for name in environment if name in server_secrets]
    assert not [name for name in environment if name.startswith(("AWS_", "ECS_"))]
    texts = (*server_secrets.values(), *CREDENTIALS.values())
    assert not [text for text in texts if text in str(environment)]


def test_no_command_can_kill_stop_or_crash_the_server(
    unprivileged: Container,
) -> None:
    names = "KILL STOP SEGV ABRT QUIT ILL BUS USR1 USR2 ALRM TSTP TRAP"
    result = unprivileged.run(f"for each in {names}; do kill -$each 1; done")

    assert result["exit_code"] == 0
    assert unprivileged.is_healthy()
    assert unprivileged.processes()[0].status() not in ("stopped", "tracing-stop")
