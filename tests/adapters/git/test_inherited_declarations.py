"""What a base declares holds for every environment that inherits it and says nothing else, through history and restarts."""

from __future__ import annotations

import pytest

from bridge.domain.facts import IntentDeclared
from tests.support.git_reading import ReadingMaker, told
from tests.support.git_repos import GitRepo

BASE = "base/shop/deployment.yaml"
PROD, DEV = "overlays/prod/shop/kustomization.yaml", "overlays/dev/shop/kustomization.yaml"
RULES = [
    {"files": "overlays/{environment}/{service}/kustomization.yaml", "format": "kustomize"},
    {
        "files": "base/{service}/*.yaml",
        "format": "manifests",
        "inherited_by": "overlays/{environment}/{service}/kustomization.yaml",
    },
]


def workload(*images: str) -> str:
    containers = ", ".join(f"{{name: c{index}, image: '{image}'}}" for index, image in enumerate(images))
    return f"kind: Deployment\nmetadata: {{name: shop}}\nspec: {{template: {{spec: {{containers: [{containers}]}}}}}}\n"


def overlay(*entries: str) -> str:
    return f"resources: [../../base]\nimages: [{', '.join(f'{{{entry}}}' for entry in entries)}]\n"


async def test_it_holds_for_those_that_exist_and_changes_for_them_together(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    repo.commit(
        {BASE: workload("shop:v1"), PROD: overlay(), DEV: overlay(), "overlays/dev/other/kustomization.yaml": ""}
    )
    repo.commit({BASE: workload("shop:v2")})
    facts = await reading(rules=RULES).catch_up()
    assert told(facts) == ["dev/shop v1", "prod/shop v1", "dev/shop v2", "prod/shop v2"]
    (last,) = [fact for fact in facts if isinstance(fact, IntentDeclared)][-1:]
    assert (last.source.path, last.previous_artifacts[0].tag) == (BASE, "v1")


async def test_an_override_wins_whichever_changed_last_and_gives_way_when_it_goes(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    repo.commit({BASE: workload("shop:v1"), PROD: overlay()})
    repo.commit({PROD: overlay("name: shop, newName: mirror/shop, newTag: v0")})
    repo.commit({BASE: workload("shop:v2")})
    repo.commit({PROD: overlay("name: shop, newName: mirror/shop, newTag: v3")})
    repo.commit({PROD: overlay()})
    facts = await reading(rules=RULES).catch_up()
    assert told(facts) == ["prod/shop v1", "prod/shop v0", "prod/shop v3", "prod/shop v2"]
    assert all(not fact.details for fact in facts if isinstance(fact, IntentDeclared))


async def test_an_environment_that_appears_inherits_and_one_that_goes_is_withdrawn(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    repo.commit({BASE: workload("shop:v1")})
    repo.commit({DEV: overlay()})
    repo.commit({DEV: None})
    assert told(await reading(rules=RULES).catch_up()) == ["dev/shop v1", "dev/shop -"]


async def test_an_override_of_one_image_leaves_the_others_inherited(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({BASE: workload("shop:v1", "proxy:p1"), PROD: overlay("name: shop, newTag: v2")})
    repo.commit({BASE: workload("shop:v9", "proxy:p2")})
    assert told(await reading(rules=RULES).catch_up()) == ["prod/shop p1+v2", "prod/shop p2+v2"]


async def test_a_restart_at_any_landing_goes_on_the_same(repo: GitRepo, reading: ReadingMaker) -> None:
    log = reading(rules=RULES)
    for files in (
        {BASE: workload("shop:v1"), PROD: overlay()},
        {BASE: "kind: [", DEV: overlay()},
        {PROD: overlay("name: shop, newTag: v5")},
        {BASE: workload("shop:v2")},
        {PROD: overlay()},
        {DEV: None},
    ):
        repo.commit(dict(files))
        await log.catch_up()
    whole = await reading(rules=RULES).catch_up()
    assert told(log.facts) == told(whole)
    assert told(whole) == [
        "prod/shop v1",
        "dev/shop v1",
        "prod/shop v5",
        "dev/shop v2",
        "prod/shop v2",
        "dev/shop -",
    ]


@pytest.mark.parametrize(
    ("name", "base", "override"),
    [
        ("values", "image: {repository: acme/shop, tag: v1}", "image: {tag: v2}"),
        (
            "values",
            "image: {repository: acme/shop, tag: v1}",
            "image: {repository: mirror/shop, tag: v2}",
        ),
        (
            "compose",
            "services: {shop: {image: 'acme/shop:v1'}}",
            "services: {shop: {image: 'me/fork:v2'}}",
        ),
    ],
)
async def test_files_beside_the_base_override_it_by_the_place(
    name: str, base: str, override: str, repo: GitRepo, reading: ReadingMaker
) -> None:
    heirs = f"shop/{name}-{{environment}}.yaml"
    rules = [
        {"files": f"shop/{name}.yaml", "format": "helm-values", "inherited_by": heirs},
        {"files": heirs, "format": "helm-values"},
    ]
    repo.commit({f"shop/{name}.yaml": base, f"shop/{name}-dev.yaml": "{}", f"shop/{name}-prod.yaml": override})
    repo.commit({f"shop/{name}.yaml": base.replace("v1", "v3")})
    facts = await reading(rules=rules).catch_up()
    assert told(facts) == ["dev/shop v1", "prod/shop v2", "dev/shop v3"]
    assert all(len(fact.artifacts) == 1 for fact in facts if isinstance(fact, IntentDeclared))
    assert all(fact.artifacts[0].repository for fact in facts if isinstance(fact, IntentDeclared))


async def test_the_nearer_of_two_bases_wins(repo: GitRepo, reading: ReadingMaker) -> None:
    rules = [
        {"files": f"{level}/{{service}}", "format": "keys", "tag": "tag", "inherited_by": "envs/{environment}"}
        for level in ("near", "far")
    ]
    repo.commit({"far/shop": "tag: f1", "envs/prod": ""})
    repo.commit({"near/shop": "tag: n1"})
    repo.commit({"far/shop": "tag: f2"})
    repo.commit({"near/shop": None})
    assert told(await reading(rules=rules).catch_up()) == ["prod/shop f1", "prod/shop n1", "prod/shop f2"]


async def test_a_base_that_can_not_be_read_keeps_what_it_passed_on(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({BASE: workload("shop:v1"), PROD: overlay()})
    repo.commit({BASE: "kind: ["})
    repo.commit({DEV: overlay()})
    repo.commit({BASE: workload("shop:v1")})
    assert told(await reading(rules=RULES).catch_up()) == ["prod/shop v1", "dev/shop v1"]


DIGEST = "sha256:" + "a" * 64
MID = "mid/shop/kustomization.yaml"


def images(fact: object) -> list[str]:
    assert isinstance(fact, IntentDeclared)
    return [str(image) for image in fact.artifacts]


@pytest.mark.parametrize(
    ("layers", "expected"),  # base, what inherits it, what inherits that
    [  # as `kubectl kustomize` v1.32 builds them
        (("app:v1", [], ["name: app, newName: mirror/app"]), "mirror/app:v1"),
        ((f"dig@{DIGEST}", [], ["name: dig, newName: mirror/dig"]), f"mirror/dig@{DIGEST}"),
        ((f"both:v1@{DIGEST}", [], ["name: both, newName: mirror/both"]), f"mirror/both:v1@{DIGEST}"),
        (("app:v1", ["name: app, newName: mid/app, newTag: v2"], ["name: app, newName: mirror/app"]), "mid/app:v2"),
        (
            ("app:v1", ["name: app, newName: mid/app, newTag: v2"], ["name: mid/app, newName: mirror/app"]),
            "mirror/app:v2",
        ),
        (("app:v1", ["name: app, newName: mid/app"], ["name: mid/app, newTag: v3"]), "mid/app:v3"),
        (("app:v1", ["name: app, newName: mid/app"], ["name: mid/app, newName: mirror/app"]), "mirror/app:v1"),
        (("app:v1", [], ["name: app, newName: one/app", "name: one/app, newName: two/app"]), "two/app:v1"),
        (("app:v1", [], ["name: other, newName: mirror/other"]), "app:v1"),
    ],
)
async def test_an_overlay_that_only_renames_takes_the_version_it_inherits(
    layers: tuple[str, list[str], list[str]], expected: str, repo: GitRepo, reading: ReadingMaker
) -> None:
    base, mid, entries = layers
    heirs = "overlays/{environment}/{service}/kustomization.yaml"
    between = {"files": "mid/{service}/kustomization.yaml", "format": "kustomize", "inherited_by": heirs}
    repo.commit({BASE: workload(base), MID: overlay(*mid), PROD: overlay(*entries)})
    [fact] = await reading(rules=[RULES[0], between, RULES[1]]).catch_up()
    assert images(fact) == [expected]


async def test_a_renaming_that_comes_goes_and_stands_alone(repo: GitRepo, reading: ReadingMaker) -> None:
    log = reading(rules=RULES)
    told_by: list[tuple[list[str], str | None]] = []
    for files in (
        {PROD: overlay("name: shop, newName: mirror/shop")},
        {BASE: workload("shop:v1")},
        {PROD: overlay("name: shop, newName: other/shop")},
        {BASE: workload("shop:v2")},
        {PROD: overlay()},
        {PROD: overlay("name: shop, newName: mirror/shop")},
    ):
        repo.commit(dict(files))
        told_by += [
            (images(fact), fact.source.path) for fact in await log.catch_up() if isinstance(fact, IntentDeclared)
        ]
    assert told_by == [
        (["mirror/shop:v1"], BASE),
        (["other/shop:v1"], PROD),
        (["other/shop:v2"], BASE),
        (["shop:v2"], BASE),
        (["mirror/shop:v2"], PROD),
    ]
    repo.commit({BASE: None})
    assert told(await log.catch_up()) == ["prod/shop -"]
    assert await log.catch_up() == []
    assert told(await reading(rules=RULES).catch_up()) == told(log.facts)


async def test_values_that_change_only_the_repository_take_the_version_they_inherit(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    heirs = "shop/values-{environment}.yaml"
    rules = [
        {"files": "shop/values.yaml", "format": "helm-values", "inherited_by": heirs},
        {"files": heirs, "format": "helm-values"},
    ]
    base = "web: {image: {repository: acme/shop, tag: v1}}\nworker: {image: {repository: acme/worker, tag: w1}}\n"
    repo.commit(
        {
            "shop/values.yaml": base,
            "shop/values-dev.yaml": "{}",
            "shop/values-prod.yaml": "web: {image: {registry: r.example.org, repository: mirror/shop}}\n",
        }
    )
    facts = await reading(rules=rules).catch_up()
    assert {str(fact.target): images(fact) for fact in facts if isinstance(fact, IntentDeclared)} == {
        "dev/web": ["acme/shop:v1"],
        "dev/worker": ["acme/worker:w1"],
        "prod/web": ["r.example.org/mirror/shop:v1"],
        "prod/worker": ["acme/worker:w1"],
    }
