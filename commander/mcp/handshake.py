"""The handshake era: 2024-11-05 to 2025-11-25.

A client that greeted us and one that never did are served alike: no answer depends on
what came before, except by what the session remembers, and that is handed in as the
``Peer``. What changes a session is handed out as a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec import Raw

from commander.mcp.catalogue import LISTS, Catalogue
from commander.mcp.events import Asked, Call, Peer, Reply, ServerInfo
from commander.mcp.inbound import progress_token
from commander.mcp.jsonrpc import METHOD_NOT_FOUND, ProtocolError, Request, shown
from commander.mcp.params import (
    invalid,
    read_completion,
    read_level,
    read_list,
    read_prompt,
    read_resource,
    read_subscription,
    read_tool,
)
from commander.mcp.results import ReplyWriter, refusal
from commander.mcp.traces import meta_trace
from commander.mcp.versions import Era, negotiate

__all__ = ["HandshakeEngine"]

Reader = Callable[[Request], Asked | ProtocolError]


class HandshakeEngine:
    """Answers requests of the handshake era; holds no state between them.

    Args:
        server: Who we say we are.
        catalogue: What there is; it may change.
        writer: Writes the answers.
    """

    def __init__(
        self, *, server: ServerInfo, catalogue: Catalogue, writer: ReplyWriter
    ) -> None:
        self._server = server
        self._catalogue = catalogue
        self._writer = writer
        self._lists: dict[tuple[str, str | None], tuple[int, Raw]] = {}
        self._readers: dict[str, Reader] = {
            "tools/call": partial(read_tool, catalogue=catalogue),
            "logging/setLevel": read_level,
        }
        for name, kind in LISTS.items():
            if kind in catalogue.asked:
                self._readers[name] = partial(read_list, catalogue=catalogue, kind=kind)
        if catalogue.has("prompts"):
            self._readers["prompts/get"] = partial(read_prompt, catalogue=catalogue)
        if catalogue.has("resources"):
            self._readers["resources/read"] = partial(
                read_resource, catalogue=catalogue
            )
        if catalogue.subscribable:
            self._readers["resources/subscribe"] = partial(read_subscription, on=True)
            self._readers["resources/unsubscribe"] = partial(
                read_subscription, on=False
            )
        if catalogue.completions:
            self._readers["completion/complete"] = partial(
                read_completion, catalogue=catalogue
            )

    def open(self, request: Request, peer: Peer) -> Reply | Call:
        """Answer a request, or hand out the call that it is."""
        method = request.method
        reader = self._readers.get(method)
        if reader is not None:
            return self._call(request, peer, reader)
        if method == "ping":
            return self._writer.result(request.id, {})
        if method == "initialize":
            return self._initialize(request)
        kind = LISTS.get(method)
        if kind is not None and self._catalogue.has(kind):
            return self._list(request, kind, peer.version)
        return refusal(
            ProtocolError(
                code=METHOD_NOT_FOUND,
                message=f"Method not found: {shown(method)}",
                id=request.id,
            )
        )

    def _call(self, request: Request, peer: Peer, reader: Reader) -> Reply | Call:
        asked = reader(request)
        if isinstance(asked, ProtocolError):
            return refusal(asked)
        return Call(
            id=request.id,
            era=Era.HANDSHAKE,
            peer=peer,
            asked=asked,
            progress_token=progress_token(request),
            trace=meta_trace(request),
        )

    def _initialize(self, request: Request) -> Reply:
        """S25/basic/lifecycle, Initialization."""
        version = negotiate(request.params.get("protocolVersion"))
        capabilities = request.params.get("capabilities")
        body = self._writer.result(
            request.id,
            {
                "protocolVersion": version,
                "capabilities": self._catalogue.capabilities(version),
                "serverInfo": self._writer.identity(version),
                "instructions": self._server.instructions,
            },
        ).body
        peer = Peer(
            version=version,
            capabilities=capabilities if isinstance(capabilities, Mapping) else {},
        )
        return Reply(status=200, body=body, opens=peer)

    def _list(self, request: Request, kind: str, version: str | None) -> Reply:
        """One page: any cursor is one that we never gave out."""
        if request.params.get("cursor") is not None:
            return refusal(invalid(request, "unknown cursor"))
        edition, shown_list = self._lists.get((kind, version), (0, Raw()))
        if edition != self._catalogue.edition:
            entries: dict[str, Any] = {kind: self._catalogue.entries(kind, version)}
            shown_list = self._writer.complete(Era.HANDSHAKE, entries)
            self._lists[kind, version] = self._catalogue.edition, shown_list
        return self._writer.result(request.id, shown_list)
