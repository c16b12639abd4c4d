"""Times as this project writes them: UTC, aware, RFC 3339 with ``Z`` and microseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=1024)  # the events of one batch share most of their times, and an answer repeats those of its event
def format_time(moment: datetime) -> str:
    """Write an aware time as e.g. ``2026-08-21T16:40:39.000000Z``; another offset is converted, never replaced."""
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            msg = "a time without a zone can't be written: it names no moment"
            raise ValueError(msg)
        moment = moment.astimezone(UTC)
    # Half the time of isoformat(), and every event is written with four of them.
    date, time = (moment.year, moment.month, moment.day), (moment.hour, moment.minute, moment.second)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % (*date, *time, moment.microsecond)  # noqa: UP031 - see above


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time with any offset, as UTC.

    Raises:
        ValueError: not a time, or a time without a zone (which names no moment).
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is not an RFC 3339 time such as 2026-08-21T16:40:39Z"
        raise ValueError(msg) from None
    if moment.tzinfo is None:
        msg = f"{text!r} has no time zone: write 2026-08-21T16:40:39Z or an offset such as +02:00"
        raise ValueError(msg)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        msg = f"{text!r} is outside the years 1 to 9999 in UTC"
        raise ValueError(msg) from None
