"""The rules of config/examples read the infra repositories that they were written for.

The expected versions were read by hand with ``git show COMMIT:PATH``.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from bridge.formats.declarations.rules import RuleSet, RuleSettings

_ROOT = Path(__file__).parents[3]
_BUNDLES = _ROOT.parent / "shared" / "repos"
_EXAMPLES = ("gnomad-deployments", "notification-manifests", "wbaas-deploy")

# repository, commit, target, images
_EXPECTED = [
    ("wbaas-deploy", "main", "production/api", {"ghcr.io/wbstack/api:sha-29226a0"}),
    ("wbaas-deploy", "main", "production/ui", {"ghcr.io/wbstack/ui:sha-92b4eca"}),
    ("notification-manifests", "main", "staging/api", {"public.ecr.aws/cds-snc/notify-api:f3d0498"}),
    ("notification-manifests", "main", "production/admin", {"public.ecr.aws/cds-snc/notify-admin:23edf01"}),
    ("notification-manifests", "3e31b39567e1", "production/api", {"gcr.io/cdssnc/notify/api:1fd2b42"}),
    ("notification-manifests", "3d71740c2e81", "production/documentation", {"public.ecr.aws/cds-snc/notify-documentation:7561c37"}),
    ("gnomad-deployments", "main", "green/gnomad-api", {"us-docker.pkg.dev/exac-gnomad/gnomad/gnomad-api:04a4f6b7"}),
    ("gnomad-deployments", "main", "prod/gnomad-blog", {"us-docker.pkg.dev/exac-gnomad/gnomad/gnomad-blog:f9c397c"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if not _BUNDLES.is_dir():
        pytest.skip("the recorded infra repositories are not beside this checkout (../shared/repos)")
    found: dict[str, Path] = {}
    for name in _EXAMPLES:
        found[name] = tmp_path_factory.mktemp(name)
        bundle = str(_BUNDLES / f"{name}.bundle")
        subprocess.run(["git", "clone", "--quiet", "--bare", bundle, str(found[name])], check=True, capture_output=True)
    return found


def rules_of(name: str) -> RuleSet:
    text = (_ROOT / "config" / "examples" / f"{name}.yaml").read_text(encoding="utf-8")
    (source,) = yaml.safe_load(text)["sources"]
    return RuleSet([RuleSettings.model_validate(rule) for rule in source["rules"]])


def git(clone: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "--git-dir", str(clone), *arguments], check=True, capture_output=True).stdout


@pytest.mark.parametrize("name", _EXAMPLES)
def test_an_example_has_valid_rules(name: str) -> None:
    assert rules_of(name).may_contain("")


@pytest.mark.parametrize(("name", "commit", "target", "images"), _EXPECTED)
def test_a_target_runs_what_its_files_said_at_a_commit(
    clones: dict[str, Path], name: str, commit: str, target: str, images: set[str]
) -> None:
    rules = rules_of(name)
    listing = git(clones[name], "ls-tree", "-r", "-z", "--name-only", commit).decode().split("\0")
    declared = {
        str(item.image)
        for path in filter(rules.matches, listing)
        for item in rules.read(path, git(clones[name], "show", f"{commit}:{path}"))
        if str(item.target) == target
    }
    assert declared == images
