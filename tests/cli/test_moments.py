"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.cli.moments import parse_moment

NOW = datetime(2026, 8, 21, 16, 40, 39, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", NOW),
        ("2h ago", NOW - timedelta(hours=2)),
        ("1h30m ago", NOW - timedelta(minutes=90)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2026-08-21T18:40:39+02:00", NOW),
        ("2026-08-21T16:40:39Z", NOW),
    ],
)
def test_what_is_typed_names_a_moment_in_utc(text: str, meant: datetime) -> None:
    assert parse_moment(text, NOW) == meant
    assert parse_moment(text, NOW).utcoffset() == timedelta()


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2h", "2 ago", "ago", "2026-08-21T16:40:39", "1700000000", "9999999w ago"]
)
def test_what_names_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_moment(text, NOW)


def test_a_time_without_zone_is_refused_with_how_to_write_it() -> None:
    with pytest.raises(ValueError, match="has no time zone: write 2026-08-21T16:40:39Z or an offset"):
        parse_moment("2026-08-21T16:40:39", NOW)
