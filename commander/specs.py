"""What a setting is, beside its value: names, kind, unit, meaning, reason.

``commander.settings`` declares the settings with these; the command line, the
reference page and the start-up log read them.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from commander.kinds import Kind

__all__ = ["Spec", "setting", "spec_of"]

_KEY: Final = "commander"


@attrs.frozen(kw_only=True)
class Spec:
    """What is known about one setting beside its value."""

    variable: str | None
    """Environment name, or None if there is only a flag."""
    flag: str | None
    """Long flag without dashes, or None if there is only a variable."""
    kind: Kind
    unit: str
    """In words: ``seconds``, ``bytes``, ``-`` where there is none."""
    meaning: str
    reason: str
    """Why the default is what it is."""
    secret: bool = False
    """Only ever shown as set, unset or generated."""

    @property
    def name(self) -> str:
        """The name that logs and errors use: the variable, else the flag."""
        return self.variable or f"--{self.flag}"

    def shown(self, value: Any) -> str:
        """A value of this setting as tables write it; not for secrets."""
        if value is None:
            return "unset"
        return self.kind.show(value) or "empty"


def spec_of(attribute: attrs.Attribute[Any]) -> Spec:
    """The ``Spec`` of a field of ``Settings``."""
    spec: Spec = attribute.metadata[_KEY]
    return spec


def setting(
    default: Any,
    kind: Kind,
    meaning: str,
    reason: str,
    *,
    variable: str | None = None,
    flag: str | None = "",
    unit: str = "-",
    secret: bool = False,
) -> Any:
    """A field of ``Settings``; an empty flag means: named after the variable."""
    if flag == "" and variable is not None:
        flag = variable.removeprefix("MCP_").lower().replace("_", "-")
    spec = Spec(
        variable=variable,
        flag=flag,
        kind=kind,
        unit=unit,
        meaning=meaning,
        reason=reason,
        secret=secret,
    )
    return attrs.field(default=default, metadata={_KEY: spec}, repr=not secret)
