"""Short system calls that keep the interpreter's lock.

Python gives its lock away around every system call. In a thread beside the reactor's
that is a loss: a call here takes a microsecond or two, and to get the lock back from a
busy reactor takes tens of them, and two changes of thread. What is done to a new
process takes a dozen such calls. So they go through ``ctypes.PyDLL``, which keeps the
lock; ``os`` has no such calls.

None may block: they are for files in which the kernel answers at once, and for
descriptors that are ready. What lies in the memory of a process is no such file, as
its reader waits for the process.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

__all__ = ["read_file", "write", "write_file"]

_library: Final = ctypes.PyDLL(None, use_errno=True)

_SIZE: Final = ctypes.c_size_t
_COUNT: Final = ctypes.c_ssize_t
_DESCRIPTOR: Final = ctypes.c_int


def _call(name: str, result: type[Any], *arguments: type[Any]) -> Any:
    function = getattr(_library, name)
    function.restype = result
    function.argtypes = arguments
    return function


_open: Final = _call("open", _DESCRIPTOR, ctypes.c_char_p, ctypes.c_int)
_close: Final = _call("close", ctypes.c_int, _DESCRIPTOR)
_read: Final = _call("read", _COUNT, _DESCRIPTOR, ctypes.c_void_p, _SIZE)
_write: Final = _call("write", _COUNT, _DESCRIPTOR, ctypes.c_char_p, _SIZE)


def read_file(path: str, size: int, *, whole: bool = False) -> bytes:
    """The beginning of a file of the kernel.

    Args:
        path: Of a file that answers at once.
        size: Bytes to read at a time.
        whole: Read on to the end: the kernel gives lists piece by piece.

    Raises:
        OSError: It is not there, or cannot be read.
    """
    memory = ctypes.create_string_buffer(size)
    descriptor = _checked(_open(os.fsencode(path), os.O_RDONLY | os.O_CLOEXEC), path)
    try:
        data = _piece(descriptor, memory, path)
        piece = data if whole else b""
        while piece:
            piece = _piece(descriptor, memory, path)
            data += piece
    finally:
        _close(descriptor)
    return data


def write_file(path: str, data: bytes) -> None:
    """Write to a file of the kernel in one go.

    Raises:
        OSError: It is not there, or does not take it.
    """
    descriptor = _checked(_open(os.fsencode(path), os.O_WRONLY | os.O_CLOEXEC), path)
    try:
        _checked(_write(descriptor, data, len(data)), path)
    finally:
        _close(descriptor)


def write(descriptor: int, data: bytes) -> int:
    """Write to a descriptor that is ready; how many bytes were taken.

    Raises:
        OSError: It does not take any.
    """
    return _checked(_write(descriptor, data, len(data)))


def _piece(descriptor: int, memory: ctypes.Array[ctypes.c_char], path: str) -> bytes:
    count = _checked(_read(descriptor, memory, len(memory)), path)
    return ctypes.string_at(memory, count)


def _checked(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result
