"""The resources whose updates one client wants.

Who tells of updates has to look out for them, and should not where nobody listens. So a
wish can be watched: a listener that stands in the hub has its own watched by the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

__all__ = ["Wishes"]


class Wishes:
    """Some URIs, each once, in the order in which they were wished for.

    How many there may be is for those to say who add to it.

    Args:
        uris: The first ones.
    """

    def __init__(self, uris: Iterable[str] = ()) -> None:
        self._uris = dict.fromkeys(uris)
        self._watchers: dict[Callable[[str, bool], None], None] = {}

    def __len__(self) -> int:
        return len(self._uris)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._uris))

    def __contains__(self, uri: object) -> bool:
        return uri in self._uris

    def add(self, uri: str) -> None:
        """Wish for this one too; a second call does nothing."""
        if uri not in self._uris:
            self._uris[uri] = None
            self._tell(uri, True)

    def discard(self, uri: str) -> None:
        """Wish for it no more; does nothing if that is so."""
        if uri in self._uris:
            del self._uris[uri]
            self._tell(uri, False)

    def watch(self, watcher: Callable[[str, bool], None]) -> None:
        """Call back with each URI that is added, and each that is taken away.

        Args:
            watcher: Called with True for one that is added. Must not raise.
        """
        self._watchers[watcher] = None

    def unwatch(self, watcher: Callable[[str, bool], None]) -> None:
        """Do not call back any more; does nothing for one that is not known."""
        self._watchers.pop(watcher, None)

    def _tell(self, uri: str, added: bool) -> None:
        for watcher in tuple(self._watchers):
            watcher(uri, added)
