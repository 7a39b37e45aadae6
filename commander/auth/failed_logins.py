"""Failed logins: how many are answered as such, and how many records they make.

Nobody is locked out. A valid token is not asked about here, and passes however many
failures came from its address, since behind a load balancer or NAT all clients have
one. What is bounded is what failures cost: per address so many are answered 401, the
others 429; and of those that are not written down one by one, one record tells the
number.

This does not slow down guessing, because a right guess would pass. A random token of 16
characters or more cannot be guessed over HTTP at any rate.

It tells callers nothing about tokens either: it is asked after they were refused, and
what it says depends on the address and the time, not on what was presented. Whether
somebody behind the same address failed as well is all that it gives away.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable
from typing import Final

import attrs
from twisted.internet.interfaces import IReactorTime

from commander.alarm import Alarm
from commander.auth.tokens import Refused
from commander.interfaces import Monotonic
from commander.telemetry.audit import LogAccess

__all__ = ["MOST_ADDRESSES", "WINDOW_SECONDS", "Bucket", "FailedLogins", "Rate"]


@attrs.frozen(kw_only=True)
class Rate:
    """How often something may happen."""

    burst: int
    """At once."""
    per_second: float
    """In the long run."""


_ANSWERS: Final = Rate(burst=10, per_second=1.0)
"""Failures of one address that are answered 401. Ten, because a client that starts
without a token tries several paths; one a second is a person or a slow retry."""
_RECORDS: Final = Rate(burst=100, per_second=5.0)
"""Records of single failures from all addresses together: some 60 MB of log a day at
worst."""
MOST_ADDRESSES: Final = 1024
"""Addresses that are remembered, about 200 KiB. One that was forgotten begins anew."""
WINDOW_SECONDS: Final = 60.0
"""From a failure that is only counted to the record with the number."""
_NETWORK_BITS: Final = 64
"""Of an IPv6 address: the rest of it a client chooses as it likes."""


class Bucket:
    """Holds what may happen at once, and fills again with time.

    Args:
        rate: How large, and how fast it fills.
        now: Seconds of a monotonic clock; it is full then.
    """

    __slots__ = ("_at", "_level", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._level = float(rate.burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take one; gives 0, or the seconds until there is one if it is empty."""
        refilled = self._level + (now - self._at) * self._rate.per_second
        self._level, self._at = min(refilled, self._rate.burst), now
        if self._level < 1:
            return (1 - self._level) / self._rate.per_second
        self._level -= 1
        return 0.0


class _Address:
    """What is known of one address."""

    __slots__ = ("bucket", "unwritten")

    def __init__(self, now: float) -> None:
        self.bucket = Bucket(_ANSWERS, now)
        self.unwritten = 0


class FailedLogins:
    """Counts them by address, and writes them down within bounds.

    Args:
        access: Where they are written down.
        clock: Makes the timer that ends a window.
        monotonic: The time.
        failed: Called for each, with the reason in a word.
    """

    def __init__(
        self,
        access: LogAccess,
        *,
        clock: IReactorTime,
        monotonic: Monotonic,
        failed: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._access = access
        self._failed = failed
        self._alarm = Alarm(clock, monotonic)
        self._monotonic = monotonic
        self._records = Bucket(_RECORDS, monotonic())
        # The one that failed last stands at the end.
        self._addresses: dict[str, _Address] = {}
        self._unwritten = 0

    def note(self, peer: str, refused: Refused) -> int | None:
        """A login failed: count it, and log it if there is room for that.

        Returns:
            None to answer 401, else the whole seconds after which to come back.
        """
        self._failed(refused.reason)
        now = self._monotonic()
        address = self._address(_network(peer), now)
        wait = address.bucket.take(now)
        if wait or self._records.take(now):
            address.unwritten += 1
            self._unwritten += 1
            if not self._alarm.is_set:
                self._alarm.set(WINDOW_SECONDS, self._write_number)
        else:
            self._access.login_failed(
                peer, reason=refused.reason, principal=refused.principal
            )
        return math.ceil(wait) if wait else None

    def close(self) -> None:
        """Write down what was only counted so far, and leave no timer."""
        self._alarm.cancel()
        self._write_number()

    def _address(self, network: str, now: float) -> _Address:
        """What is known of it; the address that failed longest ago makes room."""
        address = self._addresses.pop(network, None)
        if address is None:
            address = _Address(now)
            if len(self._addresses) >= MOST_ADDRESSES:
                del self._addresses[next(iter(self._addresses))]
        self._addresses[network] = address
        return address

    def _write_number(self) -> None:
        count, self._unwritten = self._unwritten, 0
        if not count:
            return
        most = max(self._addresses, key=lambda one: self._addresses[one].unwritten)
        for address in self._addresses.values():
            address.unwritten = 0
        self._access.logins_failed(count, most_from=most, seconds=WINDOW_SECONDS)


def _network(peer: str) -> str:
    """What counts as one address."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), _NETWORK_BITS), strict=False))
