"""``posix_spawn`` of the C library, called without the interpreter's lock.

``os.posix_spawn`` cannot change the directory, and it holds the lock while the kernel
keeps the caller waiting until the child has executed its program. On busy processors
that is milliseconds in which no Python thread runs. So the library is called here
through ctypes, by two handles on the same code: ``PyDLL`` keeps the lock and is for
calls that take less than giving the lock away and getting it back; ``CDLL`` gives it
away and is for the one call that waits.

The structures of the library are opaque here. glibc and musl need at most 336 bytes
for one. Each gets 1024, and ``load`` makes sure that none is written to beyond 512.

What every child gets: a session and group of its own, no signal ignored and none
blocked (Python ignores SIGPIPE and SIGXFSZ, and both would be inherited), and no
descriptor that was not given to it. The last is the work of close-on-exec, which
Python sets on all that it opens; glibc since 2.34 also closes what a foreign library
left open.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

__all__ = ["Bindings", "Prepared", "Unavailable", "load"]

_SETSIGDEF: Final = 0x04
_SETSIGMASK: Final = 0x08
_SETSID: Final = 0x80

_ALLOCATED_BYTES: Final = 1024
_LARGEST_BYTES: Final = 512
_GUARD: Final = 0xA5
_Structure = ctypes.c_char * _ALLOCATED_BYTES

_ADDRESS: Final = ctypes.c_void_p
_SETUP_CALLS: Final[Mapping[str, tuple[type[Any], ...]]] = {
    "posix_spawn_file_actions_init": (_ADDRESS,),
    "posix_spawn_file_actions_destroy": (_ADDRESS,),
    "posix_spawn_file_actions_adddup2": (_ADDRESS, ctypes.c_int, ctypes.c_int),
    "posix_spawn_file_actions_addclose": (_ADDRESS, ctypes.c_int),
    "posix_spawn_file_actions_addopen": (
        _ADDRESS,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_int,
    ),
    "posix_spawn_file_actions_addchdir_np": (_ADDRESS, ctypes.c_char_p),
    "posix_spawnattr_init": (_ADDRESS,),
    "posix_spawnattr_setflags": (_ADDRESS, ctypes.c_short),
    "posix_spawnattr_setsigdefault": (_ADDRESS, _ADDRESS),
    "posix_spawnattr_setsigmask": (_ADDRESS, _ADDRESS),
    "sigemptyset": (_ADDRESS,),
    "sigfillset": (_ADDRESS,),
    "sigdelset": (_ADDRESS, ctypes.c_int),
}
_STRUCTURE_CALLS: Final = (
    "posix_spawn_file_actions_init",
    "posix_spawnattr_init",
    "sigfillset",
)
_CLOSE_FROM: Final = "posix_spawn_file_actions_addclosefrom_np"
_STANDARD: Final = (0, 1, 2)
_FIRST_OTHER: Final = len(_STANDARD)


@attrs.frozen(kw_only=True)
class Unavailable:
    """Processes cannot be spawned this way here."""

    reason: str
    """For the start-up log: what the system lacks."""


class Bindings:
    """The calls of the C library, and the attributes that all children share.

    Raises:
        AttributeError: The library lacks a call.
        OSError: A call failed.
    """

    def __init__(self) -> None:
        self.setup: Final = ctypes.PyDLL(None)
        for name, arguments in _SETUP_CALLS.items():
            getattr(self.setup, name).argtypes = arguments
        self.close_from: Final = getattr(self.setup, _CLOSE_FROM, None)
        if self.close_from is not None:
            self.close_from.argtypes = (_ADDRESS, ctypes.c_int)
        # With "p": a name without a slash is looked for as execvp does, never in
        # the child's directory.
        self.spawn: Final = ctypes.CDLL(None).posix_spawnp
        self.spawn.argtypes = (_ADDRESS, ctypes.c_char_p, *(_ADDRESS,) * 4)
        self._require_room()
        self.attributes: Final = self._make_attributes()

    def prepare(
        self,
        program: bytes,
        *,
        arguments: Sequence[bytes],
        environment: Sequence[bytes],
        directory: bytes | None,
        descriptors: Mapping[int, int],
        terminal: bytes | None = None,
    ) -> Prepared:
        """Make everything that a spawn needs, so that it can happen in any thread.

        Args:
            program: A path, or a name to look for in ``PATH``.
            arguments: The first is what the program is told it is called.
            environment: ``NAME=value``.
            directory: Where it runs; None for the server's.
            descriptors: What the child has as its 0, 1, 2 and above; those that are
                missing are closed. Ours, and all above 2.
            terminal: The path of one that it opens for its 0, 1 and 2, and of which it
                becomes the session.

        Raises:
            OSError: There is no memory.
            ValueError: A text holds a null byte.
        """
        joined = b"".join((program, *arguments, *environment, directory or b""))
        if b"\0" in joined:  # C would silently read the text up to there
            raise ValueError("embedded null byte")
        actions = _Structure()
        _check(self.setup.posix_spawn_file_actions_init(actions))
        try:
            first = 0 if terminal is None else self._add_terminal(actions, terminal)
            self._add_actions(actions, directory, descriptors, first)
        except BaseException:
            self.setup.posix_spawn_file_actions_destroy(actions)
            raise
        return Prepared(self, program, actions, _block(arguments), _block(environment))

    def _add_terminal(self, actions: Any, path: bytes) -> int:
        """Open it for all three; the number of the next descriptor."""
        first, *others = _STANDARD
        open_it = self.setup.posix_spawn_file_actions_addopen
        _check(open_it(actions, first, path, os.O_RDWR, 0))
        for child in others:
            _check(self.setup.posix_spawn_file_actions_adddup2(actions, first, child))
        return _FIRST_OTHER

    def _add_actions(
        self,
        actions: Any,
        directory: bytes | None,
        descriptors: Mapping[int, int],
        first: int,
    ) -> None:
        setup = self.setup
        end = max(_FIRST_OTHER, max(descriptors, default=0) + 1)
        for child in range(first, end):
            ours = descriptors.get(child)
            if ours is None:
                _check(setup.posix_spawn_file_actions_addclose(actions, child))
            else:
                _check(setup.posix_spawn_file_actions_adddup2(actions, ours, child))
        if directory is not None:
            _check(setup.posix_spawn_file_actions_addchdir_np(actions, directory))
        if self.close_from is not None:
            _check(self.close_from(actions, end))

    def _require_room(self) -> None:
        """See that no structure is larger than we think any is."""
        for name in _STRUCTURE_CALLS:
            memory = _Structure()
            ctypes.memset(memory, _GUARD, _ALLOCATED_BYTES)
            _check(getattr(self.setup, name)(memory))
            beyond = bytes(memory)[_LARGEST_BYTES:]
            if beyond.strip(bytes([_GUARD])):
                words = f"{name} writes more than {_LARGEST_BYTES} bytes"
                raise OSError(errno.EOVERFLOW, words)

    def _make_attributes(self) -> Any:
        setup, attributes, signals = self.setup, _Structure(), _Structure()
        _check(setup.posix_spawnattr_init(attributes))
        _check(setup.sigemptyset(signals))
        _check(setup.posix_spawnattr_setsigmask(attributes, signals))
        # All that can be: which ones are ignored may change while the server runs.
        _check(setup.sigfillset(signals))
        for fixed in (signal.SIGKILL, signal.SIGSTOP):
            _check(setup.sigdelset(signals, fixed))
        _check(setup.posix_spawnattr_setsigdefault(attributes, signals))
        flags = _SETSIGDEF | _SETSIGMASK | _SETSID
        _check(setup.posix_spawnattr_setflags(attributes, flags))
        return attributes


class Prepared:
    """One spawn that is ready to happen; ``release`` must be called once."""

    __slots__ = ("_actions", "_arguments", "_bindings", "_environment", "_program")

    def __init__(
        self,
        bindings: Bindings,
        program: bytes,
        actions: Any,
        arguments: Any,
        environment: Any,
    ) -> None:
        self._bindings = bindings
        self._program = program
        self._actions = actions
        self._arguments = arguments
        self._environment = environment

    def spawn(self) -> int:
        """Start the process and return its id; blocks until it has executed.

        Raises:
            OSError: The kernel refused; nothing was started.
        """
        pid = ctypes.c_int()
        _check(
            self._bindings.spawn(
                ctypes.byref(pid),
                self._program,
                self._actions,
                self._bindings.attributes,
                self._arguments,
                self._environment,
            )
        )
        return pid.value

    def release(self) -> None:
        """Give the library's memory back; no spawn may be under way."""
        self._bindings.setup.posix_spawn_file_actions_destroy(self._actions)


def load() -> Bindings | Unavailable:
    """Find out once, at start, whether this system can do it; spawns nothing."""
    if sys.platform != "linux":
        return Unavailable(reason="this is not Linux")
    try:
        _require_pidfd()
    except (AttributeError, OSError) as error:
        return Unavailable(reason=f"no process descriptors: {error}")
    try:
        return Bindings()
    except (AttributeError, OSError) as error:
        return Unavailable(reason=f"no complete posix_spawn: {error}")


def _require_pidfd() -> None:
    """Old kernels have no process descriptors, and some sandboxes forbid them."""
    pidfd = os.pidfd_open(os.getpid())
    try:
        signal.pidfd_send_signal(pidfd, 0)
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        pass  # nobody is its own child; a kernel that knows no P_PIDFD says EINVAL
    finally:
        os.close(pidfd)


def _block(texts: Sequence[bytes]) -> Any:
    """An array of C strings that ends with a null pointer."""
    return (ctypes.c_char_p * (len(texts) + 1))(*texts)


def _check(code: int) -> None:
    """Raise what a call of the library returned."""
    if code:
        raise OSError(code, os.strerror(code))
