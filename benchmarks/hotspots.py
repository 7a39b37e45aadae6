"""Where the server's own time goes while it runs commands at full rate.

usage: python -m benchmarks.hotspots [--seconds N] [--lines N] [--listing]
           [--sort tottime|cumulative]

Counted is the processor time of the reactor's thread. The profiler makes the server
several times as slow, and small functions look worse than they are: look at the
order, not at the figures.
"""

from __future__ import annotations

import argparse
import pstats
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rows.listing import listings
from benchmarks.rows.spawn import full_rate
from benchmarks.servers import commander

__all__: list[str] = []


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hotspots")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--listing", action="store_true", help="tools/list instead")
    parser.add_argument("--sort", default="tottime")
    options = parser.parse_args()
    traffic = (listings if options.listing else full_rate)(options.seconds)
    with TemporaryDirectory() as name:
        path = Path(name, "profile")
        with commander("--profile", path) as server:
            before = server.processor_seconds
            load = server.load(traffic)
            used = server.processor_seconds - before
        print(f"{load.answers} answers, {used / load.answers * 1e6:.0f} us each")
        pstats.Stats(str(path)).sort_stats(options.sort).print_stats(options.lines)


if __name__ == "__main__":
    main()
