"""What is known of one client over its requests.

On standard input and output there is one, for the life of the process; over HTTP there
is one for each session. It can name the calls that are under way, so that one of them
can be cancelled; it holds the questions that we asked and the client has not answered;
and it remembers what the client asked to be told.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred

from commander.mcp.events import Peer
from commander.mcp.jsonrpc import ClientResponse, RequestId, request_body
from commander.sessions.wishes import Wishes

__all__ = ["MAX_QUESTIONS", "AskError", "Conversation"]

MAX_QUESTIONS: Final = 100
"""Questions that a client may leave open."""


class AskError(Exception):
    """A client answered a question with an error, or not at all."""


class _Cancellable(Protocol):
    def cancel(self) -> None:
        """The client wants no reply any more."""


class Conversation:
    """One client.

    Args:
        peer: What is known about it; on standard input and output it changes.
    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.log_level: str | None = None
        """What it asked for with ``logging/setLevel``."""
        self.subscriptions = Wishes()
        """Resources whose updates it wants."""
        self._calls: dict[RequestId, list[_Cancellable]] = {}
        self._questions: dict[RequestId, Deferred[Mapping[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._over = False

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return bool(self._calls)

    def began(self, request_id: RequestId, call: _Cancellable) -> None:
        """A call is under way; several of one id are cancelled together."""
        self._calls.setdefault(request_id, []).append(call)

    def ended(self, request_id: RequestId, call: _Cancellable) -> None:
        """It is not any more."""
        calls = self._calls[request_id]
        calls.remove(call)
        if not calls:
            del self._calls[request_id]

    def cancel(self, request_id: object) -> None:
        """Cancel what goes by this id; does nothing if nothing does.

        S25/basic/utilities/cancellation, Behavior Requirements.
        """
        if isinstance(request_id, str | int) and not isinstance(request_id, bool):
            for call in tuple(self._calls.get(request_id, ())):
                call.cancel()

    def ask(
        self, method: str, params: Mapping[str, Any]
    ) -> tuple[bytes, Deferred[Mapping[str, Any]]]:
        """A question to the client, to be sent, and the answer to come.

        The Deferred fails with ``AskError``. Cancelling it forgets the question.

        Raises:
            AskError: Too many questions are open, or the client is gone.
        """
        if self._over:
            raise AskError("the session ended")
        if len(self._questions) >= MAX_QUESTIONS:
            raise AskError(f"{MAX_QUESTIONS} questions are open already")
        number = f"commander-{next(self._numbers)}"
        answer: Deferred[Mapping[str, Any]] = Deferred(lambda _: self._forget(number))
        self._questions[number] = answer
        return request_body(number, method, params), answer

    def _forget(self, number: RequestId) -> None:
        self._questions.pop(number, None)

    def answered(self, response: ClientResponse) -> None:
        """The client answered; an answer to no question of ours is ignored."""
        question = self._questions.pop(response.id or "", None)
        if question is None:
            return
        if response.result is not None:
            question.callback(response.result)
        else:
            said = (response.error or {}).get("message", "no result")
            question.errback(AskError(str(said)))

    def close(self) -> None:
        """The client is gone: it will answer nothing, and is asked nothing more."""
        self._over = True
        questions, self._questions = self._questions, {}
        for question in questions.values():
            question.errback(AskError("the session ended"))
