"""Load a server for some time and report what it kept.

usage: python -m benchmarks.soak [--seconds N] [--clients N] [--seed N] [--report FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import RESULTS, BenchmarkError, machine, now
from benchmarks.servers import Server, commander
from benchmarks.soak.leaks import (
    Sample,
    census,
    fitted,
    problems,
    samples_between,
    summary,
)
from benchmarks.soak.scenarios import FORBIDDEN, Client

__all__ = ["soak"]

_WARM_UP_SHARE: Final = 0.2
_SETTLE_SECONDS: Final = 30.0
"""Longest wait for an idle server; commands of the load take 2 s at most."""
_WATCHED: Final = ("resident_kib", "descriptors", "threads", "timers", "objects")
_SHOWN: Final = 5
_POINTS: Final = 60


def soak(seconds: float, clients: int, seed: int) -> dict[str, Any]:
    """Load a server and look for leaks; the report's ``problems`` are what failed."""
    env = {
        "MCP_BLOCKED_COMMANDS": FORBIDDEN,
        "MCP_MAX_QUEUED": "1000",
        "MCP_MAX_OUTPUT_BYTES": "256KiB",
        "MCP_SHUTDOWN_GRACE": "5s",
    }
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "census")
        with commander("--census", path, env=env) as server:
            warm_up = seconds * _WARM_UP_SHARE
            _, wrong = _load(server, clients, seed, warm_up)
            before = _settled(path)
            begin = time.monotonic()
            done, more_wrong = _load(server, clients, seed + 1, seconds - warm_up)
            end = time.monotonic()
            after = _settled(path)
            wrong += more_wrong
            left = _end_what_is_left(server)
            faults = _faults(server)
        samples = samples_between(census(path), begin, end)
    report = _report(samples, before, after)
    report["problems"] += [
        f"{what}: {len(which)}, such as {which[:_SHOWN]}"
        for what, which in {
            "wrong answers": wrong,
            "processes of commands that are left": left,
            "errors in the log": faults,
        }.items()
        if which
    ]
    return {
        **report,
        "seed": seed,
        "actions": sum(done.values()),
        "by_scenario": dict(sorted(done.items())),
    }


def _load(
    server: Server, count: int, seed: int, seconds: float
) -> tuple[Counter[str], list[str]]:
    """Clients act at the same time; gives what they did, and what went wrong."""
    clients = [Client(server.port, seed * 1000 + number) for number in range(count)]
    deadline = time.monotonic() + seconds

    def act(client: Client) -> None:
        while time.monotonic() < deadline:
            client.act()
        client.close()

    threads = [threading.Thread(target=act, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if server.process.poll() is not None:
        raise BenchmarkError(f"the server ended: {server.log_end()}")
    done: Counter[str] = Counter()
    for client in clients:
        done += client.tally.done
    return done, [text for client in clients for text in client.tally.wrong]


def _settled(path: Path) -> Sample:
    """The idle server: the last of three records that are alike, or the last of all."""
    begin = time.monotonic()
    while True:
        time.sleep(1)
        recent = [sample for sample in census(path) if sample["at"] > begin][-3:]
        alike = len(recent) == 3 and all(
            len({sample[name] for sample in recent}) == 1
            for name in ("descriptors", "timers")
        )
        if alike and not recent[-1]["children"]:
            return recent[-1]
        if time.monotonic() > begin + _SETTLE_SECONDS:
            if not recent:
                raise BenchmarkError("the reactor does not answer any more")
            return recent[-1]


def _end_what_is_left(server: Server) -> list[str]:
    """Processes of its commands, whoever is their parent now; they are killed.

    Commands run in the server's directory and inherit its home.
    """
    home = f"HOME={server.directory}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == server.process.pid:
            continue
        with contextlib.suppress(OSError):
            here = (entry / "cwd").readlink() == server.directory
            if here or home in (entry / "environ").read_bytes():
                found.append((entry / "comm").read_text(encoding="utf-8").strip())
                os.kill(int(entry.name), signal.SIGKILL)
    return found


def _faults(server: Server) -> list[str]:
    """Records of the log that tell of a fault of the server."""
    lines = (server.directory / "log").read_text(encoding="utf-8").splitlines()
    return [line[:1000] for line in lines if '"level":"error"' in line]


def _report(samples: Sequence[Sample], before: Sample, after: Sample) -> dict[str, Any]:
    """What was counted; ``problems`` are what of it is a leak."""
    lines = {name: fitted(samples, name) for name in _WATCHED}
    memory = lines["resident_kib"]
    return {
        "taken_at": now(),
        "machine": machine(),
        "load_seconds": round(memory.seconds, 1),
        "slopes": {name: summary(line) for name, line in lines.items()},
        "resident_kib_over_time": _thinned([s["resident_kib"] for s in samples]),
        "idle_before": before,
        "idle_after": after,
        "problems": problems(before, after, memory),
    }


def _thinned(values: Sequence[float]) -> list[float]:
    """At most so many of them that a person can look at the course."""
    return list(values[:: len(values) // _POINTS + 1])


def _shown(report: dict[str, Any]) -> str:
    lines = [
        f"{report['actions']} actions in {report['load_seconds']} s, "
        f"seed {report['seed']}",
        f"{'':14}{'before':>10}{'after':>10}{'per minute':>12}{'error':>8}",
    ]
    for name, slope in report["slopes"].items():
        before, after = report["idle_before"][name], report["idle_after"][name]
        lines.append(
            f"{name:14}{before:>10,}{after:>10,}"
            f"{slope['per_minute']:>12,.1f}{slope['error_per_minute']:>8,.1f}"
        )
    lines += [f"LEAK {problem}" for problem in report["problems"]] or ["no leak"]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1000)
    )
    parser.add_argument("--report", type=Path, default=RESULTS / "soak.json")
    options = parser.parse_args()
    try:
        report = soak(options.seconds, options.clients, options.seed)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    options.report.parent.mkdir(exist_ok=True)
    options.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{_shown(report)}\n{options.report}")
    return int(bool(report["problems"]))


if __name__ == "__main__":
    sys.exit(main())
