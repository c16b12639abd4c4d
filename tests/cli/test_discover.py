"""``deploybridge discover``: a repository in, a configuration out that ``import`` accepts unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import CommandLine
from tests.support.git_repos import GitRepo

# NEW stands for the version, which each commit moves.
KUSTOMIZATION = "images:\n  - name: ghcr.io/acme/{name}\n    newTag: NEW\n"
VALUES = "image:\n  repository: ghcr.io/acme/{name}\n  tag: NEW\nreplicas: 2\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  template:
    spec:
      containers:
        - {{name: main, image: "ghcr.io/acme/{name}:NEW"}}
"""
HELM_RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: {name}}}
spec:
  values:
    image: {{repository: ghcr.io/acme/{name}, tag: NEW}}
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}}}
spec:
  source:
    helm:
      valuesObject:
        image: {{repository: ghcr.io/acme/{name}, tag: NEW}}
"""
COMPOSE = "services:\n  {name}:\n    image: ghcr.io/acme/{name}:NEW\n"


def each(template: str, *paths: str) -> dict[str, str]:
    """The template at every path, for the service whose name is in angle brackets in it."""
    files = {}
    for path in paths:
        name = path.partition("<")[2].partition(">")[0] or "shop"
        files[path.replace("<", "").replace(">", "")] = template.format(name=name)
    return files


LAYOUTS: Mapping[str, tuple[dict[str, str], list[dict[str, Any]], list[str]]] = {
    "a folder an environment, a folder a service in it": (
        each(
            KUSTOMIZATION,
            *(f"clusters/{e}/<{s}>/kustomization.yaml" for e in ("prod", "dev") for s in ("shop", "cart")),
        ),
        [{"files": "clusters/{environment}/{service}/kustomization.yaml", "format": "kustomize"}],
        ["dev/cart", "dev/shop", "prod/cart", "prod/shop"],
    ),
    "overlays, with a base that they inherit": (
        each(KUSTOMIZATION, "<shop>/overlays/eu/kustomization.yaml", "<cart>/overlays/us/kustomization.yaml")
        | each(DEPLOYMENT, "shop/base/deployment.yaml", "cart/base/deployment.yaml"),
        [{"files": "{service}/overlays/{environment}/kustomization.yaml", "format": "kustomize"}],
        ["eu/shop", "us/cart"],
    ),
    "what stands beside known environments and looks like them": (
        each(KUSTOMIZATION, *(f"<shop>/{e}/kustomization.yaml" for e in ("prod", "dev", "red"))),
        [{"files": "shop/{environment}/kustomization.yaml", "format": "kustomize"}],
        ["dev/shop", "prod/shop", "red/shop"],
    ),
    "tenants, each with some of the services": (
        each(
            VALUES,
            *(f"services/{p}/values.yaml" for p in ("acme/<shop>", "acme/<cart>", "globex/<shop>", "globex/<search>")),
        ),
        [{"files": "services/{environment}/{service}/values.yaml", "format": "helm-values"}],
        ["acme/cart", "acme/shop", "globex/search", "globex/shop"],
    ),
    "a file an environment, a folder a service": (
        each(VALUES, *(f"charts/<{s}>/values-{e}.yaml" for e in ("prod", "staging") for s in ("shop", "cart"))),
        [{"files": "charts/{service}/values-{environment}.yaml", "format": "helm-values"}],
        ["prod/cart", "prod/shop", "staging/cart", "staging/shop"],
    ),
    "the service in the name of the file": (
        each(VALUES, *(f"env/{e}/<{s}>.values.yaml" for e in ("production", "staging") for s in ("api", "ui"))),
        [{"files": "env/{environment}/{service}.values.yaml", "format": "helm-values"}],
        ["production/api", "production/ui", "staging/api", "staging/ui"],
    ),
    "an environment's word before the service in the name of the file": (
        each(
            VALUES,
            *(
                f"apps/{e}/{p}-<{s}>.yaml"
                for e, p in (("production", "prod"), ("integration", "int"))
                for s in ("web", "cron")
            ),
        ),
        [
            {
                "files": [
                    "apps/{environment:integration}/int-{service}.yaml",
                    "apps/{environment:production}/prod-{service}.yaml",
                ],
                "format": "helm-values",
            }
        ],
        ["integration/cron", "integration/web", "production/cron", "production/web"],
    ),
    "a suffix for all but production": (
        each(DEPLOYMENT, *(f"<{s}>{suffix}/deployment.yaml" for s in ("shop", "cart") for suffix in ("", "-dev"))),
        [
            {"files": "*-{environment:dev}/*.yaml", "format": "manifests"},
            {"files": "*/*.yaml", "format": "manifests", "environment": "production", "ignore": ["*-dev/*.yaml"]},
        ],
        ["dev/cart", "dev/shop", "production/cart", "production/shop"],
    ),
    "raw manifests at any depth": (
        each(
            DEPLOYMENT,
            "clusters/prod/<shop>/web.yaml",
            "clusters/prod/<cart>/deep/web.yaml",
            "clusters/stage/<shop>/web.yaml",
        ),
        [{"files": "clusters/{environment}/**/*.yaml", "format": "manifests"}],
        ["prod/cart", "prod/shop", "stage/shop"],
    ),
    "workloads of one name in different folders are told apart by the folder": (
        {
            f"prod/{s}/web.yaml": DEPLOYMENT.format(name="web").replace("acme/web", f"acme/{s}")
            for s in ("shop", "cart")
        },
        [{"files": "{environment}/{service}/**/*.yaml", "format": "manifests"}],
        ["prod/cart", "prod/shop"],
    ),
    "a flat file of tags an environment": (
        {
            f"overrides/{e}.env": 'SHOP_DOCKER_TAG: "NEW"\nCART_DOCKER_TAG: "1.4"\nDEBUG: "true"\n'
            for e in ("staging", "production")
        },
        [
            {
                "files": "overrides/{environment}.env",
                "format": "keys",
                "tags": {"cart": "CART_DOCKER_TAG", "shop": "SHOP_DOCKER_TAG"},
            }
        ],
        ["production/cart", "production/shop", "staging/cart", "staging/shop"],
    ),
    "one tag a file": (
        {f"image-tags/{e}/{s}": "image_tag: NEW\n" for e in ("production", "staging") for s in ("shop", "cart")},
        [{"files": "image-tags/{environment}/{service}", "format": "keys", "tag": "image_tag"}],
        ["production/cart", "production/shop", "staging/cart", "staging/shop"],
    ),
    "Flux HelmReleases": (
        each(HELM_RELEASE, *(f"clusters/{e}/<{s}>.yaml" for e in ("prod", "dev") for s in ("shop", "cart"))),
        [{"files": "clusters/{environment}/*.yaml", "format": "helm-release"}],
        ["dev/cart", "dev/shop", "prod/cart", "prod/shop"],
    ),
    "Argo CD Applications": (
        each(APPLICATION, *(f"argocd/{e}/apps/<{s}>.yaml" for e in ("prod", "dev") for s in ("shop", "cart"))),
        [{"files": "argocd/{environment}/**/*.yaml", "format": "argocd"}],
        ["dev/cart", "dev/shop", "prod/cart", "prod/shop"],
    ),
    "Compose files": (
        each(COMPOSE, *(f"hosts/docker-compose.{e}.yml" for e in ("prod", "dev"))),
        [{"files": "hosts/docker-compose.{environment}.yml", "format": "helm-values"}],
        ["dev/shop", "prod/shop"],
    ),
    "variables, as a shell has them": (
        {f"{e}.env": "# versions\nexport SHOP_IMAGE_TAG=NEW\nCART_IMAGE_TAG=NEW\n" for e in ("prod", "dev")},
        [
            {
                "files": "{environment}.env",
                "format": "keys",
                "tags": {"cart": "CART_IMAGE_TAG", "shop": "SHOP_IMAGE_TAG"},
            }
        ],
        ["dev/cart", "dev/shop", "prod/cart", "prod/shop"],
    ),
    "no environment at all": (
        each(VALUES, "apps/<shop>/values.yaml", "apps/<cart>/values.yaml"),
        [{"files": "apps/{service}/values.yaml", "format": "helm-values", "environment": "production"}],
        ["production/cart", "production/shop"],
    ),
}


def build(path: Path, files: Mapping[str, str]) -> GitRepo:
    """A repository in which every file of ``files`` is bumped three times, beside files that have nothing to do with it."""
    repo = GitRepo(path)
    repo.commit({"README.md": "image: ghcr.io/acme/readme:1.0\n", ".github/workflows/ci.yaml": "image: node:20\n"})
    for version in ("1.9", "1.10", "1.11"):
        repo.commit({name: text.replace("NEW", version) for name, text in files.items()})
    return repo


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_rules_of_a_layout(command_line: CommandLine, tmp_path: Path, layout: str) -> None:
    files, rules, targets = LAYOUTS[layout]
    build(tmp_path / "infra", files)
    proposed = command_line("discover", tmp_path / "infra")
    assert (proposed.code, proposed.err) == (0, "")
    (source,) = yaml.safe_load(proposed.out)["sources"]
    assert sorted(source["rules"], key=str) == sorted(rules, key=str)
    (tmp_path / "infra.yaml").write_text(proposed.out, encoding="utf-8")
    imported = command_line("import", "-c", tmp_path / "infra.yaml", "--format", "json")
    assert (imported.code, imported.json[0]["intents"]) == (0, 3 * len(targets) - 2 * unmoved(files))
    state = command_line("state", "-c", tmp_path / "infra.yaml", "--format", "json").json["targets"]
    assert sorted(f"{each['environment']}/{each['service']}" for each in state) == targets


def unmoved(files: Mapping[str, str]) -> int:
    """The targets of the layout that no commit moves."""
    return sum("CART_DOCKER_TAG" in text for text in files.values())


def test_what_no_rule_explains_is_told_with_its_place(command_line: CommandLine, tmp_path: Path) -> None:
    workflow = (
        "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nspec:\n  templates:\n    - image: acme/job:NEW\n"
    )
    files = each(VALUES, *(f"env/{e}/<shop>.values.yaml" for e in ("prod", "dev"))) | {
        "env/base/shop.values.yaml": VALUES.format(name="shop"),
        "jobs/nightly.yaml": workflow,
        "jobs/weekly.yaml": workflow,
    }
    build(tmp_path / "infra", files)
    proposed = command_line("discover", tmp_path / "infra")
    assert "# The rules explain 4 of 10 image-looking changes (40 %)." in proposed.out
    assert "      # 4 bumps, 2 targets in dev, prod; such as dev/shop\n" in proposed.out
    assert (
        "# In files that no rule reads: 6 image-looking changes\n#       4  jobs/*.yaml  such as nightly.yaml"
        in proposed.out
    )
    (source,) = yaml.safe_load(proposed.out)["sources"]
    assert source["rules"] == [
        {"files": "env/{environment}/{service}.values.yaml", "format": "helm-values", "ignore": ["**/base/**"]}
    ]
    found = command_line("discover", tmp_path / "infra", "--format", "json").json
    assert (found["changes"], found["explained"], found["landings"], found["landings_read"]) == (10, 4, 4, 4)
    assert found["rules"][0]["targets"] == ["dev/shop", "prod/shop"]
    assert found["uncovered"][0] == {"files": "jobs/*.yaml", "changes": 4, "example": "jobs/nightly.yaml"}


def test_versions_in_terraform_and_nomad_are_no_secret_though_no_rule_is_proposed(
    command_line: CommandLine, tmp_path: Path
) -> None:
    files = each(VALUES, "env/prod/<shop>.values.yaml") | {
        "terraform/prod.tfvars": 'shop_image = "acme/shop:NEW"\n',
        "jobs/shop.nomad.hcl": 'task "shop" { config { image = "acme/shop:NEW" } }\n',
    }
    build(tmp_path / "infra", files)
    proposed = command_line("discover", tmp_path / "infra").out
    assert "# The rules explain 2 of 6 image-looking changes (33 %)." in proposed
    assert "jobs/shop.nomad.hcl" in proposed
    assert "terraform/prod.tfvars" in proposed


def test_what_lived_only_in_the_past_is_found_too(command_line: CommandLine, tmp_path: Path) -> None:
    repo = build(tmp_path / "infra", each(KUSTOMIZATION, "env/prod/kustomization.yaml"))
    repo.commit({"env/prod/kustomization.yaml": None, "apps/prod/shop.yaml": DEPLOYMENT.format(name="shop")})
    proposed = command_line("discover", tmp_path / "infra").out
    assert "# 2 bumps, nothing at the tip any more\n" in proposed
    assert {rule["format"] for rule in yaml.safe_load(proposed)["sources"][0]["rules"]} == {"kustomize", "manifests"}


def test_many_kinds_of_declaring_are_cut_to_a_screen(command_line: CommandLine, tmp_path: Path) -> None:
    digest = f"digest: sha256:{'0' * 64}\n"
    kinds = [(key, more) for key in ("image_tag", "image-tag", "tag", "IMAGE_TAG", "TAG") for more in ("", digest)]
    build(tmp_path / "infra", {f"kind{n}/prod/shop.yaml": f"{key}: NEW\n{more}" for n, (key, more) in enumerate(kinds)})
    cut = command_line("discover", tmp_path / "infra").out
    everything = command_line("discover", tmp_path / "infra", "--all").out
    assert len(yaml.safe_load(cut)["sources"][0]["rules"]) == 8
    assert "      # ... and 2 rules more, for 4 bumps: --all shows them\n" in cut
    assert len(yaml.safe_load(everything)["sources"][0]["rules"]) == 10
    assert "more" not in everything


def test_the_proposal_names_the_credentials_it_was_read_with(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path / "infra", each(VALUES, "env/prod/<shop>.values.yaml"))
    monkeypatch.setenv("INFRA_TOKEN", "planted-secret")
    proposed = command_line("discover", tmp_path / "infra", "--username", "bot", "--password-env", "INFRA_TOKEN")
    (source,) = yaml.safe_load(proposed.out)["sources"]
    assert source["credentials"] == {"username": "bot", "password": {"env": "INFRA_TOKEN"}}
    assert "planted-secret" not in proposed.out + proposed.err


def test_another_branch_can_be_read(command_line: CommandLine, tmp_path: Path) -> None:
    repo = build(tmp_path / "infra", each(VALUES, "env/prod/<shop>.values.yaml"))
    repo.git("branch", "release/1", "HEAD~1")
    repo.git("checkout", "-q", "-b", "trunk")
    assert yaml.safe_load(command_line("discover", tmp_path / "infra").out)["sources"][0]["branch"] == "trunk"
    other = command_line("discover", tmp_path / "infra", "--branch", "release/1")
    assert yaml.safe_load(other.out)["sources"][0]["branch"] == "release/1"
    missing = command_line("discover", tmp_path / "infra", "--branch", "nope")
    assert (missing.code, missing.out) == (1, "")
    assert "has no branch 'nope'" in missing.err


def test_names_that_would_break_yaml_or_a_terminal_do_neither(command_line: CommandLine, tmp_path: Path) -> None:
    odd = ('a "quoted" #1', "no", "yes: sir", "ünïcode", "b\x1b[31mred", "{brace}", "star*")
    files = {f"{name}/prod/shop.values.yaml": VALUES.format(name="shop") for name in odd}
    files["binary/prod/x.values.yaml"] = "image:\x00 tag: NEW\n"
    files["broken/prod/x.values.yaml"] = "image: {tag: NEW\n"
    files["templates/prod/x.yaml"] = "{{ if .Values.x }}\nimage: acme/shop:NEW\n"
    build(tmp_path / "infra", files)
    proposed = command_line("discover", tmp_path / "infra")
    assert proposed.code == 0
    assert "\x1b" not in proposed.out
    (tmp_path / "infra.yaml").write_text(proposed.out, encoding="utf-8")
    assert command_line("import", "-c", tmp_path / "infra.yaml").code == 0


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda _path: None, "is not there: correct `url`"),
        (Path.mkdir, "is no Git repository"),
        (lambda path: path.write_text("text"), "is no Git bundle"),
        (GitRepo, "is empty: push a first commit"),
        (
            lambda path: GitRepo(path).commit({"README.md": "hello\n", "app.yaml": "a: 1\n"}),
            "no image is declared in 2 files",
        ),
        (
            lambda path: build(path, {"x.jsonnet": '{ image: "acme/shop:NEW" }\n'}),
            "though 2 changes look like it, such as in x.jsonnet",
        ),
    ],
    ids=["nothing there", "a plain directory", "a plain file", "an empty repository", "no images", "no format"],
)
def test_where_nothing_can_be_proposed_it_says_why(
    command_line: CommandLine, tmp_path: Path, prepare: Any, said: str
) -> None:
    prepare(tmp_path / "infra")
    ended = command_line("discover", tmp_path / "infra")
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


def test_an_address_with_a_secret_in_it_is_refused_and_not_shown(command_line: CommandLine) -> None:
    ended = command_line("discover", "https://bot:planted-secret@git.example.org/infra.git")
    assert (ended.code, ended.out) == (2, "")
    assert "holds a user name or a password" in ended.err
    assert "planted-secret" not in ended.err


def test_a_host_that_does_not_answer_ends_with_1(command_line: CommandLine) -> None:
    ended = command_line("discover", "http://127.0.0.1:1/infra.git")
    assert ended.code == 1
    assert "can't be reached" in ended.err
    assert "tried again" not in ended.err
