"""``python -m commander`` does what ``commander-mcp`` does."""

import sys

from commander.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
