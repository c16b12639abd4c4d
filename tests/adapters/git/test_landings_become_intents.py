"""Each landing that changes what is declared is one intent, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime

from bridge.domain.events import derive_id
from bridge.domain.facts import IntentDeclared, IntentWithdrawn
from bridge.domain.names import ImageRef, Model, SourceRef, Target
from tests.support.git_reading import ReadingMaker, tag, told
from tests.support.git_repos import GitRepo

SHOP = Target("shop", "production")


async def test_an_intent_says_what_where_when_and_who(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1")})
    landing = repo.commit({"tags/production/shop": tag("v2")}, author="Grace")
    first, second = await reading().catch_up()
    assert second == IntentDeclared(
        id=derive_id("intent", "gitops", "infra", "shop", "production", landing),
        model=Model.GITOPS,
        target=SHOP,
        artifacts=(ImageRef("ghcr.io/acme/shop", "v2"),),
        previous_artifacts=(ImageRef("ghcr.io/acme/shop", "v1"),),
        declared_at=datetime.fromtimestamp(repo.clock, UTC),
        source=SourceRef("git", "infra", landing, "tags/production/shop"),
        actor="Grace",
        backfilled=True,
        details={},
    )
    assert isinstance(first, IntentDeclared)
    assert first.previous_artifacts == ()


async def test_a_landing_without_a_declaration_says_nothing(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1"), "README.md": "hello"})
    repo.commit({"README.md": "hello again"})
    repo.commit()
    assert told(await reading().catch_up()) == ["production/shop v1"]


async def test_a_reformat_is_no_intent(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1")})
    repo.commit({"tags/production/shop": '# a comment\n"tag":   "v1"\nother: 1\n'})
    assert told(await reading().catch_up()) == ["production/shop v1"]


async def test_a_move_of_the_file_is_no_intent(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1")})
    repo.commit({"tags/production/shop": None, "copies/production/shop": tag("v1")})
    repo.commit({"copies/production/shop": tag("v2")})
    assert told(await reading().catch_up()) == ["production/shop v1", "production/shop v2"]


async def test_a_bump_and_its_revert_are_two_intents(repo: GitRepo, reading: ReadingMaker) -> None:
    for version in ("v1", "v2", "v1"):
        repo.commit({"tags/production/shop": tag(version)})
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1", "production/shop v2", "production/shop v1"]
    assert len({fact.id for fact in facts if isinstance(fact, IntentDeclared)}) == 3


async def test_a_deleted_declaration_is_withdrawn_and_may_come_back(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1"), "keep": ""})
    repo.commit({"tags/production/shop": None}, author="Grace")
    repo.commit({"tags/production/shop": tag("v1")})
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1", "production/shop -", "production/shop v1"]
    gone, back = facts[1:]
    assert isinstance(gone, IntentWithdrawn)
    assert gone.previous_artifacts == (ImageRef("ghcr.io/acme/shop", "v1"),)
    assert gone.actor == "Grace"
    assert gone.source.path == "tags/production/shop"
    assert isinstance(back, IntentDeclared)
    assert back.previous_artifacts == ()


async def test_one_landing_that_bumps_two_targets_is_two_intents(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1"), "tags/staging/shop": tag("v1")})
    assert told(await reading().catch_up()) == ["production/shop v1", "staging/shop v1"]


async def test_a_second_copy_with_the_same_value_is_no_second_intent(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1")})
    repo.commit({"copies/production/shop": tag("v1")})
    repo.commit({"tags/production/shop": tag("v2")})
    repo.commit({"copies/production/shop": tag("v2")})
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1", "production/shop v2"]
    assert facts[1].details == {
        "also_declared": [{"path": "copies/production/shop", "pointer": "tag", "artifact": "ghcr.io/acme/shop:v1"}]
    }


async def test_copies_that_disagree_in_one_landing_follow_the_first_rule(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"copies/production/shop": tag("v2"), "tags/production/shop": tag("v3")})
    (fact,) = await reading().catch_up()
    assert told([fact]) == ["production/shop v3"]
    assert fact.details == {
        "disagreement": [{"path": "copies/production/shop", "pointer": "tag", "artifact": "ghcr.io/acme/shop:v2"}]
    }


async def test_a_bump_on_a_side_branch_takes_effect_when_it_is_merged(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1")})
    repo.git("checkout", "-q", "-b", "bump")
    repo.commit({"tags/production/shop": tag("v2")}, author="Bot")
    repo.commit({"README.md": "unrelated"}, author="Somebody")
    repo.git("checkout", "-q", "main")
    repo.commit({"other": "meanwhile"}, author="Another")
    landing = repo.merge("bump")
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1", "production/shop v2"]
    merged = facts[1]
    assert isinstance(merged, IntentDeclared)
    assert (merged.source.revision, merged.actor) == (landing, "Bot")
    assert merged.declared_at == datetime.fromtimestamp(repo.clock, UTC)


async def test_the_author_of_an_old_branch_is_not_taken_from_the_main_line(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    repo.commit({"tags/production/shop": tag("v1"), "a": "1"}, author="Main")
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit({"a": "2"}, author="Topic")
    repo.git("checkout", "-q", "main")
    source = reading()
    await source.catch_up()
    repo.clock += 60
    repo.git("merge", "-q", "--no-ff", "--no-commit", "topic")
    repo.commit({"tags/production/shop": tag("v2")}, author="Merger")
    (fact,) = await source.catch_up()
    assert isinstance(fact, IntentDeclared)
    assert fact.actor == "Merger"


async def test_histories_with_several_roots_are_read_along_the_first_parents(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    repo.commit({"tags/production/shop": tag("v1")})
    repo.git("checkout", "-q", "--orphan", "other")
    repo.git("rm", "-rfq", ".")
    repo.commit({"tags/production/blog": tag("b1")}, author="Other")
    repo.git("checkout", "-q", "main")
    repo.clock += 60
    repo.git("merge", "-q", "--no-ff", "--allow-unrelated-histories", "-m", "join", "other")
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1", "production/blog b1"]
    assert facts[1].actor == "Other"  # type: ignore[union-attr]  # an intent, as told above


async def test_names_that_are_not_utf8_are_read(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1")})
    raw = repo.git("cat-file", "commit", "HEAD").encode().replace(b"author Ada", b"author Ad\xe4")
    bad = repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw + b"\n")
    repo.git("update-ref", "refs/heads/main", bad)
    (fact,) = await reading().catch_up()
    assert fact.actor == "Ad\xe4"  # type: ignore[union-attr]  # an intent
