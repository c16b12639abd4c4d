"""What ``discover`` proposes for public infra repositories, passed to ``import`` unchanged.

The histories lie beside the checkout, as Git bundles; where they don't, these tests are skipped.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from bridge.cli.app import run

ROOT = Path(__file__).parents[2]
BUNDLES = ROOT.parent / "shared" / "repos"

pytestmark = [
    pytest.mark.skipif(
        not BUNDLES.is_dir(), reason="no ../shared/repos beside the checkout: no real histories to read"
    ),
    pytest.mark.timeout(240),
]

# Commits that bump an image, by a regular expression over the diffs (the bundles' README), and the share to be found.
# gnomad-deployments also bumps entries without effect; mctl-gitops workflow templates and scaffolds, which nothing deploys.
BUMPS = {
    "gnomad-deployments": (66, 0.75),
    "image-updater-examples": (18, 1.0),
    "manifest": (3091, 0.97),
    "mctl-gitops": (864, 0.92),
    "notification-manifests": (2014, 0.97),
    "rucio-flux": (255, 0.9),
    "wbaas-deploy": (987, 0.97),
}
LINES_OF_A_SCREEN = 50
MOST_RULES = 6


@pytest.mark.parametrize("name", BUMPS)
def test_the_proposed_rules_import_unchanged_and_find_the_bumps(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def deploybridge(*arguments: str | Path) -> str:
        code = run([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        assert (code, err) == (0, b"")
        return out.decode()

    proposed = deploybridge("discover", BUNDLES / f"{name}.bundle")
    assert len(proposed.splitlines()) <= LINES_OF_A_SCREEN
    config = tmp_path / "proposed.yaml"
    config.write_text(proposed, encoding="utf-8")
    deploybridge("import", "-c", config)
    records = map(json.loads, deploybridge("export", "--format", "jsonl", "-c", config).splitlines())
    bumps = {
        record["source"]["revision"]
        for record in records
        if record["kind"] == "intent.declared" and record["previous_artifacts"]
    }
    counted, share = BUMPS[name]
    assert len(bumps) >= share * counted
    assert len(yaml.safe_load(proposed)["sources"][0]["rules"]) <= MOST_RULES
