"""The configuration page, written from ``Settings``.

``python -m commander.reference > docs/configuration.md`` makes the page anew; a
test compares the two.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from typing import Any, Final

import attrs

from commander.settings import Settings
from commander.specs import Spec, spec_of

__all__ = ["GROUPS", "configuration_page"]

_COLUMNS: Final = 88

GROUPS: Final = {
    "Access": (
        "auth_token",
        "auth_tokens_file",
        "no_auth",
        "http_host",
        "http_port",
        "listen",
        "allowed_hosts",
        "allowed_origins",
    ),
    "What may run": (
        "allowed_commands",
        "blocked_commands",
        "use_default_blocklist",
        "sandbox",
        "workspace",
        "allowed_env",
        "pass_env",
    ),
    "How commands run": (
        "shell",
        "shell_arg",
        "working_directory",
        "default_timeout_seconds",
        "max_timeout_seconds",
        "kill_grace_seconds",
        "run_as",
        "max_output_bytes",
        "output_limit_bytes",
        "memory_budget_bytes",
        "terminals",
    ),
    "Jobs": (
        "execute_yield_seconds",
        "max_finished",
        "finished_ttl_seconds",
        "spool_dir",
        "spool_job_bytes",
        "spool_total_bytes",
    ),
    "Limits of one command": (
        "limit_cpu_seconds",
        "limit_memory_bytes",
        "limit_file_bytes",
        "limit_files",
        "limit_processes",
    ),
    "How many run": (
        "max_concurrent",
        "max_per_principal",
        "max_queued",
        "max_queue_wait_seconds",
    ),
    "HTTP": (
        "max_body_bytes",
        "max_connections",
        "http_idle_timeout_seconds",
    ),
    "Clients": ("transport", "http", "server_name", "output_schema"),
    "Sessions": ("max_sessions", "session_idle_seconds", "session_key"),
    "Logs": ("log_level", "log_dir", "log_commands"),
    "Metrics": ("metrics_token",),
    "Shutdown": ("drain_delay_seconds", "shutdown_grace_seconds"),
}
"""Field names of ``Settings`` by section, in the order of the page."""

_INTRODUCTION: Final = """\
# Configuration

<!-- Written by `python -m commander.reference`. Edit commander/settings.py. -->

A setting is looked for in this order; the first place that has it wins:

1. a flag of `twist commander`,
2. a variable of the environment,
3. a line of `~/.mcp_env`,
4. the default.

`twist commander --check-config` prints every value with the place it came from, and
exits. The same is logged at start. Secrets are only shown as set, unset or generated.

A value that is not accepted ends the start with one line that names the setting, the
value, where it came from and what is accepted. So do settings that contradict each
other.

Where a reason below speaks of the guide, it means the deployment guide of
go-mcp-commander for containers on AWS ECS, which this server keeps to.

## Notation

- **Durations**: `500ms`, `90s`, `1h30m`; units are `ns`, `us`, `ms`, `s`, `m` and `h`.
  A bare number means seconds.
- **Sizes**: `65536`, `512KiB`, `4MiB`, `1GiB`. A bare number means bytes.
- **Switches**: `true`, `on`, `yes`, `1`, or `false`, `off`, `no`, `0`. A flag alone
  means true: `--no-auth`.
- **Lists**: separated by commas; spaces around an entry do not count.
- **Paths**: `~` at the beginning is the home directory.
- **Flags**: one dash or two, and `--flag value` or `--flag=value`.
- **Empty values**: an empty variable counts as unset. An empty flag, `--flag=`, makes a
  list empty and is an error elsewhere.

## `~/.mcp_env`

One `NAME=VALUE` a line:

```sh
# Limits for every start on this machine
MCP_DEFAULT_TIMEOUT=2m
export MCP_ALLOWED_COMMANDS="git status, git log, ls"
MCP_LOG_DIR=~/logs
```

Blank lines and lines that begin with `#` are skipped. `export` before the name and
quotes around the whole value are dropped; nothing in a value is expanded but `~` in
paths. A `#` after a value is part of the value. If a name stands twice, its first line
counts. The file must be UTF-8 and at most 64 KiB.

The file never overrides the environment, and commands do not see what it holds. The
server does not start if the file belongs to somebody other than you or root, or if
others can write it: `chmod 600 ~/.mcp_env`.
"""

_OTHERS: Final = """\
## Names that are none

A variable that begins with `MCP_` and is nearly one of the names on this page is warned
about as well. Other variables are left to the programs that own them.
"""


def configuration_page() -> str:
    """The page in Markdown, with one newline at its end."""
    fields = attrs.fields_dict(Settings)
    parts = [_INTRODUCTION]
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        parts.extend(_entry(fields[name]) for name in names)
    parts.append(_others_section())
    return "\n".join(parts)


def _entry(field: attrs.Attribute[Any]) -> str:
    spec = spec_of(field)
    bullets = "\n".join(
        _filled(f"- {bullet}", indent="  ") for bullet in _bullets(spec, field.default)
    )
    return f"### `{spec.name}`\n\n{_filled(spec.meaning)}\n\n{bullets}\n"


def _bullets(spec: Spec, default: Any) -> Iterator[str]:
    if spec.variable is not None:
        yield f"Flag: `--{spec.flag}`" if spec.flag else "Flag: none"
    shown = spec.shown(default)
    yield f"Default: {shown if default in (None, ()) else f'`{shown}`'}. {spec.reason}"
    yield f"Takes: {spec.kind.accepts}."
    if spec.unit != "-":
        yield f"Unit: {spec.unit}."


def _others_section() -> str:
    return "\n\n".join(map(_filled, _OTHERS.split("\n\n"))) + "\n"


def _filled(text: str, indent: str = "") -> str:
    """One paragraph broken into lines, all but the first indented."""
    return textwrap.fill(
        text,
        _COLUMNS,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    sys.stdout.write(configuration_page())
