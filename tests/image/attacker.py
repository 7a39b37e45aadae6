"""What a command can try to find the server's secrets; runs inside the container.

usage: NEEDLES="HEX ..." python3 attacker.py SECONDS

The needles are written backwards, so that nobody holds them by looking for them. It
goes round all tricks for some seconds, as processes come and go, and prints as JSON
which trick found which needle where, and how often each was refused. A child of its
own with one more needle in its environment shows that the tricks work at all.
"""

import collections
import contextlib
import ctypes
import glob
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

PTRACE_ATTACH, PTRACE_DETACH, PIDFD_GETFD = 16, 17, 438
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

found: set[tuple[str, str, int]] = set()
refused: collections.Counter[str] = collections.Counter()
tried: collections.Counter[str] = collections.Counter()


def attempt(trick: str, look: Callable[[str], Iterator[bytes]], pid: str) -> None:
    """Count a trick with one process, and what it found there."""
    tried[trick] += 1
    try:
        for content in look(pid):
            for number, needle in enumerate(NEEDLES):
                if needle in content:
                    found.add((trick, "own child" if pid == CHILD else pid, number))
    except OSError:
        refused[trick] += 1


def read(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield file.read()


def environ(pid: str) -> Iterator[bytes]:
    yield from read(f"/proc/{pid}/environ")


def environ_of_thread(pid: str) -> Iterator[bytes]:
    yield from read(f"/proc/{pid}/task/{pid}/environ")


def cmdline(pid: str) -> Iterator[bytes]:
    yield from read(f"/proc/{pid}/cmdline")


def memory(pid: str) -> Iterator[bytes]:
    """All that is mapped and can be read."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            area, rights, *_ = line.split()
            start, end = (int(each, 16) for each in area.split("-"))
            if rights.startswith("r") and end - start < 2**28:
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    mem.seek(start)
                    yield mem.read(end - start)


def descriptors(pid: str) -> Iterator[bytes]:
    """What is open: the names, and the contents of pipes and files."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{name}"
        yield os.readlink(path).encode()
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                yield os.read(descriptor, 1 << 16)
            finally:
                os.close(descriptor)


def trace(pid: str) -> Iterator[bytes]:
    """Attach as a debugger, and read as one."""
    if LIBC.ptrace(PTRACE_ATTACH, int(pid), None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(int(pid), 0x40000000)  # __WALL
    try:
        yield from memory(pid)
    finally:
        LIBC.ptrace(PTRACE_DETACH, int(pid), None, None)


def borrow(pid: str) -> Iterator[bytes]:
    """Take descriptors out of another process."""
    pidfd = os.pidfd_open(int(pid))
    try:
        for number in range(3, 20):
            taken = LIBC.syscall(PIDFD_GETFD, pidfd, number, 0)
            if taken < 0:
                raise OSError(ctypes.get_errno(), "pidfd_getfd")
            os.close(taken)
            yield b""
    finally:
        os.close(pidfd)


def core(pid: str) -> Iterator[bytes]:
    """Have it dump its memory into a file."""
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    with contextlib.suppress(OSError, ValueError):
        resource.prlimit(int(pid), resource.RLIMIT_CORE, unlimited)
    for number in (signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT):
        os.kill(int(pid), number)
    time.sleep(0.2)
    for path in glob.glob("/tmp/*core*") + glob.glob("/work/*core*"):
        yield from read(path)


def files(nobody: str) -> Iterator[bytes]:
    """Whatever the engine or the server may have left in files."""
    del nobody
    for top in ("/run", "/etc", "/home", "/tmp", "/work", "/dev/shm", "/opt/commander"):
        for directory, _, names in os.walk(top):
            for name in names:
                path = os.path.join(directory, name)
                if os.path.isfile(path) and os.path.getsize(path) < 1 << 24:
                    with contextlib.suppress(OSError):
                        yield from read(path)


QUICK = (environ, environ_of_thread, cmdline)
THOROUGH = (*QUICK, memory, descriptors, borrow, trace)


def one_round(tricks: tuple[Callable[[str], Iterator[bytes]], ...]) -> None:
    own = (str(os.getpid()), str(os.getppid()))
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if pid not in own:
            for trick in tricks:
                attempt(trick.__name__, trick, pid)


if __name__ == "__main__":
    NEEDLES = [bytes.fromhex(each)[::-1] for each in os.environ.pop("NEEDLES").split()]
    child = subprocess.Popen(
        ["sleep", "60"], env={b"VICTIM": NEEDLES[-1], b"PATH": os.environb[b"PATH"]}
    )
    CHILD = str(child.pid)
    time.sleep(0.2)
    end = time.monotonic() + float(sys.argv[1])
    one_round(THOROUGH)
    attempt("files", files, "")
    attempt("core", core, "1")
    while time.monotonic() < end:
        one_round(QUICK)
    child.kill()
    json.dump({"found": sorted(found), "refused": refused, "tried": tried}, sys.stdout)
