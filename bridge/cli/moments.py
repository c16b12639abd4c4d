"""Times as people type them: RFC 3339, a date, or so long ago."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import click

from bridge.clock import SystemClock
from bridge.domain.times import parse_time
from bridge.formats.configuration import parse_duration


def parse_moment(text: str, now: datetime) -> datetime:
    """Read ``2026-08-21T16:40:39Z``, ``2026-08-21`` (midnight UTC), ``2h ago`` or ``now``.

    Raises:
        ValueError: it is none of these; the text says what was expected.
    """
    word = text.strip()
    if word == "now":
        return now
    if word.endswith("ago"):
        try:
            return now - parse_duration(word.removesuffix("ago").strip())
        except OverflowError:
            msg = f"{text!r} is before the year 1"
            raise ValueError(msg) from None
    try:
        return datetime.combine(date.fromisoformat(word), time(), UTC)
    except ValueError:
        pass
    try:
        return parse_time(word)
    except ValueError as error:
        msg = f"{error}; a date such as 2026-08-21 (midnight UTC) and `2h ago` are understood as well"
        raise ValueError(msg) from None


class Moment(click.ParamType[datetime]):
    """A time on the command line."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401 - click's signature
        """Read the text, or end with what was expected."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_moment(value, SystemClock().now())
        except ValueError as error:
            self.fail(str(error), param, ctx)
