"""What a server offers: its lists, and the capabilities that follow from them.

Entries are given in the form of the newest version; an older one gets them without the
fields that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from commander.mcp.headers import mirrored_arguments
from commander.mcp.tasks import TASKS_NEEDED
from commander.mcp.versions import MODERN_VERSIONS, knows

__all__ = ["FIELDS_SINCE", "LISTS", "Catalogue", "known_entries"]

LISTS: Final = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
"""The lists by the method that shows them."""

FIELDS_SINCE: Final = {
    "annotations": "2025-03-26",
    "title": "2025-06-18",
    "outputSchema": "2025-06-18",
    "icons": "2025-11-25",
    "execution": "2025-11-25",
}
"""Fields of the entries, by the version that brought them."""


def known_entries(
    kind: str, entries: Sequence[Mapping[str, Any]], version: str | None
) -> list[dict[str, Any]]:
    """A list as a version knows it.

    Args:
        kind: One of ``LISTS``' values.
        entries: In the form of the newest version.
        version: None for the newest.
    """
    unknown = {
        name
        for name, since in FIELDS_SINCE.items()
        if not knows(version, since)
        and (name != "annotations" or kind == "tools")  # the rest always had them
    }
    return [
        {name: value for name, value in entry.items() if name not in unknown}
        for entry in entries
    ]


Entries = Sequence[Mapping[str, Any]]


class _List:
    """One list, and what is often asked of it; made when it is first asked for."""

    def __init__(self, entries: Entries | Callable[[], Entries]) -> None:
        self._given = entries if callable(entries) else tuple(entries)

    @cached_property
    def entries(self) -> Entries:
        return tuple(self._given()) if callable(self._given) else self._given

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(str(entry.get("name")) for entry in self.entries)

    @cached_property
    def mirrored(self) -> dict[str, dict[str, tuple[str, ...]]]:
        return {
            str(tool["name"]): mirrored_arguments(tool["inputSchema"])
            for tool in self.entries
        }


class Catalogue:
    """The lists of one server; ``replace`` changes them.

    Args:
        tools: As ``tools/list`` shows them to the newest version, in this order; or
            what makes that list, called once, when somebody first asks for a tool.
        prompts: The same; None if there is no such list.
        resources: The same.
        templates: The same, of resources whose URI has a variable part.
        asked: Lists, by their names in ``LISTS``, that are another for each who asks;
            their entries are asked for with ``ListAsked``, and none are given here.
        completions: Whether arguments can be completed.
        changing: Which of ``tools``, ``prompts`` and ``resources`` may change while
            the server runs; it has to tell then.
        subscribable: Whether the updates of resources are told.
        tasks: Whether a call may be answered with a task.
    """

    def __init__(
        self,
        *,
        tools: Entries | Callable[[], Entries],
        prompts: Entries | None = None,
        resources: Entries | None = None,
        templates: Entries | None = None,
        asked: frozenset[str] = frozenset(),
        completions: bool = False,
        changing: frozenset[str] = frozenset(),
        subscribable: bool = False,
        tasks: bool = False,
    ) -> None:
        self._lists: dict[str, _List] = {}
        self.edition = 0
        """Grows with every change."""
        self.asked = asked
        self.completions = completions
        self.changing = changing
        self.subscribable = subscribable
        self.tasks = tasks
        has_resources = resources is not None or "resources" in asked
        if has_resources and templates is None:
            templates = ()
        lists = (tools, prompts, resources, templates)
        for kind, entries in zip(LISTS.values(), lists, strict=True):
            if entries is not None:
                self.replace(kind, entries)

    def replace(self, kind: str, entries: Entries | Callable[[], Entries]) -> None:
        """Change a list; who listens has to be told by the caller.

        Args:
            kind: One of ``LISTS``' values.
            entries: The whole list from now on, or what makes it.
        """
        self._lists[kind] = _List(entries)
        self.edition += 1

    def has(self, kind: str) -> bool:
        """Whether there is such a list, be it empty."""
        return kind in self._lists or kind in self.asked

    def names(self, kind: str) -> tuple[str, ...]:
        """The names in a list, in its order."""
        found = self._lists.get(kind)
        return () if found is None else found.names

    def mirrored(self, tool: str) -> Mapping[str, tuple[str, ...]]:
        """The arguments of a tool that headers repeat, by their header."""
        return self._lists["tools"].mirrored.get(tool, {})

    def entries(self, kind: str, version: str | None) -> list[dict[str, Any]]:
        """A list as a version knows it."""
        return known_entries(kind, self._lists[kind].entries, version)

    def capabilities(self, version: str | None) -> dict[str, Any]:
        """What the server can do, as a version knows it (S25/schema, S26/schema)."""
        found: dict[str, Any] = {"logging": {}}
        if self.completions and knows(version, "2025-03-26"):
            found["completions"] = {}
        for kind in ("prompts", "resources", "tools"):
            if self.has(kind):
                found[kind] = {"listChanged": kind in self.changing}
        if self.has("resources"):
            found["resources"]["subscribe"] = self.subscribable
        if self.tasks and knows(version, MODERN_VERSIONS[0]):
            found.update(TASKS_NEEDED)
        return found
