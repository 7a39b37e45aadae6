"""What a start leaves for later, and that whatever comes later is ours.

A module of others that is imported while commands run could be one that a command has
written, where the server was started as ``python -m commander`` in their directory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

WHERE_ASKED_FOR: Final = {
    "commander.auth.tokens_file",
    "commander.doctor",
    "commander.execution.executables",
    "commander.stdio.front",
    "commander.stdio.transport",
}
"""By the settings, and then at the start."""
WHILE_COMMANDS_RUN: Final = {
    "commander.execution.waiting",
    "commander.jobs.search",
    "commander.output.patterns",
    "commander.policy.pipeline",
    "commander.policy.rules",
}
LOOK: Final = """
import importlib, json, sys
import commander.tap
before = set(sys.modules)
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps([sorted(before), sorted(set(sys.modules) - before)]))
"""


def test_a_start_imports_little_and_leaves_nothing_of_others_for_later() -> None:
    names = json.dumps(sorted(WHILE_COMMANDS_RUN))
    words = [sys.executable, "-c", LOOK, names]
    before, after = json.loads(subprocess.check_output(words, text=True))
    assert (WHERE_ASKED_FOR | WHILE_COMMANDS_RUN).isdisjoint(before)
    assert set(after) >= WHILE_COMMANDS_RUN
    assert [name for name in after if not name.startswith("commander.")] == []
