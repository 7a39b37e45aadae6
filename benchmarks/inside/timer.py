"""A reactor that does nothing but fire a timer: what the machine itself is late by.

usage: timer LATENESS_FILE PORT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol

from benchmarks.inside.probes import Lateness

reactor: Any = the_reactor

reactor.callWhenRunning(Lateness(reactor, Path(sys.argv[1])).start)
endpoint = TCP4ServerEndpoint(reactor, int(sys.argv[2]), interface="127.0.0.1")
endpoint.listen(Factory.forProtocol(Protocol))
reactor.run()
