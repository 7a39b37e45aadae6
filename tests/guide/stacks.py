"""ecs/template.yaml for some parameters, and how to read what becomes of it."""

from __future__ import annotations

from typing import Any

from tests.guide.document import Page
from tests.template.resolve import Stack
from tests.template.tools import load

__all__ = ["attributes_of", "cell_of", "container_of", "environment_of", "stack"]

Json = dict[str, Any]


def stack(**given: str) -> Stack:
    """The template for these parameters."""
    return Stack(load(), given)


def container_of(found: Stack) -> Json:
    """The one container of the task."""
    (definition,) = found.properties("TaskDefinition")["ContainerDefinitions"]
    container: Json = definition
    return container


def environment_of(found: Stack) -> dict[str, str]:
    """The variables of the container."""
    items = container_of(found)["Environment"]
    return {item["Name"]: item["Value"] for item in items}


def attributes_of(found: Stack, resource: str, member: str) -> dict[str, str]:
    """A list of keys and values."""
    items = found.properties(resource)[member]
    return {item["Key"]: item["Value"] for item in items}


def cell_of(page: Page, section: str, column: str, first: str) -> str:
    """The last cell of a row."""
    return page.section(section).table(column)[first][-1]
