"""A version that becomes encrypted or a template: what was declared stands, is told of once, and returns when it can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bridge.domain.facts import Fact, SourceLost, SourceReturned
from bridge.domain.names import Target
from tests.support.git_reading import Reading, ReadingMaker, tag, told
from tests.support.git_repos import GitRepo

PATH = "tags/production/shop"
ENCRYPTED = "ENC[AES256_GCM,data:cGFzc3dvcmQ=,iv:YQ==,tag:Yg==,type:str]"
VALUES = {"files": "envs/{environment}/values.yaml", "format": "helm-values"}


def notes(facts: Sequence[Fact]) -> list[str]:
    words = []
    for fact in facts:
        if isinstance(fact, SourceLost):
            words.append(f"lost {','.join(map(str, fact.targets))}: {fact.details['unreadable']}")
        elif isinstance(fact, SourceReturned):
            words.append(f"returned {','.join(map(str, fact.targets))}")
    return words


async def lived(repo: GitRepo, log: Reading, path: str, contents: Sequence[str | bytes | None]) -> list[Fact]:
    """Each content a landing, each landing read by a fresh process."""
    for content in contents:
        repo.commit({path: content, "keep": str(content)})
        await log.catch_up()
    whole = Reading(log.settings, log.data_dir.with_name(f"{log.data_dir.name}-at-once"))
    assert told(await whole.catch_up()) == told(log.facts)
    assert notes(whole.facts) == notes(log.facts), "read at once it is the same"
    assert log.standing == whole.standing
    return log.facts


@pytest.mark.parametrize(
    ("opaque", "how"),
    [
        (f"tag: {ENCRYPTED}\n", "at tag: the value is encrypted"),
        ("tag: '{{ .Values.tag }}'\n", "at tag: the value is filled in by a template"),
        ("tag: {{ .Values.tag }}\n", "at tag: the value is filled in by a template"),
        ("tag: ${TAG}\n", "at tag: the value is filled in by a template"),
        (f'{{"data": "{ENCRYPTED}", "sops": {{"version": "3.9.0"}}}}', "at tag: the value is encrypted"),
        (b"\0GITCRYPT\0" + bytes(range(200)), "the file is encrypted by git-crypt"),
    ],
)
async def test_the_last_good_declaration_stays_until_it_can_be_read(
    opaque: str | bytes, how: str, repo: GitRepo, reading: ReadingMaker
) -> None:
    again = opaque + b"\1" if isinstance(opaque, bytes) else opaque + "\n"
    facts = await lived(repo, reading(), PATH, [tag("v1"), opaque, again, tag("v2")])
    assert told(facts) == ["production/shop v1", "production/shop v2"]
    assert notes(facts) == [f"lost production/shop: {how}", "returned production/shop"]


async def test_the_same_version_after_it_is_no_intent(repo: GitRepo, reading: ReadingMaker) -> None:
    facts = await lived(repo, reading(), PATH, [tag("v1"), tag(ENCRYPTED), tag("v1")])
    assert told(facts) == ["production/shop v1"]
    assert len(notes(facts)) == 2


async def test_what_was_never_plain_declares_nothing_and_is_not_told_of(repo: GitRepo, reading: ReadingMaker) -> None:
    facts = await lived(repo, reading(), PATH, [tag(ENCRYPTED), tag(ENCRYPTED + "x"), tag("v1"), None])
    assert told(facts) == ["production/shop v1", "production/shop -"]
    assert notes(facts) == []


@pytest.mark.parametrize("ending", [None, "other: 1\n", "tag:\n"])
async def test_a_place_that_goes_while_it_is_opaque_is_withdrawn(
    ending: str | None, repo: GitRepo, reading: ReadingMaker
) -> None:
    facts = await lived(repo, reading(), PATH, [tag("v1"), tag(ENCRYPTED), ending])
    assert told(facts) == ["production/shop v1", "production/shop -"]
    assert [note.partition(" ")[0] for note in notes(facts)] == ["lost", "returned"]


def values(shop: str, blog: str) -> str:
    return f"shop: {{image: {{repository: acme/shop, tag: '{shop}'}}}}\nblog: {{image: 'acme/blog:{blog}'}}\n"


async def test_other_places_of_the_file_go_on(repo: GitRepo, reading: ReadingMaker) -> None:
    contents = [
        values("v1", "b1"),
        values(ENCRYPTED, "b1"),
        values(ENCRYPTED, "b2"),
        values(ENCRYPTED, "b3"),
        values(ENCRYPTED, "${TAG}"),
        values("v2", "${TAG}"),
        values("v2", "b4"),
    ]
    facts = await lived(repo, reading(rules=[VALUES]), "envs/dev/values.yaml", contents)
    assert told(facts) == ["dev/blog b1", "dev/shop v1", "dev/blog b2", "dev/blog b3", "dev/shop v2", "dev/blog b4"]
    assert notes(facts) == ["lost dev/shop: at shop.image.tag: the value is encrypted", "returned dev/blog"]


async def test_a_file_that_breaks_while_a_place_is_opaque_is_still_one_loss(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    contents = [
        values("v1", "b1"),
        values("{{ .tag }}", "b2"),
        "a: [\n",
        values("{{ .tag }}", "b3"),
        values("v2", "b3"),
    ]
    facts = await lived(repo, reading(rules=[VALUES]), "envs/dev/values.yaml", contents)
    assert told(facts) == ["dev/blog b1", "dev/shop v1", "dev/blog b2", "dev/blog b3", "dev/shop v2"]
    assert [note.partition(" ")[0] for note in notes(facts)] == ["lost", "returned"]


async def test_a_template_source_that_always_had_actions_is_not_told_of(repo: GitRepo, reading: ReadingMaker) -> None:
    rules = [{**VALUES, "files": "envs/{environment}/values.yaml.gotmpl"}]
    before = (
        "shop: {image: {tag: v1}}\n{{ if .x }}\nblog: {image: {tag: b1}}\n{{ end }}\napi: {image: {tag: {{ .y }}}}\n"
    )
    after = before.replace("v1", "{{ .shop }}")
    facts = await lived(repo, reading(rules=rules), "envs/dev/values.yaml.gotmpl", [before, after, before])
    assert told(facts) == ["dev/shop v1"]
    assert notes(facts) == [
        "lost dev/shop: at shop.image.tag: the value is filled in by a template",
        "returned dev/shop",
    ]


KUSTOMIZATION = "images:\n- name: acme/shop\n  newTag: {}\n- name: acme/blog\n  newTag: b1\n"
SETTER = 'tag: {} # {{"$imagepolicy": "flux-system:shop:tag"}}\n'
POD = """\
---
# nothing
---
kind: Pod
metadata: {{name: x}}
spec: {{containers: [{{name: x, image: '{}'}}]}}
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: shop, namespace: dev}}
spec:
  destination: {{namespace: dev}}
  source:
    helm:
      parameters: [{{name: image.tag, value: "{}"}}]
      values: |
        worker: {{image: {{repository: acme/worker, tag: "{}"}}}}
"""


@pytest.mark.parametrize(
    ("rule", "contents", "pointer"),
    [
        (
            {"format": "kustomize"},
            (KUSTOMIZATION.format("v1"), KUSTOMIZATION.format(ENCRYPTED)),
            "images[0].newTag",
        ),
        (
            {"format": "argocd"},
            (APPLICATION.format("v1", "w1"), APPLICATION.format("{{ tag }}", "w1")),
            "spec.source.helm.parameters[0].value",
        ),
        (
            {"format": "argocd"},
            (APPLICATION.format("v1", "w1"), APPLICATION.format("v1", ENCRYPTED)),
            "spec.source.helm.values|worker.image.tag",
        ),
        ({"format": "setters"}, (SETTER.format("v1"), SETTER.format("${TAG}")), "tag"),
        (
            {"format": "keys", "tags": {"shop": 'a."b.c".0', "blog": 'a."b.c".0'}},
            ('a: {"b.c": [v1]}\n', f'a: {{"b.c": ["{ENCRYPTED}"]}}\n'),
            'a."b.c".0',
        ),
        ({"format": "manifests"}, (POD.format("acme/x:v1"), POD.format("${X}")), "(2)spec.containers[0].image"),
    ],
)
async def test_whatever_the_format(
    rule: dict[str, Any], contents: tuple[str, str], pointer: str, repo: GitRepo, reading: ReadingMaker
) -> None:
    log = reading(rules=[{"files": "envs/{environment}/x.yaml", **rule}])
    facts = await lived(repo, log, "envs/dev/x.yaml", [*contents, contents[0]])
    assert {target.environment for target in log.standing} == {"dev"}
    assert not [word for word in told(facts) if word.endswith(" -")]
    lost, returned = notes(facts)
    assert f"at {pointer}" in lost
    assert returned == "returned " + lost.partition(" ")[2].partition(":")[0]


async def test_a_base_that_becomes_opaque_still_declares_for_its_heirs(repo: GitRepo, reading: ReadingMaker) -> None:
    rules = [
        {"files": "overlays/{environment}/kustomization.yaml", "format": "kustomize"},
        {**VALUES, "files": "base/values.yaml", "inherited_by": "overlays/{environment}/kustomization.yaml"},
    ]
    repo.commit({"overlays/dev/kustomization.yaml": "resources: [../../base]\n"})
    log = reading(rules=rules)
    contents = [values("v1", "b1"), values(ENCRYPTED, "b2"), values("v2", "b2")]
    facts = await lived(repo, log, "base/values.yaml", contents)
    assert told(facts) == ["dev/blog b1", "dev/shop v1", "dev/blog b2", "dev/shop v2"]
    assert notes(facts) == ["lost dev/shop: at shop.image.tag: the value is encrypted", "returned dev/shop"]


@pytest.mark.parametrize("broken", [tag(ENCRYPTED), "tag: [\n"])
async def test_a_force_push_withdraws_nothing_that_could_not_be_read_before(
    broken: str, repo: GitRepo, reading: ReadingMaker
) -> None:
    repo.commit({PATH: tag("v1")})
    base = repo.commit({PATH: broken})
    repo.commit({"other": "1"})
    log = reading()
    await log.catch_up()
    repo.git("reset", "-q", "--hard", base)
    repo.commit({"other": "2"})
    facts = await log.catch_up()
    assert told(facts) == []
    assert notes(facts) == []
    assert list(log.standing) == [Target("shop", "production")]
    repo.commit({PATH: tag("v2")})
    facts = await log.catch_up()
    assert (told(facts), notes(facts)) == (["production/shop v2"], ["returned production/shop"])
