"""Histories of public infra repositories, imported with the rules of ``config/examples``, against git and another YAML reader.

The histories lie beside the checkout, as Git bundles; where they don't, these tests are skipped.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge import compose
from tests.support.declared_history import Declared, Key, canonical, history, run
from tests.support.real_repositories import REPOSITORIES

ROOT = Path(__file__).parents[2]
BUNDLES = ROOT.parent / "shared" / "repos"

pytestmark = [
    pytest.mark.skipif(
        not BUNDLES.is_dir(), reason="no ../shared/repos beside the checkout: no real histories to read"
    ),
    pytest.mark.timeout(240),
]

FEWEST_CHANGES = {
    "gnomad-deployments": 100,
    "image-updater-examples": 40,
    "manifest": 5000,
    "mctl-gitops": 900,
    "notification-manifests": 2700,
    "rucio-flux": 1100,
    "wbaas-deploy": 1600,
}


@dataclass(frozen=True)
class Imported:
    """One repository, imported twice from its bundle, and cloned."""

    name: str
    config: Path
    clone: Path
    first: compose.ImportSummary
    second: compose.ImportSummary
    expected: list[tuple[str, dict[Key, Declared]]]  # what each landing moved, oldest first

    def ask(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "bridge", *arguments, "-c", str(self.config)]
        return subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout.decode()

    def intents(self) -> list[dict[str, Any]]:
        records = [json.loads(line) for line in self.ask("export", "--format", "jsonl").splitlines()]
        return [record for record in records if record["kind"].startswith("intent.")]


@pytest.fixture(scope="module", params=sorted(REPOSITORIES))
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    bundle = BUNDLES / f"{name}.bundle"
    config = folder / f"{name}.yaml"
    example = (ROOT / "config/examples" / f"{name}.yaml").read_text()
    config.write_text(example.replace(f"./{name}.git", str(bundle)))
    clone = folder / "clone.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(bundle), str(clone)], check=True)
    settings = compose.load(config)
    ((first,), (second,)) = (asyncio.run(compose.import_once(settings, lambda _status: None)) for _ in range(2))
    expected = [(revision, dict(sorted(moved.items()))) for revision, moved in history(clone, REPOSITORIES[name])]
    return Imported(name, config, clone, first, second, expected)


def artifacts_of(record: dict[str, Any]) -> Declared:
    declared = record["artifacts"] if record["kind"] == "intent.declared" else ()
    return frozenset(canonical((each["repository"], each["tag"], each["digest"])) for each in declared)


def test_every_intent_is_what_its_landing_changed_and_no_change_is_missing(imported: Imported) -> None:
    expected = imported.expected
    found: dict[str, dict[Key, Declared]] = {}
    for record in imported.intents():
        target = (record["environment"], record["service"])
        moved = found.setdefault(record["source"]["revision"], {})
        assert target not in moved, "two intents of one landing for one target"
        moved[target] = artifacts_of(record)
    assert sum(len(moved) for _, moved in expected) >= FEWEST_CHANGES[imported.name]
    for (revision, moved), (landing, declared) in zip(expected, found.items(), strict=False):
        assert (landing, dict(sorted(declared.items()))) == (revision, moved)
    assert list(found) == [revision for revision, _ in expected]


def test_what_stands_at_the_end_is_what_the_landings_add_up_to(imported: Imported) -> None:
    standing: dict[Key, Declared] = {}
    for _, moved in imported.expected:
        standing |= moved
    state = json.loads(imported.ask("state", "--format", "json"))["targets"]
    found = {
        (each["environment"], each["service"]): artifacts_of({**declared, "kind": "intent.declared"})
        for each in state
        if (declared := each["declared"]["gitops"])
    }
    assert found == {key: value for key, value in standing.items() if value}


def test_the_whole_first_parent_line_is_read_and_a_second_import_adds_nothing(imported: Imported) -> None:
    landings = int(run(imported.clone, "rev-list", "--first-parent", "--count", "HEAD"))
    assert (imported.first.landings, imported.first.error) == (landings, None)
    assert imported.first.tip == run(imported.clone, "rev-parse", "HEAD").decode().strip()
    again = imported.second
    assert (again.landings, again.intents, again.withdrawn, again.unreadable, again.error) == (0, 0, 0, 0, None)


async def test_the_log_is_whole_and_its_facts_give_its_conclusions(imported: Imported) -> None:
    settings = compose.load(imported.config)
    verified = await compose.verify_log(settings, lambda _done, _total: None)
    assert verified.ok, verified.reason
    replayed = await compose.replay_check(settings, lambda _done, _total: None)
    assert replayed.ok, replayed.first_difference


def test_every_bundle_has_its_rules_and_its_other_reading() -> None:
    names = {bundle.stem for bundle in BUNDLES.glob("*.bundle")}
    assert names == set(REPOSITORIES)
    assert [name for name in names if not (ROOT / "config/examples" / f"{name}.yaml").is_file()] == []
