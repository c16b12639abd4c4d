"""What public infra repositories hold, each on a repository made here: what counts is what the files say, landing by landing."""

from __future__ import annotations

import pytest

from bridge.domain.facts import IntentDeclared, SourceLost, SourceReturned
from tests.support.git_reading import ReadingMaker, tag, told
from tests.support.git_repos import GitRepo

PATH = "tags/production/shop"
VALUES = [{"files": "values-{environment}.yaml", "format": "helm-values", "templated": True}]
OVERLAY = [{"files": "{environment}/kustomization.yaml", "format": "kustomize"}]
DIGESTS = ["sha256:" + letter * 64 for letter in "ab"]


async def test_a_commit_older_than_its_parent_lands_after_it_all_the_same(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    repo.clock -= 86_400
    repo.commit({PATH: tag("v2")})
    first, second = [fact for fact in await reading().catch_up() if isinstance(fact, IntentDeclared)]
    assert [fact.artifacts[0].tag for fact in (first, second)] == ["v1", "v2"]
    assert second.declared_at < first.declared_at


async def test_messages_are_not_believed(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v2")})
    repo.clock += 60
    repo.git("commit", "-q", "--allow-empty", "-m", "bump shop from v2 to v3")
    repo.write({PATH: tag("v1")})
    repo.git("commit", "-q", "-a", "-m", "bump blog to v9")
    first, second = [fact for fact in await reading().catch_up() if isinstance(fact, IntentDeclared)]
    assert (second.artifacts[0].tag, second.previous_artifacts) == ("v1", first.artifacts)


@pytest.mark.parametrize(
    "other",
    [
        '{"tag": "v1"}',
        "tag:   'v1'   # pinned\n",
        "# tag: v0\r\ntag: v1\r\n",
        "---\nx: &a v1\ntag: *a",
        "tag: >-\n  v1\n",
        "tag: !!str v1\n",
        "export tag=v1\n",
    ],
)
async def test_another_syntax_for_the_same_tag_is_no_intent(other: str, repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    repo.commit({PATH: other})
    assert told(await reading().catch_up()) == ["production/shop v1"]


async def test_one_value_that_serves_many_services_is_an_intent_for_each(repo: GitRepo, reading: ReadingMaker) -> None:
    rules = [{"files": "{environment}.env", "format": "keys", "tags": {"api": "TAG", "admin": "TAG"}}]
    repo.commit({"prod.env": "TAG=1\n"})
    repo.commit({"prod.env": "TAG=2\n"})
    assert told(await reading(rules=rules).catch_up()) == ["prod/admin 1", "prod/api 1", "prod/admin 2", "prod/api 2"]


async def test_two_controllers_that_fight_are_read_flip_by_flip(repo: GitRepo, reading: ReadingMaker) -> None:
    for number in range(12):
        repo.commit({PATH: tag(f"v{number % 2}")}, author=f"controller {number % 2}")
    facts = [fact for fact in await reading().catch_up() if isinstance(fact, IntentDeclared)]
    assert [fact.artifacts[0].tag for fact in facts] == ["v0", "v1"] * 6
    assert {fact.actor for fact in facts} == {"controller 0", "controller 1"}


async def test_tags_are_the_text_that_was_written(repo: GitRepo, reading: ReadingMaker) -> None:
    written = ["0.10", "2025.10", "14", "1e3", '"0656757"', '"65e0884"', "0x1F", "1_000", "2024-01-01", "yes", "0o17"]
    for text in written:
        repo.commit({PATH: f"tag: {text}\n"})
    assert told(await reading().catch_up()) == [f"production/shop {text.strip(chr(34))}" for text in written]


async def test_a_change_of_the_digest_alone_is_an_intent(repo: GitRepo, reading: ReadingMaker) -> None:
    for digest in DIGESTS:
        repo.commit({"prod/kustomization.yaml": f"images: [{{name: shop, newTag: 'v1@{digest}'}}]"})
    facts = [fact for fact in await reading(rules=OVERLAY).catch_up() if isinstance(fact, IntentDeclared)]
    assert [(fact.artifacts[0].tag, fact.artifacts[0].digest) for fact in facts] == [("v1", one) for one in DIGESTS]


async def test_a_tag_inside_a_new_name_counts(repo: GitRepo, reading: ReadingMaker) -> None:
    for name in ("v1", "v2"):
        repo.commit({"prod/kustomization.yaml": f"images:\n- name: shop\n  newName: ghcr.io/acme/shop:{name}\n"})
    assert told(await reading(rules=OVERLAY).catch_up()) == ["prod/shop v1", "prod/shop v2"]


async def test_comments_and_other_keys_are_no_tags(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"values-prod.yaml": "shop:\n  doNotCheckTag: true\n  # image: acme/shop:v0\n  image: acme/shop:v1\n"})
    repo.commit({"values-prod.yaml": "shop:\n  doNotCheckTag: false\n  # image: acme/shop:v9\n  image: acme/shop:v1\n"})
    assert told(await reading(rules=VALUES).catch_up()) == ["prod/shop v1"]


@pytest.mark.parametrize(
    "odd",
    [
        "sign: =\n",
        "a: &x 1\nb: &x 2\nc: *x\n",
        "a: !Sub '${x}'\nb: !Ref [c]\nc: !<tag:x,2000:y> {}\n",
        "a: 1\na: 2\n",
        "%YAML 1.1\n---\na: 100%\n",
        "a:\tb\nc: d\t# tabs\n",
        "a: {{ .Values.a }}\n{{- if .b }}\nc: [\n{{- end }}\n",
        "a: ENC[AES256_GCM,data:x]\nsops: {mac: 'ENC[x]'}\n",
        "? [a, b]\n: c\n",
        "a: | \n {{ x }}\n",
        "a: '\u2028\u00e9\u0000'".replace("\u0000", ""),
    ],
)
async def test_odd_but_legal_files_are_read(odd: str, repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"values-prod.yaml": f"{odd}\nshop: {{image: {{tag: v1}}}}"})
    repo.commit({"values-prod.yaml": f"{odd}\nshop: {{image: {{tag: v2}}}}".replace("\n", "\r\n")})
    facts = await reading(rules=VALUES).catch_up()
    assert told(facts) == ["prod/shop v1", "prod/shop v2"]
    assert not [fact for fact in facts if isinstance(fact, SourceLost)]


@pytest.mark.parametrize(
    "broken",
    [
        b"<<<<<<< HEAD\nshop: {image: {tag: v2}}\n=======\nshop: {image: {tag: v3}}\n>>>>>>> theirs\n",
        b"shop:\n  image: {tag: v2\n",
        b'{"shop": {"image": {"tag": "v2"}},}}',
        b"\x00GITCRYPT\x00\x8f\x01shop",
        b"\xff\xfes\x00h\x00",
        b"shop: \xe9\n",
        b"{{ if .x }}\nshop: {image: {tag: v2}}\n",
        b"a: &a [b, *a]\n",
        b"[" * 5000,
        b"shop: {image: {tag: v2}}\n" + b"# padding\n" * 500_001,
    ],
)
async def test_a_file_that_can_not_be_read_keeps_what_it_declared_and_says_so_once(
    broken: bytes, repo: GitRepo, reading: ReadingMaker
) -> None:
    repo.commit({"values-prod.yaml": "shop: {image: {tag: v1}}\n"})
    repo.commit({"values-prod.yaml": broken})
    repo.commit({"values-prod.yaml": broken + b" "})
    repo.commit({"values-prod.yaml": "shop: {image: {tag: v4}}\n"})
    facts = await reading(rules=VALUES).catch_up()
    assert told(facts) == ["prod/shop v1", "prod/shop v4"]
    assert [type(fact) for fact in facts[1:-1]] == [SourceLost, SourceReturned]


async def test_an_empty_file_that_gets_its_line_is_an_intent(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: ""})
    repo.commit({PATH: "tag: v1"})
    assert told(await reading().catch_up()) == ["production/shop v1"]


async def test_a_file_of_three_megabytes_is_read(repo: GitRepo, reading: ReadingMaker) -> None:
    padding = "".join(f"# {number:098}\n" for number in range(30_000))
    for version in ("v1", "v2"):
        repo.commit({"values-prod.yaml": f"{padding}text: '{'x' * 100_000}'\nshop: {{image: {{tag: {version}}}}}\n"})
    assert told(await reading(rules=VALUES).catch_up()) == ["prod/shop v1", "prod/shop v2"]


async def test_a_second_copy_is_evidence_of_the_first(repo: GitRepo, reading: ReadingMaker) -> None:
    copy = "copies/production/shop"
    repo.commit({PATH: tag("v1"), copy: tag("v1")})
    repo.commit({PATH: tag("v2")})
    first, second = [fact for fact in await reading().catch_up() if isinstance(fact, IntentDeclared)]
    said = {"path": copy, "pointer": "tag", "artifact": "ghcr.io/acme/shop:v1"}
    assert first.details == {"evidence": [said]}
    assert second.details == {"also_declared": [said]}


async def test_the_branch_may_name_the_environment(repo: GitRepo, reading: ReadingMaker) -> None:
    rules = [
        {
            "files": "tags/{service}",
            "format": "keys",
            "tag": "tag",
            "environment": {"from": "branch", "pattern": "env/{name}"},
        }
    ]
    repo.git("checkout", "-q", "-b", "env/stage")
    repo.commit({"tags/shop": tag("v1")})
    assert told(await reading(rules=rules, branch="env/stage").catch_up()) == ["stage/shop v1"]
