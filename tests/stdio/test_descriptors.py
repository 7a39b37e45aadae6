"""Claiming descriptors 0 and 1, in a process of its own: here they are pytest's."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

requirement = pytest.mark.requirement

PROGRAM = """
import os, subprocess, sys
from commander.stdio.descriptors import claim_wire
print("before", flush=False)
os.set_blocking(1, True)
wire = claim_wire()
print("stray print")
os.write(1, b"stray write\\n")
sys.stdout.flush()
child = subprocess.run(["cat"], capture_output=True)
listing = ["ls", "/proc/self/fd"]
inherited = subprocess.run(listing, capture_output=True, close_fds=False)
os.set_blocking(wire.writing, False)
wire.restore()
os.write(wire.writing, b"%r %r %r\\n" % (
    os.read(wire.reading, 100), child.stdout, os.get_blocking(wire.writing)))
os.write(wire.writing, b"%d\\n" % len(inherited.stdout.split()))
"""


@requirement("T2")
def test_only_the_server_itself_reads_and_writes_the_wire() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=b"from the client",
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == [b"before", b"b'from the client' b'' True"]
    # 0, 1, 2 and the directory that ls itself reads.
    assert int(lines[2]) == 4
    assert b"stray print" in done.stderr
    assert b"stray write" in done.stderr
