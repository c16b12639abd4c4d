"""Which share of a history is noise: figures over counts, by range, source and author."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.noise import CommitClass, CommitCount, Tally, TallyKey, is_machine, week_of
from bridge.domain.noise_report import DEFINITIONS, NoiseReport, SourceTally, summarize_noise

WEEK, LATER = "2026-08-17", "2026-08-24"


def row(
    kind: str, commits: int = 1, *, author: str = "Ada", week: str = WEEK, source: str = "infra", **more: int
) -> SourceTally:
    return (
        source,
        TallyKey(week, CommitClass(kind), author),
        Tally(commits, more.get("landings", commits), more.get("lines", 0)),
    )


def summarize(*rows: SourceTally) -> dict[str, Any]:
    told: Any = summarize_noise([(key, tally) for _, key, tally in rows])
    return told


def report(*rows: SourceTally, **limits: datetime) -> dict[str, Any]:
    told: Any = NoiseReport(rows, **limits).in_full()
    return told


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 8, number, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    ["dependabot[bot]", "renovate", "Renovate Bot", "fluxcdbot", "acme-ci", "argocd-image-updater", "github-actions",
     "GitHub Action", "Jenkins", "CI", "deploy_bot", "mctl-cd"],
)  # fmt: skip
def test_names_that_hosts_give_their_machines_are_known(name: str) -> None:
    assert is_machine(name)


@pytest.mark.parametrize(
    "name", ["Ada Lovelace", "Cindy", "Marcia", "Lucid", "Jane Talbot", "Robotnik", "Fluxx", "", "Cicero", "Actionable"]
)
def test_names_of_people_are_no_machines(name: str) -> None:
    assert not is_machine(name)


def test_a_week_begins_on_monday_in_utc() -> None:
    sunday, monday = (int(day(number).timestamp()) for number in (23, 24))
    assert [week_of(seconds) for seconds in (sunday, monday - 1, monday)] == [WEEK, WEEK, LATER]
    assert [week_of(seconds) for seconds in (-(10**20), 10**20)] == ["1969-12-29", "9999-12-27"]


def test_nothing_counted_is_no_share_rather_than_none_of_it() -> None:
    told = summarize()
    assert (told["commits"], told["share"], told["noise"]["share"], told["first_week"]) == (0, None, None, None)
    assert (told["writers"]["n"], told["weeks"]) == (0, [])


def test_bumps_and_their_merges_are_noise_and_the_rest_is_what_would_be_left() -> None:
    told = summarize(
        row("bump_by_bot", 4, author="ci", lines=8),
        row("bump_by_human", 2, landings=0, lines=4),
        row("merge_of_bumps", 1),
        row("mixed", 1, lines=10),
        row("other", 2, week=LATER, lines=78),
    )
    assert told["noise"] == {"commits": 7, "share": 0.7, "landings": 5, "lines": 12}
    assert told["without_noise"] == {
        "definition": "noise_free/1", "commits": 3, "share": 0.3, "landings": 3, "lines": 88
    }  # fmt: skip
    assert (told["commits"], told["landings"], told["lines"]) == (10, 8, 100)
    assert told["classes"]["mixed"] == {"commits": 1, "share": 0.1, "landings": 1, "lines": 10}
    assert told["weeks"] == [
        {"week": WEEK, "bump_by_bot": 4, "bump_by_human": 2, "merge_of_bumps": 1, "mixed": 1, "other": 0},
        {"week": LATER, "bump_by_bot": 0, "bump_by_human": 0, "merge_of_bumps": 0, "mixed": 0, "other": 2},
    ]
    assert (told["first_week"], told["last_week"]) == (WEEK, LATER)


def test_who_landed_something_could_write_and_who_was_merged_wrote() -> None:
    writers = summarize(
        row("bump_by_bot", 5, author="deployer"),  # a machine by the source's setting
        row("merge_of_bumps", 1, author="deployer"),
        row("other", 2, author="Ada"),
        row("bump_by_human", 1, author="Ada", landings=0),
        row("other", 3, author="Bo", landings=0),
        row("other", 1, author="renovate[bot]"),
        row("other", 4, author=""),
    )["writers"]
    assert writers == {
        "definition": "writers/1",
        "n": 3,
        "machines": 2,
        "only_bumps": 1,
        "unnamed": 4,
        "authors": 4,
        "names": [
            {"author": "deployer", "machine": True, "landings": 6, "commits": 6, "noise": 6},
            {"author": "Ada", "machine": False, "landings": 2, "commits": 3, "noise": 1},
            {"author": "renovate[bot]", "machine": True, "landings": 1, "commits": 1, "noise": 0},
        ],
        "not_listed": 0,
    }


def test_only_the_first_names_are_listed() -> None:
    writers = summarize(*[row("other", number + 1, author=f"dev {number}") for number in range(53)])["writers"]
    assert (writers["n"], len(writers["names"]), writers["not_listed"]) == (53, 50, 3)
    assert writers["names"][0]["author"] == "dev 52"


def test_each_source_has_its_figures_and_together_they_are_all() -> None:
    told = report(row("other", 1), row("bump_by_bot", 3, source="web", author="ci"), row("other", 2, source="web"))
    assert [(each["source"], each["commits"], each["noise"]["commits"]) for each in told["sources"]] == [
        ("infra", 1, 0), ("web", 5, 3)
    ]  # fmt: skip
    assert (told["overall"]["commits"], told["overall"]["writers"]["n"]) == (6, 2)


def test_a_week_is_in_the_range_with_its_monday_or_not_at_all() -> None:
    rows = [row("other", 1, week=WEEK), row("other", 10, week=LATER)]

    def counted(**limits: datetime) -> int:
        commits: int = report(*rows, **limits)["overall"]["commits"]
        return commits

    assert counted(since=day(17)) == 11
    assert counted(since=day(17, hour=1)) == 10
    assert counted(until=day(24)) == 1
    assert counted(until=day(24, hour=1)) == 11
    assert counted(since=day(18), until=day(24)) == 0
    assert report(*rows, since=day(25))["sources"] == []


def test_commits_that_a_rewriting_took_away_are_not_there() -> None:
    counted = CommitCount({row("other", 2)[1]: Tally(2, 2, 9)})
    gone = CommitCount({row("other")[1]: Tally(2, 2, 9), row("mixed")[1]: Tally(1, 1, 3)})
    assert counted.without(gone).tallies == {row("mixed")[1]: Tally(-1, -1, -3)}
    told = report(row("other", 0, author="Gone", week=LATER), row("other"))
    assert (told["overall"]["last_week"], told["overall"]["writers"]["authors"]) == (WEEK, 1)


def test_in_short_there_are_sums_only_and_every_word_is_defined() -> None:
    told: Any = NoiseReport([row("other")]).in_short()
    assert told["overall"].keys() == told["sources"][0].keys() - {"source"}
    assert told["overall"].keys() & {"weeks", "writers"} == set()
    full = report(row("other"))["overall"]
    used = {full["definition"], full["without_noise"]["definition"], full["writers"]["definition"], "weeks/1"}
    assert used == set(DEFINITIONS)


_ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(list(CommitClass)),
        st.integers(0, 9),
        author=st.sampled_from(["", "Ada", "ci"]),
        week=st.sampled_from([WEEK, LATER]),
        source=st.sampled_from(["infra", "web"]),
        lines=st.integers(0, 99),
    )
)


@given(_ROWS)
def test_the_parts_always_add_up(rows: list[SourceTally]) -> None:
    told = report(*rows)
    overall = told["overall"]
    for name in ("commits", "landings", "lines"):
        kinds = [kind[name] for kind in overall["classes"].values()]
        assert sum(kinds) == overall[name] == overall["noise"][name] + overall["without_noise"][name]
        assert sum(source[name] for source in told["sources"]) == overall[name]
    weekly = sum(count for week in overall["weeks"] for key, count in week.items() if key != "week")
    assert weekly == overall["commits"]
    assert all(any(count for key, count in week.items() if key != "week") for week in overall["weeks"])
