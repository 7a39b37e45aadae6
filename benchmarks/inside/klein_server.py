"""The obvious design: Klein, and ``spawnProcess`` with the command's directory.

usage: klein_server [--ballast MEBIBYTES] PORT

No auth, no policy, no log, no limit; one route that answers a call with the output
and the exit code. The directory makes Twisted fork.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from typing import Any

from klein import Klein
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import ProcessProtocol
from twisted.web.server import Site

from benchmarks.inside.ballast import ballast

reactor: Any = the_reactor

app = Klein()


class Collector(ProcessProtocol):
    def __init__(self) -> None:
        self.ended: Deferred[int] = Deferred()
        self.output = b""

    def outReceived(self, data: bytes) -> None:
        self.output += data

    errReceived = outReceived

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(reason.value.exitCode)


@app.route("/mcp", methods=["POST"])
def mcp(request: Any) -> Deferred[bytes]:
    message = json.loads(request.content.read())
    command = message["params"]["arguments"]["command"]
    collector = Collector()
    reactor.spawnProcess(
        collector,
        "/bin/sh",
        ["/bin/sh", "-c", command],
        env=os.environ,
        path=tempfile.gettempdir(),
    )

    def answer(exit_code: int) -> bytes:
        text = collector.output.decode("utf-8", "replace")
        result = {
            "content": [{"type": "text", "text": text}],
            "structuredContent": {"stdout": text, "exit_code": exit_code},
            "isError": exit_code != 0,
        }
        request.setHeader("Content-Type", "application/json")
        return json.dumps(
            {"jsonrpc": "2.0", "id": message["id"], "result": result},
            separators=(",", ":"),
        ).encode()

    return collector.ended.addCallback(answer)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ballast", type=int, default=0)
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    kept = ballast(options.ballast)
    endpoint = TCP4ServerEndpoint(reactor, options.port, interface="127.0.0.1")
    endpoint.listen(Site(app.resource()))
    reactor.run()
    del kept


main()
