"""The MCP protocol as a pure engine: bytes and headers in, values out.

No module here does I/O, waits, or reads a clock. Section names in the docstrings
are those of the specification, ``S25/...`` for the 2025-11-25 revision and
``S26/...`` for 2026-07-28.
"""
