"""What CloudWatch finds in a log: its queries and filters, as far as ECS.md uses them.

No emulator evaluates them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["found_by_filter", "found_by_query"]

_QUERY: Final = re.compile(
    r"fields @timestamp, @message\n"
    r"\| filter @message like /(?P<expression>.+)/\n"
    r"\| sort @timestamp desc"
)
_FILTER: Final = re.compile(r'\{ \$\.(?P<member>\w+) = "(?P<value>[^"]*)" \}')


def found_by_query(query: str, messages: Iterable[str]) -> list[Any]:
    """The records that a query of Logs Insights returns.

    Raises:
        ValueError: The query is not of the form that is known here.
    """
    match = _QUERY.fullmatch(query.strip())
    if match is None:
        raise ValueError(query)
    return [json.loads(one) for one in messages if re.search(match["expression"], one)]


def found_by_filter(pattern: str, messages: Iterable[str]) -> list[Any]:
    """The records that a metric filter counts: JSON with this member.

    Raises:
        ValueError: The pattern is not of the form that is known here.
    """
    match = _FILTER.fullmatch(pattern)
    if match is None:
        raise ValueError(pattern)
    records = [json.loads(one) for one in messages if one.startswith("{")]
    return [one for one in records if one.get(match["member"]) == match["value"]]
