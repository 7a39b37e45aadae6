"""The parameters of requests, read into what they ask for.

The same in both eras but for what only the modern one has. What does not fit is
-32602 with the name of the member, before anything runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from commander.mcp.catalogue import Catalogue
from commander.mcp.events import (
    CompletionAsked,
    LevelSet,
    ListAsked,
    ListenAsked,
    PromptAsked,
    ResourceAsked,
    SubscriptionSet,
    TaskAnswered,
    TaskAsked,
    TaskCancelled,
    ToolCalled,
)
from commander.mcp.inbound import level_problem
from commander.mcp.jsonrpc import INVALID_PARAMS, ProtocolError, Request, shown

__all__ = [
    "MAX_SUBSCRIPTIONS",
    "invalid",
    "read_completion",
    "read_level",
    "read_list",
    "read_listen",
    "read_prompt",
    "read_resource",
    "read_subscription",
    "read_task",
    "read_task_answers",
    "read_task_cancel",
    "read_tool",
    "with_input",
]

MAX_SUBSCRIPTIONS: Final = 100
"""Resources of one subscription, or of one session; tasks of one subscription."""

_LIST_FILTERS: Final = {
    "toolsListChanged": "tools",
    "promptsListChanged": "prompts",
    "resourcesListChanged": "resources",
}

Problem = ProtocolError


def read_tool(request: Request, catalogue: Catalogue) -> ToolCalled | Problem:
    """S25/server/tools, Calling Tools; an unknown tool is a protocol error."""
    read = _named(request, "tool", catalogue.names("tools"))
    if isinstance(read, ProtocolError):
        return read
    name, arguments = read
    return ToolCalled(name=name, arguments=arguments)


def read_prompt(request: Request, catalogue: Catalogue) -> PromptAsked | Problem:
    """S25/server/prompts, Getting a Prompt."""
    read = _named(request, "prompt", catalogue.names("prompts"))
    if isinstance(read, ProtocolError):
        return read
    name, arguments = read
    if not _are_texts(arguments):
        return invalid(request, '"arguments" must hold strings')
    return PromptAsked(name=name, arguments=arguments)


def read_list(
    request: Request, catalogue: Catalogue, *, kind: str
) -> ListAsked | Problem:
    """S25/server/utilities/pagination: one page, so we never gave out a cursor."""
    if request.params.get("cursor") is not None:
        return invalid(request, "unknown cursor")
    return ListAsked(kind)


def read_resource(request: Request, catalogue: Catalogue) -> ResourceAsked | Problem:
    """S25/server/resources, Reading Resources."""
    uri = request.params.get("uri")
    if not isinstance(uri, str):
        return invalid(request, '"uri" must be a string')
    return ResourceAsked(uri=uri)


def read_completion(
    request: Request, catalogue: Catalogue
) -> CompletionAsked | Problem:
    """S25/server/utilities/completion; an unknown prompt is invalid."""
    reference = request.params.get("ref")
    if not isinstance(reference, dict) or not _names_something(reference):
        return invalid(
            request,
            '"ref" must be a ref/prompt with a name or a ref/resource with a uri',
        )
    names = catalogue.names("prompts")
    if reference["type"] == "ref/prompt" and reference["name"] not in names:
        return _error(request, _unknown("prompt", reference["name"], names))
    argument = request.params.get("argument")
    if not isinstance(argument, dict) or not (
        isinstance(argument.get("name"), str) and isinstance(argument.get("value"), str)
    ):
        return invalid(request, '"argument" must be an object with a name and a value')
    context = _object(request, "context")
    if isinstance(context, ProtocolError):
        return context
    known = context.get("arguments", {})
    if not isinstance(known, dict) or not _are_texts(known):
        return invalid(request, '"context.arguments" must hold strings')
    return CompletionAsked(
        reference=reference,
        argument=argument["name"],
        value=argument["value"],
        context=known,
    )


def read_level(request: Request) -> LevelSet | Problem:
    """S25/server/utilities/logging, Setting Log Level."""
    level = request.params.get("level")
    if level is None:
        return invalid(request, '"level" must be a string')
    return level_problem(request, level) or LevelSet(level)


def read_subscription(request: Request, *, on: bool) -> SubscriptionSet | Problem:
    """S25/server/resources, Subscriptions."""
    uri = request.params.get("uri")
    if not isinstance(uri, str):
        return invalid(request, '"uri" must be a string')
    return SubscriptionSet(uri=uri, on=on)


def read_listen(request: Request, catalogue: Catalogue) -> ListenAsked | Problem:
    """S26/basic/patterns/subscriptions, Notification Filter."""
    wanted = request.params.get("notifications")
    if not isinstance(wanted, dict):
        return invalid(request, '"notifications" must be an object')
    honoured: dict[str, Any] = {}
    for name, kind in _LIST_FILTERS.items():
        if not isinstance(wanted.get(name, False), bool):
            return invalid(request, f'"notifications.{name}" must be true or false')
        if wanted.get(name) and kind in catalogue.changing:
            honoured[name] = True
    uris = _texts(request, wanted, "resourceSubscriptions", "URIs")
    if isinstance(uris, ProtocolError):
        return uris
    if uris and catalogue.subscribable:
        honoured["resourceSubscriptions"] = uris
    tasks = _texts(request, wanted, "taskIds", "tasks") if catalogue.tasks else []
    if isinstance(tasks, ProtocolError):
        return tasks
    return ListenAsked(
        lists=frozenset(
            kind for name, kind in _LIST_FILTERS.items() if name in honoured
        ),
        resources=tuple(honoured.get("resourceSubscriptions", ())),
        honoured=honoured,
        tasks=tuple(dict.fromkeys(tasks)),
    )


def read_task(request: Request, catalogue: Catalogue) -> TaskAsked | Problem:
    """TASK, Task Polling."""
    task_id = _task_id(request)
    return TaskAsked(task_id) if isinstance(task_id, str) else task_id


def read_task_answers(request: Request, catalogue: Catalogue) -> TaskAnswered | Problem:
    """TASK, Task Update Requests."""
    task_id = _task_id(request)
    if isinstance(task_id, ProtocolError):
        return task_id
    responses = _responses(request)
    if isinstance(responses, ProtocolError):
        return responses
    if responses is None:
        return invalid(request, '"inputResponses" must be there')
    return TaskAnswered(id=task_id, input_responses=responses)


def read_task_cancel(request: Request, catalogue: Catalogue) -> TaskCancelled | Problem:
    """TASK, Task Cancellation."""
    task_id = _task_id(request)
    return TaskCancelled(task_id) if isinstance(task_id, str) else task_id


Retried = ToolCalled | PromptAsked | ResourceAsked


def with_input(request: Request, asked: Retried) -> Retried | Problem:
    """With the answers that a modern client gives when it asks again."""
    responses = _responses(request)
    if isinstance(responses, ProtocolError):
        return responses
    state = request.params.get("requestState")
    if state is not None and not isinstance(state, str):
        return invalid(request, '"requestState" must be a string')
    return attrs.evolve(asked, input_responses=responses, request_state=state)


def invalid(request: Request, message: str) -> Problem:
    """-32602 in our words."""
    return _error(request, f"Invalid params: {message}")


def _error(request: Request, message: str) -> Problem:
    return ProtocolError(code=INVALID_PARAMS, message=message, id=request.id)


def _named(
    request: Request, what: str, names: tuple[str, ...]
) -> tuple[str, dict[str, Any]] | Problem:
    """The name of something that there is, and the arguments for it."""
    name = request.params.get("name")
    if not isinstance(name, str):
        return invalid(request, '"name" must be a string')
    if name not in names:
        return _error(request, _unknown(what, name, names))
    arguments = _object(request, "arguments")
    if isinstance(arguments, ProtocolError):
        return arguments
    return name, arguments


def _object(request: Request, name: str) -> dict[str, Any] | Problem:
    """A member that is an object; one that is not there is empty."""
    value = request.params.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        return invalid(request, f'"{name}" must be an object')
    return value


def _texts(
    request: Request, wanted: Mapping[str, Any], name: str, what: str
) -> list[str] | Problem:
    """A list of a filter, of at most ``MAX_SUBSCRIPTIONS`` texts."""
    texts = wanted.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        return invalid(request, f'"notifications.{name}" must hold strings')
    if len(texts) > MAX_SUBSCRIPTIONS:
        return invalid(
            request,
            f'"notifications.{name}" holds {len(texts)} {what}, at most '
            f"{MAX_SUBSCRIPTIONS}",
        )
    return texts


def _task_id(request: Request) -> str | Problem:
    task_id = request.params.get("taskId")
    if not isinstance(task_id, str):
        return invalid(request, '"taskId" must be a string')
    return task_id


def _responses(request: Request) -> dict[str, dict[str, Any]] | Problem | None:
    """A client's answers to our questions; None if it gives none."""
    responses = request.params.get("inputResponses")
    if responses is None or (
        isinstance(responses, dict)
        and all(isinstance(response, dict) for response in responses.values())
    ):
        return responses
    return invalid(request, '"inputResponses" must be an object of objects')


def _names_something(reference: Mapping[str, Any]) -> bool:
    """A prompt by its name, or a resource by its URI or its template's."""
    for kind, member in (("ref/prompt", "name"), ("ref/resource", "uri")):
        if reference.get("type") == kind:
            return isinstance(reference.get(member), str)
    return False


def _are_texts(values: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str) for value in values.values())


def _unknown(what: str, name: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(shown(name), names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"Unknown {what}: {shown(name)}{hint}"
