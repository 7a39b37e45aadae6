#!/usr/local/bin/python3 -IS
"""The first program in the container: hides the secrets, then becomes the server.

usage: entrypoint.py PROGRAM [ARGUMENT...]

Orchestrators hand secrets over as environment variables. Linux shows the environment
that a program was started with, as long as it runs, in ``/proc/PID/environ``. So the
secrets go into a pipe, of which the program is told the descriptor; the environment
of the program is made without them, and without the ways to the cloud's credentials.
``commander.handover`` reads the pipe.

It is started by its path, with nothing but the standard library, and imports little:
its time adds to every start. The process stays the same, number 1. For number 1 the
kernel drops each signal that has no handler yet. So the signals that stop the server
are blocked here, wait, and are taken when the server is there.
"""

import os
import signal
import sys

VARIABLE = b"COMMANDER_SECRETS_FD"
"""Tells the program the descriptor to read from."""
SECRETS = (b"MCP_AUTH_TOKEN", b"MCP_METRICS_TOKEN", b"MCP_SESSION_KEY")
"""Every setting that is a secret."""
UNWANTED = (
    b"AWS_ACCESS_KEY_ID",
    b"AWS_SECRET_ACCESS_KEY",
    b"AWS_SESSION_TOKEN",
    b"AWS_SECURITY_TOKEN",
    b"AWS_WEB_IDENTITY_TOKEN_FILE",
    b"AWS_CONTAINER_",
    b"ECS_CONTAINER_METADATA_URI",
    b"ECS_AGENT_URI",
)
"""Beginnings of the names that neither the server nor a command is to have."""
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SERVERS = ("twist", "commander-mcp")
"""Programs that unblock the signals."""


def divide(
    environment: dict[bytes, bytes],
) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """What the program gets by its environment, and what by the pipe."""
    open_, secret = {}, {}
    for name, value in environment.items():
        if name in SECRETS:
            secret[name] = value
        elif not name.startswith((*UNWANTED, VARIABLE)):
            open_[name] = value
    return open_, secret


def descriptor_with(secrets: dict[bytes, bytes]) -> int:
    """The end of a pipe that holds them; programs inherit it.

    Raises:
        OSError: They are more than a pipe holds, 64 KiB.
    """
    text = b"".join(b"%s=%s\0" % each for each in secrets.items())
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    if os.write(writing, text) < len(text):
        raise OSError("the secrets are longer than a pipe holds")
    os.close(writing)
    os.set_inheritable(reading, True)
    return reading


def main(argv: list[str]) -> str:
    """Become the program; returns only why that did not work."""
    if not argv:
        return "there is no program to start"
    environment, secrets = divide(dict(os.environb))
    if os.getpid() == 1 and os.path.basename(argv[0]) in SERVERS:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        if secrets:
            environment[VARIABLE] = b"%d" % descriptor_with(secrets)
        os.execvpe(argv[0], argv, environment)  # noqa: S606 - that is its purpose
    except OSError as error:
        return f"cannot start {argv[0]}: {error.strerror or error}"


if __name__ == "__main__":
    sys.exit(f"commander: {main(sys.argv[1:])}")
