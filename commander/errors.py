"""The exceptions of commander.

An expected refusal is a value (``Denied``, ``Busy``, ``Rejection``), never an
exception. What stands here is for an operator's mistake at start, and for bugs.
"""

__all__ = ["CommanderError", "SettingError", "StartError"]


class CommanderError(Exception):
    """Base of every exception that commander raises on purpose."""


class StartError(CommanderError):
    """The server cannot start; the text is one line for the operator."""


class SettingError(StartError):
    """A setting's value cannot be used.

    The text names the variable or flag, the value, where it came from and what
    is accepted. The value of a secret is never part of it.
    """
