"""Our server, exactly as ``twist commander`` starts it, with a look inside.

usage: commander_server [--ballast MEBIBYTES] [--lateness FILE] [--census FILE]
                        [--profile FILE] PORT
"""

from __future__ import annotations

import argparse
import cProfile
import time
from pathlib import Path
from typing import Any

from twisted.application.twist._twist import Twist
from twisted.internet import reactor as the_reactor

from benchmarks.inside.ballast import ballast
from benchmarks.inside.probes import Census, Lateness

reactor: Any = the_reactor


def profile_to(path: Path) -> None:
    """Profile the reactor's thread by its own processor time while it serves."""
    profile = cProfile.Profile(time.thread_time)

    def finish() -> None:
        profile.disable()
        profile.dump_stats(path)

    reactor.callWhenRunning(profile.enable)
    reactor.addSystemEventTrigger("before", "shutdown", finish)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ballast", type=int, default=0)
    parser.add_argument("--lateness", type=Path)
    parser.add_argument("--census", type=Path)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("port", help="for the eye: MCP_HTTP_PORT sets it")
    options = parser.parse_args()
    kept = ballast(options.ballast)
    if options.lateness:
        reactor.callWhenRunning(Lateness(reactor, options.lateness).start)
    if options.census:
        reactor.callWhenRunning(Census(reactor, options.census).start)
    if options.profile:
        profile_to(options.profile)
    Twist.main(["twist", "commander"])
    del kept


main()
