"""The clients that are tried are those that the build installs."""

from __future__ import annotations

import json

import pytest

from tests.interaction.matrix import CLIENTS, PROTOCOLS, ROOT, SESSION_STEPS, Client

PACKAGES = ROOT / "tests/interaction/clients/package.json"
LOCK = ROOT / "tests/interaction/clients/package-lock.json"


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_clients_version_is_pinned(client: Client) -> None:
    if client.venv is None:
        pins = json.loads(PACKAGES.read_text())["dependencies"]
        assert pins[client.package] == client.version
    else:
        line = f"@.ci/venv {client.venv} {client.package}=={client.version}\n"
        assert line in (ROOT / "Makefile").read_text()


def test_the_lock_names_no_registry() -> None:
    """A lock written with another npm setting would send all to one host."""
    packages = json.loads(LOCK.read_text())["packages"]
    assert all("integrity" in one for name, one in packages.items() if name)
    assert not any("resolved" in one for one in packages.values())


def test_the_guide_tells_which_clients_are_tried() -> None:
    guide = (ROOT / "INTEGRATION.md").read_text()
    section = guide.partition("## Tested clients\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines()]
    assert [row for row in rows if row[0].startswith("`")] == [
        row_of(client) for client in CLIENTS
    ]


def row_of(client: Client) -> list[str]:
    language = "Python" if client.venv else "TypeScript"
    protocols = ", ".join(PROTOCOLS[mode] for mode in client.modes)
    tried = "all" if client.steps == SESSION_STEPS else "calls, being killed"
    package = f"`{client.package}`"
    return [package, language, client.version, protocols, "HTTP, stdio", tried]
