"""What it costs to make sure that nothing of a command is left, when nothing is.

usage: sweeping COMMANDS

Prints medians in microseconds: of the whole of it, and of one look at the list of
children that any sweep must take.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from twisted.internet import reactor as the_reactor

from commander.execution.hardening import become_subreaper
from commander.execution.orphans import SubreaperTrees
from commander.execution.seams import ProcessTree
from commander.execution.tree import ChildrenFile

reactor: Any = the_reactor


def spawned() -> int:
    return os.posix_spawn("/bin/sh", ["/bin/sh", "-c", "true"], os.environ, setsid=True)


def sweep_us(tree: ProcessTree) -> float:
    begin = time.perf_counter()
    left = tree.left()
    tree.release()
    taken = time.perf_counter() - begin
    if left:
        raise ValueError(left)
    return taken * 1e6


def look_us(listed: ChildrenFile) -> float:
    begin = time.perf_counter()
    listed.page(0)
    return (time.perf_counter() - begin) * 1e6


def main() -> None:
    if not become_subreaper():
        raise OSError("this kernel knows no subreapers")
    trees, listed = SubreaperTrees(clock=reactor), ChildrenFile()
    sweeps, looks = [], []
    with ThreadPoolExecutor(max_workers=1) as spawner:
        for number in range(int(sys.argv[1])):
            tag = trees.new_tag()
            pid = spawner.submit(spawned).result()
            tree = trees.tree(pid=pid, run_id=str(number), tag=tag)
            os.waitpid(pid, 0)
            sweeps.append(sweep_us(tree))
            looks.append(look_us(listed))
    trees.close()
    listed.close()
    medians = {
        "sweep_us": statistics.median(sweeps),
        "look_us": statistics.median(looks),
    }
    print(json.dumps(medians))


main()
