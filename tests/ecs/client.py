"""How tests talk to the local AWS, to podman and to the server behind the ALB."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from typing import Any, Final

import botocore.session
import pytest

__all__ = [
    "aws",
    "call",
    "environment_of",
    "health_of",
    "logged",
    "podman",
    "status_of",
    "until",
]

Json = dict[str, Any]

_PATIENCE_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.2


@cache
def aws(service: str) -> Any:
    """A client of one service; ``run.sh`` sets the variables that lead it here."""
    return botocore.session.get_session().create_client(service)


def podman(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run podman; a failure fails the test."""
    done = subprocess.run(
        ["podman", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, done.stderr
    return done


def until(true: Callable[[], object], what: str) -> None:
    """Wait for something that has to become true."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {_PATIENCE_SECONDS} s in vain: {what}")
        time.sleep(_POLL_SECONDS)


def environment_of(task_arn: str) -> dict[str, str]:
    """The variables of a task's container."""
    label = f"label=com.amazonaws.ecs.task-arn={task_arn}"
    (name,) = podman("ps", "--quiet", "--filter", label).stdout.split()
    (facts,) = json.loads(podman("inspect", name).stdout)
    return dict(one.split("=", 1) for one in facts["Config"]["Env"])


def logged(group: str, word: str = "") -> list[str]:
    """The lines of a log group, or those with a word in them."""
    answer = aws("logs").filter_log_events(logGroupName=group, filterPattern=word)
    return [event["message"] for event in answer["events"]]


def health_of(balancer: str) -> int:
    """The status of ``/health`` behind a load balancer, by its name.

    The local AWS answers /health itself, under every host; this leads to the target.
    """
    connection = _connected("localhost")
    with closing(connection):
        connection.request("GET", f"/_alb/{balancer}/health")
        return connection.getresponse().status


def status_of(host: str, token: str | None) -> int:
    """The status of a ping through a load balancer."""
    return _post(host, token, {"method": "ping"})[0]


def call(host: str, token: str, command: str) -> Json:
    """What a command gives, through a load balancer."""
    params = {"name": "execute_command", "arguments": {"command": command}}
    message = {"method": "tools/call", "params": params}
    status, answer = _post(host, token, message)
    assert "result" in answer, (status, answer)
    facts: Json = answer["result"]["structuredContent"]
    return facts


def _post(host: str, token: str | None, message: Json) -> tuple[int, Json]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = _connected(host)
    with closing(connection):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, **message})
        connection.request("POST", "/mcp", body, headers)
        response = connection.getresponse()
        text = response.read()
    try:
        answer: Json = json.loads(text)
    except ValueError:
        answer = {}
    return response.status, answer


def _connected(host: str) -> http.client.HTTPSConnection:
    trusted = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    return http.client.HTTPSConnection(host, timeout=_PATIENCE_SECONDS, context=trusted)
