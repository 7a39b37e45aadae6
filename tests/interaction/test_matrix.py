"""The clients that are tried are those that the build installs."""

from __future__ import annotations

import json

import pytest

from tests.interaction.matrix import CLIENTS, ROOT, Client

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
