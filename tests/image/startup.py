"""How long the server needs to its first answer, against the imports that it needs.

usage: python3 startup.py ROUNDS; runs inside the container. Prints medians as JSON: of
the imports, of the answer, and of their ratio in each round, in which both had the same
company on the machine.
"""

import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time

PORT = 3999
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.005
IMPORTS = ["/opt/commander/bin/python", "-c", "import twisted.web.server, klein"]
SERVER = ["commander-entrypoint", "twist", "commander", f"--port={PORT}"]


def imports() -> float:
    began = time.monotonic()
    subprocess.run(IMPORTS, check=True)
    return time.monotonic() - began


def first_answer() -> float:
    began = time.monotonic()
    server = subprocess.Popen(SERVER, stdout=subprocess.DEVNULL)
    try:
        while not (listens() and answers()):
            if time.monotonic() - began > PATIENCE_SECONDS:
                sys.exit("the server does not start")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began
    finally:
        server.terminate()
        server.wait()


def listens() -> bool:
    """Asked often: it is cheap, and takes little of the processor that is measured."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", PORT)) == 0


def answers() -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    return False


if __name__ == "__main__":
    os.environ["MCP_AUTH_TOKEN"] = "measured-and-not-guessed"
    rounds = [(imports(), first_answer()) for _ in range(int(sys.argv[1]))]
    columns = [*zip(*rounds, strict=True), [answer / base for base, answer in rounds]]
    json.dump([statistics.median(column) for column in columns], sys.stdout)
