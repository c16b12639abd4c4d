"""Who declared, by source, and that the bridge itself only reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bridge.domain.comparison import Comparison
from bridge.domain.names import Model
from bridge.domain.noise import CommitClass, Tally, TallyKey
from bridge.domain.policies import Policies
from tests.support.events import at, intent


def write_access(*actors: tuple[str | None, Model], **limits: Any) -> list[dict[str, Any]]:
    comparison = Comparison(Policies(), **limits)
    for number, (actor, model) in enumerate(actors):
        comparison.add(replace(intent(f"i{number}", f"v{number}", minute=number, model=model), actor=actor))
    report: Any = comparison.report()["write_access"]
    assert report["definition"] == "write_access/1"
    sources: list[dict[str, Any]] = report["sources"]
    return sources


def test_everybody_who_declared_through_git_could_write_and_the_bridge_could_not() -> None:
    [infra] = write_access(("bot", Model.GITOPS), ("ada", Model.GITOPS), ("bot", Model.GITOPS), (None, Model.GITOPS))
    assert infra == {
        "model": "gitops",
        "kind": "git",
        "source": "infra",
        "bridge": {"access": "read", "pushes": False},
        "declared": 4,
        "declared_by": 2,
        "unnamed": 1,
        "actors": [{"actor": "bot", "declared": 2}, {"actor": "ada", "declared": 1}],
        "branch_writers": None,
    }


def test_who_could_change_the_branch_stands_beside_who_declared() -> None:
    comparison = Comparison(Policies())
    comparison.add(replace(intent("i", "v1", minute=0), actor="ada"))
    comparison.add(replace(intent("j", "v1", minute=1, model=Model.API), actor="pipeline"))
    key = TallyKey("2026-03-02", CommitClass.OTHER, "")
    rows = [
        ("infra", key._replace(author="ada"), Tally(2, 2)),
        ("infra", key._replace(author="bo"), Tally(1, 1)),
        ("infra", key._replace(author="merged"), Tally(1, 0)),
        ("ci", key._replace(author="a repository that is called like the API's client"), Tally(1, 1)),
    ]
    comparison.know_commits(rows)
    report: Any = comparison.report()["write_access"]
    api, infra = report["sources"]
    assert (infra["declared_by"], infra["branch_writers"]["n"]) == (1, 2)
    assert [each["author"] for each in infra["branch_writers"]["names"]] == ["ada", "bo"]
    assert infra["bridge"] == {"access": "read", "pushes": False}
    assert (api["source"], api["branch_writers"]) == ("ci", None)


def test_each_model_has_its_own_sources() -> None:
    told = write_access(("bot", Model.GITOPS), ("pipeline", Model.API))
    assert [(each["model"], each["bridge"]["access"]) for each in told] == [("api", "none"), ("gitops", "read")]


def test_only_the_range_counts_and_only_the_first_names_are_shown() -> None:
    told = write_access(*[(f"dev-{number:02d}", Model.GITOPS) for number in range(40)], since=at(5), until=at(35))
    assert (told[0]["declared_by"], len(told[0]["actors"])) == (30, 20)
    assert write_access() == []
