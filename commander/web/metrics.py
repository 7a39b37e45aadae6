"""``/metrics``: for scrapers, and not there for anybody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from commander.auth.answers import HttpAnswer, write_answer
from commander.auth.scrape import ScrapeAccess
from commander.web.answers import method_not_allowed, not_found

__all__ = ["METRICS_PATH", "MetricsResource"]

METRICS_PATH: Final = b"/metrics"
_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class MetricsResource(Resource):
    """Answers who may scrape with the page, and others as a path that is not served.

    Args:
        access: Knows who may.
        page: Writes the metrics.
    """

    isLeaf = True

    def __init__(self, access: ScrapeAccess, page: Callable[[], bytes]) -> None:
        super().__init__()
        self._access = access
        self._page = page

    def render(self, request: Any) -> int:
        """Any method: whether it is served is for those to know who may ask."""
        write_answer(request, self._answer(request))
        request.finish()
        return NOT_DONE_YET

    def _answer(self, request: IRequest) -> HttpAnswer:
        if not self._access.admits(request):
            return not_found()
        if request.method not in (b"GET", b"HEAD"):
            return method_not_allowed("GET, HEAD")
        return HttpAnswer(status=200, body=self._page(), content_type=_CONTENT_TYPE)
