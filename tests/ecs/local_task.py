"""A task definition as ``podman run`` gets it, so that the file we ship is what runs.

The local AWS starts containers too, but passes over user, read-only root, limits,
volumes and health check. What stands in a task definition and is not known here is an
error: nothing of the file may be passed over again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

__all__ = ["ResourceInitializationError", "podman_arguments"]

Json = dict[str, Any]
Words = Iterator[str]

_OF_ECS: Final = frozenset(
    ("family", "networkMode", "requiresCompatibilities", "executionRoleArn")
)
"""About where and by whom a task is started; nothing that a container could show."""
_CPU_UNITS: Final = 1024
"""Of one processor."""


class ResourceInitializationError(Exception):
    """What ECS says when a secret cannot be had."""


def podman_arguments(
    task: Json, *, name: str, image: str, secrets: Mapping[str, str]
) -> list[str]:
    """The words behind ``podman`` that run the one container of a task.

    Args:
        task: The task definition, as ``register-task-definition`` takes it.
        name: Of the container; its volumes are named after it.
        image: Stands for the image of the definition.
        secrets: The members of the secret, by their keys.

    Raises:
        ResourceInitializationError: A secret has not the key that is asked for.
        NotImplementedError: The definition has a member that is not known here.
    """
    (container,) = task["containerDefinitions"]
    words = ["run", "--detach", "--name", name]
    for member, value in task.items():
        if member not in _OF_ECS | {"containerDefinitions"}:
            words += _known(_OF_TASKS, member)(value)
    for member, value in container.items():
        if member == "mountPoints":
            words += _mounts(value, task.get("volumes", []), name)
        elif member == "secrets":
            words += _secrets(value, secrets)
        else:
            words += _known(_OF_CONTAINERS, member)(value)
    return [*words, image, *container.get("command", [])]


def _known(
    table: Mapping[str, Callable[[Any], Words]], member: str
) -> Callable[[Any], Words]:
    if member not in table:
        raise NotImplementedError(f"{member} of a task definition")
    return table[member]


def _nothing(_value: object) -> Words:
    yield from ()


def _cpu(units: str) -> Words:
    yield f"--cpus={int(units) / _CPU_UNITS}"


def _memory(mebibytes: str) -> Words:
    yield f"--memory={mebibytes}m"


def _volumes(volumes: list[Json]) -> Words:
    for volume in volumes:
        if volume.keys() != {"name"}:
            raise NotImplementedError(f"the volume {volume}")
    yield from ()


def _mounts(points: list[Json], volumes: list[Json], name: str) -> Words:
    """A volume without a host's path is new, and takes after the image's directory."""
    known = {volume["name"] for volume in volumes}
    for point in points:
        if point["sourceVolume"] not in known:
            raise NotImplementedError(f"the mount point {point}")
        suffix = ":ro" if point.get("readOnly") else ""
        source = f"{name}-{point['sourceVolume']}"
        yield f"--volume={source}:{point['containerPath']}{suffix}"


def _secrets(items: list[Json], secrets: Mapping[str, str]) -> Words:
    for item in items:
        # arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME:KEY:STAGE:VERSION
        key = item["valueFrom"].split(":")[7]
        if key not in secrets:
            raise ResourceInitializationError(f"unable to retrieve json key {key!r}")
        yield f"--env={item['name']}={secrets[key]}"


def _environment(items: list[Json]) -> Words:
    for item in items:
        yield f"--env={item['name']}={item['value']}"


def _user(user: str) -> Words:
    yield f"--user={user}"


def _read_only(read_only: bool) -> Words:
    if read_only:
        # podman would make /tmp, /run and others writable on its own.
        yield from ("--read-only", "--read-only-tmpfs=false")


def _linux(parameters: Json) -> Words:
    if unknown := parameters.keys() - {"initProcessEnabled", "capabilities"}:
        raise NotImplementedError(f"{min(unknown)} of linuxParameters")
    if parameters.get("initProcessEnabled"):
        yield "--init"
    for capability in parameters.get("capabilities", {}).get("drop", []):
        yield f"--cap-drop={capability}"
    for capability in parameters.get("capabilities", {}).get("add", []):
        yield f"--cap-add={capability}"


def _ulimits(limits: list[Json]) -> Words:
    for limit in limits:
        yield f"--ulimit={limit['name']}={limit['softLimit']}:{limit['hardLimit']}"


def _health(check: Json) -> Words:
    """Nobody may be there to time it: who tests asks for one check."""
    kind, *command = check["command"]
    if kind != "CMD":
        raise NotImplementedError(f"a health check of the kind {kind}")
    yield f"--health-cmd={json.dumps(command)}"
    yield "--health-interval=disable"
    yield f"--health-timeout={check['timeout']}s"
    yield f"--health-retries={check['retries']}"
    yield f"--health-start-period={check['startPeriod']}s"


def _stop_timeout(seconds: int) -> Words:
    yield f"--stop-timeout={seconds}"


_OF_TASKS: Final[dict[str, Callable[[Any], Words]]] = {
    "cpu": _cpu,
    "memory": _memory,
    "volumes": _volumes,
}
_OF_CONTAINERS: Final[dict[str, Callable[[Any], Words]]] = {
    "command": _nothing,  # behind the image
    "environment": _environment,
    "healthCheck": _health,
    "image": _nothing,
    "linuxParameters": _linux,
    "logConfiguration": _nothing,  # podman keeps what is written
    "name": _nothing,
    "portMappings": _nothing,  # in awsvpc mode the container has an address
    "readonlyRootFilesystem": _read_only,
    "stopTimeout": _stop_timeout,
    "ulimits": _ulimits,
    "user": _user,
}
