"""commander: a Model Context Protocol server that runs shell commands for AI agents.

``twist commander`` starts it. The layers and who may import whom stand in
``docs/design/001-layers.md`` and are enforced by import-linter.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
