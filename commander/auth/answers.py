"""A whole HTTP answer as a value, and how it is written."""

from __future__ import annotations

from typing import Final

import attrs
from twisted.web.iweb import IRequest

__all__ = ["HttpAnswer", "write_answer"]


_NO_CONTENT: Final = 204
_REASONS: Final = {421: b"Misdirected Request"}
"""Reason phrases that Twisted does not know."""


@attrs.frozen(kw_only=True)
class HttpAnswer:
    """Status, headers and body of one answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    """Beside the content type and length."""


def write_answer(request: IRequest, answer: HttpAnswer) -> None:
    """Write an answer's head and body; the caller finishes the request.

    The length is always stated: without it Twisted sends chunks. Only a 204 has none
    (RFC 9110, section 8.6).
    """
    request.setResponseCode(answer.status, _REASONS.get(answer.status))
    headers = request.responseHeaders
    if answer.status != _NO_CONTENT:
        headers.setRawHeaders(b"Content-Length", [b"%d" % len(answer.body)])
    if answer.body:
        headers.setRawHeaders(b"Content-Type", [answer.content_type.encode()])
    for name, value in answer.headers:
        headers.setRawHeaders(name.encode(), [value.encode()])
    request.write(answer.body)
