"""Reports: whole or not there, and handed over once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commander.execution.report import REPORT_BYTES, Report


def report_of(*parts: bytes) -> bytes | None:
    received: list[bytes | None] = []
    report = Report(received.append)
    for part in parts:
        report.add(part)
    report.deliver()
    (only,) = received
    return only


@given(st.lists(st.binary(max_size=100)))
def test_the_parts_come_together(parts: list[bytes]) -> None:
    assert report_of(*parts) == b"".join(parts)


def test_one_byte_too_much_is_too_much_wherever_it_comes() -> None:
    most = bytes(REPORT_BYTES)
    assert report_of(most) == most
    assert report_of(most, b"x") is None
    assert report_of(b"x", most) is None
    assert report_of(most, b"x", b"", b"more") is None


def test_what_a_receiver_raises_goes_no_further() -> None:
    def receive(report: bytes | None) -> None:
        raise RuntimeError(report)

    Report(receive).deliver()
