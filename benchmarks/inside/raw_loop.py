"""One command after the other: ``os.posix_spawn``, two pipes read, wait.

usage: raw_loop SECONDS

Prints the median time of one in milliseconds.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time


def one_command() -> None:
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    pid = os.posix_spawn(
        "/bin/sh",
        ["/bin/sh", "-c", "true"],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, out_end, 1),
            (os.POSIX_SPAWN_DUP2, err_end, 2),
        ],
    )
    os.close(out_end)
    os.close(err_end)
    for descriptor in (out, err):
        while os.read(descriptor, 65536):
            pass
        os.close(descriptor)
    os.waitpid(pid, 0)


def main() -> None:
    end = time.monotonic() + float(sys.argv[1])
    taken = []
    while (begin := time.perf_counter()) and time.monotonic() < end:
        one_command()
        taken.append(time.perf_counter() - begin)
    print(json.dumps({"count": len(taken), "p50_ms": statistics.median(taken) * 1e3}))


main()
