"""Why an option or an operand is refused, where several families say the same."""

from __future__ import annotations

from typing import Final

__all__ = [
    "LOADS_FIRST",
    "LOCAL_PACKAGE",
    "OPTIONS_FILE",
    "TALKS",
    "WRITES",
]

WRITES: Final = "writes to a file"
LOADS_FIRST: Final = "loads code before the script"
TALKS: Final = "goes on to run what it reads"
OPTIONS_FILE: Final = "reads options from a file"
LOCAL_PACKAGE: Final = "is a package whose scripts run"
