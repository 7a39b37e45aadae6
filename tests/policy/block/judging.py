"""Judge a text the way the checker does."""

from __future__ import annotations

from commander.policy.block.blocklist import Blocklist, Hit
from commander.policy.budget import Budget
from commander.policy.shell.parser import NotModelledError, parse
from commander.policy.shell.syntax import Dialect

DEFAULT = Blocklist((), use_default=True)


def judge(
    text: str,
    directory: str | None = None,
    *,
    blocklist: Blocklist = DEFAULT,
    dialect: Dialect = Dialect.SH,
) -> Hit | None:
    budget = Budget()
    try:
        script = parse(text, dialect, budget=budget)
    except NotModelledError as error:
        return blocklist.find(
            error.before, directory, dialect=dialect, budget=budget
        ) or blocklist.scan(text, directory, dialect=dialect, budget=budget)
    return blocklist.find(script, directory, dialect=dialect, budget=budget, text=text)
