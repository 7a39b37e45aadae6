"""How fast a job's output is read by cursor, and that each byte is shown once."""

from __future__ import annotations

import hashlib
import tempfile
import time
from typing import Any, Final

from benchmarks.callers import JobClient
from benchmarks.measure import BenchmarkError, Row, Scale, Target, rounds
from benchmarks.programs import run_inside
from benchmarks.servers import Server, commander

__all__ = ["follow"]

_PAGE_BYTES: Final = 65536
_LINES: Final = "seq 10000000 99999999 | head -c {bytes}"


def follow(scale: Scale) -> list[Row]:
    in_ring, in_spool = int(scale.pick(192, 32)), int(scale.pick(48, 32))
    over_http = int(scale.pick(16, 1)) << 20
    with tempfile.TemporaryDirectory(prefix="bench-") as spool:
        spooling = {"MCP_SPOOL_DIR": f"{spool}/server"}
        with commander(env=spooling) as server:
            found: dict[str, list[Any]] = rounds(
                scale.rounds(),
                {
                    "ring": lambda: run_inside("following", in_ring, "ring"),
                    "spool": lambda: run_inside("following", in_spool, f"{spool}/own"),
                    "http": lambda: _over_http(server, over_http),
                },
            )
    if any(one["kept"] != 1 for one in found["spool"]):
        raise BenchmarkError("the spool has not kept all of it")
    http = {"MiB/s over HTTP by `read_output`": tuple(found["http"])}
    return [
        _row("ring", "without a spool", found["ring"], "page", {}),
        _row("spool", "spooled, pages in memory", found["spool"], "page", {}),
        _row("disk", "spooled, pages from the disk", found["spool"], "disk", http),
    ]


def _row(
    place: str,
    words: str,
    runs: list[dict[str, float]],
    pages: str,
    more: dict[str, tuple[float, ...]],
) -> Row:
    return Row(
        name=f"follow-{place}",
        what="reading by cursor what a flood leaves of itself, each byte once, "
        f"pages of {_PAGE_BYTES >> 10} KiB: {words}",
        against="the same bytes from the ring alone",
        target=Target(bound=0.5, unit="x", at_least=True),
        values=tuple(run[pages] / run["ring"] for run in runs),
        figures={
            "pages MiB/s": _mebibytes(runs, pages),
            "ring MiB/s": _mebibytes(runs, "ring"),
            "share of the flood kept": tuple(run["kept"] for run in runs),
            "share of such pages": tuple(run[f"{pages}_share"] for run in runs),
            **more,
        },
    )


def _mebibytes(runs: list[dict[str, float]], name: str) -> tuple[float, ...]:
    return tuple(run[name] / 2**20 for run in runs)


def _over_http(server: Server, size: int) -> float:
    """MiB a second from the start of a job to the last of its bytes.

    Raises:
        BenchmarkError: They are not those that it printed.
    """
    text = b"".join(b"%d\n" % number for number in range(10**7, 10**7 + size // 9 + 1))
    shown = hashlib.sha256()
    with JobClient(server.port) as client:
        begin = time.monotonic()
        facts = client.call(
            "start_command", command=_LINES.format(bytes=size), wait_seconds=0
        )
        cursor = 0
        while cursor < size:
            page = client.call(
                "read_output",
                job_id=facts["job_id"],
                cursor=cursor,
                max_bytes=_PAGE_BYTES,
                view="raw",
                wait_seconds=10,
            )
            if page["start_cursor"] != cursor or page.get("evicted_bytes"):
                raise BenchmarkError(f"a gap at {cursor}")
            shown.update(page["output"].encode())
            cursor = page["next_cursor"]
        seconds = time.monotonic() - begin
    if shown.digest() != hashlib.sha256(text[:size]).digest():
        raise BenchmarkError("other bytes were shown than printed")
    return size / seconds / 2**20
