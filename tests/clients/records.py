"""The records that tests send and expect, and how two lists of them are compared."""

from dataclasses import dataclass, replace
from typing import Optional, Tuple


@dataclass(frozen=True)
class Record:
    value: Optional[bytes]
    key: Optional[bytes] = None
    headers: Tuple[Tuple[str, Optional[bytes]], ...] = ()
    timestamp: Optional[int] = None  # ms; None in a record to send: now
    offset: Optional[int] = None     # None in a record to send

    def at(self, offset):
        return replace(self, offset=offset)


def with_offsets(records, first=0):
    return [record.at(first + place) for place, record in enumerate(records)]


def shortly(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:100]}…{text[-60:]} ({len(value)} bytes)"


def differences(expected, got, sent_between):
    """One line for each field that differs, the first ten; records without a timestamp must have one of the time in
    which they were sent (two values in ms)."""
    lines = []
    if len(expected) != len(got):
        lines.append(f"{len(expected)} records expected, {len(got)} read; offsets "
                     f"{[r.offset for r in got[:3]]}…{[r.offset for r in got[-3:]]}")
    for want, have in zip(expected, got):
        for field in ("offset", "key", "value", "headers"):
            if getattr(want, field) != getattr(have, field):
                lines.append(f"offset {want.offset}: {field} {shortly(getattr(have, field))} instead of "
                             f"{shortly(getattr(want, field))}")
        low, high = sent_between if want.timestamp is None else (want.timestamp, want.timestamp)
        if not low <= have.timestamp <= high:
            lines.append(f"offset {want.offset}: timestamp {have.timestamp}, expected {low}..{high}")
    return lines[:10]
