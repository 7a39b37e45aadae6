"""Makes ``twist commander`` known. There must be no ``__init__.py`` beside it."""

from twisted.application.service import ServiceMaker

commander = ServiceMaker(
    "commander",
    "commander.tap",
    "An MCP server that runs shell commands for AI agents.",
    "commander",
)
