"""Histories of public infra repositories, imported with the rules of ``config/examples``, against a reading by ``git`` and PyYAML.

The histories lie beside the checkout, as Git bundles; where they don't, these tests are skipped.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import compose

ROOT = Path(__file__).parents[2]
BUNDLES = ROOT.parent / "shared" / "repos"

pytestmark = [
    pytest.mark.skipif(
        not BUNDLES.is_dir(), reason="no ../shared/repos beside the checkout: no real histories to read"
    ),
    pytest.mark.timeout(240),
]

TRACKED = re.compile(r"/kustomization\.yaml\Z|\.env\Z|\.gotmpl\Z|\.values\.yaml\Z")
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # leaves every scalar the text that it is
Reference = tuple[str | None, str | None, str | None]  # repository, tag, digest
Key = tuple[str, str]  # environment, service
Read = Callable[[str, str], Iterator[tuple[Key, Reference]]]  # path and text to what they declare


@dataclass(frozen=True)
class Clone:
    """A repository as the git command line shows it."""

    path: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "--git-dir", str(self.path), *arguments]
        return subprocess.run(command, capture_output=True, check=True).stdout.decode()

    def landing_at(self, moment: str) -> str:
        return self.git("rev-list", "--first-parent", "-1", f"--before={moment}", "main").strip()

    def contents(self, names: Iterable[str]) -> Iterator[str]:
        """The files that ``names`` (``landing:path``) stand for; an empty text for one that is not there."""
        command = ["git", "--git-dir", str(self.path), "cat-file", "--batch"]
        asked = "".join(f"{name}\n" for name in names).encode()
        out = io.BytesIO(subprocess.run(command, input=asked, capture_output=True, check=True).stdout)
        for head in iter(out.readline, b""):
            if head.endswith(b" missing\n"):
                yield ""
                continue
            yield out.read(int(head.split()[-1])).decode()
            out.readline()

    def show(self, landing: str, path: str) -> str:
        (text,) = self.contents([f"{landing}:{path}"])
        return text

    def declared(self, landing: str, read: Read) -> dict[Key, dict[str, set[Reference]]]:
        """What each file of the landing declares: target to path to references."""
        found: dict[Key, dict[str, set[Reference]]] = {}
        paths = [
            path for path in self.git("ls-tree", "-r", "--name-only", landing).splitlines() if TRACKED.search(path)
        ]
        for path, text in zip(paths, self.contents(f"{landing}:{path}" for path in paths), strict=True):
            for key, reference in read(path, text):
                found.setdefault(key, {}).setdefault(path, set()).add(reference)
        return found

    def last_change(self, landing: str, path: str, key: Key, read: Read) -> int:
        """How many landings ago the file began to declare what it does for the target."""
        line = self.git("rev-list", "--first-parent", landing).split()
        now = declares(read, path, self.show(landing, path), key)
        touched = self.git("log", "--first-parent", "--format=%H", landing, "--", path).split()
        for start in range(0, len(touched), 50):
            some = touched[start : start + 50]
            for commit, text in zip(some, self.contents(f"{commit}^:{path}" for commit in some), strict=True):
                if declares(read, path, text, key) not in (now, None):
                    return line.index(commit)
        return len(line)


def declares(read: Read, path: str, text: str, key: Key) -> set[Reference] | None:
    """What a file declares for the target; None where it can't be read."""
    try:
        return {reference for found, reference in read(path, text) if found == key}
    except yaml.YAMLError:
        return None


@lru_cache(maxsize=2048)
def documents(text: str) -> tuple[Any, ...]:
    return tuple(each for each in yaml.load_all(text, LOADER) if isinstance(each, dict))


def split(reference: str) -> Reference:
    match = re.fullmatch(r"(.*?)(?::([^/:@]+))?(?:@(sha256:\w+))?", reference)
    assert match is not None
    return match[1], match[2], match[3]


def kustomize(environment: str, text: str) -> Iterator[tuple[Key, Reference]]:
    for document in documents(text):
        for image in document.get("images") or []:
            repository, tag, digest = split(image.get("newName") or image["name"])
            tag, digest = image.get("newTag", tag), image.get("digest", digest)
            if tag or digest:
                yield (environment, split(image["name"].rsplit("/", 1)[-1])[0] or ""), (repository, tag, digest)


def gnomad(path: str, text: str) -> Iterator[tuple[Key, Reference]]:
    match = re.fullmatch(r"([^/]+)/([^/]+)/kustomization\.yaml", path)
    if match and match[2] not in {"base", "example-demo"}:
        yield from kustomize(f"test-{match[2]}" if match[1] == "browser-test" else match[2], text)


def notification(path: str, text: str) -> Iterator[tuple[Key, Reference]]:
    if match := re.fullmatch(r"env/([^/]+)/kustomization\.yaml", path):
        yield from kustomize(match[1], text)
    if match := re.fullmatch(r"helmfile/overrides/([^/]+)\.env", path):
        for document in documents(text):
            for service in ("admin", "api", "document-download-api", "documentation"):
                word = service.removesuffix("-api").replace("-", "_").upper()
                repository = document.get(f"{word}_IMAGE_REPOSITORY") or f"public.ecr.aws/cds-snc/notify-{service}"
                if tag := document.get(f"{word}_DOCKER_TAG"):
                    yield (match[1], service), (repository, tag, None)


@lru_cache
def chart_repositories() -> Mapping[str, str]:
    rules = yaml.safe_load((ROOT / "config/examples/wbaas-deploy.yaml").read_text())["sources"][0]["rules"]
    repositories: Mapping[str, str] = rules[0]["repository"]
    return repositories


def wbaas(path: str, text: str) -> Iterator[tuple[Key, Reference]]:
    match = re.fullmatch(
        r"k8s/(?:argocd|helmfile/env)/(local|staging|production)/([^/]+?)(?:\.values)?\.yaml(?:\.gotmpl)?", path
    )
    if match is None or (path.startswith("k8s/argocd") and not path.endswith(".values.yaml")):
        return
    if path.startswith("k8s/helmfile") and not path.endswith(".gotmpl"):
        return
    lines = [line for line in text.splitlines() if not re.match(r"\s*\{\{", line)]
    known = next((name for pattern, name in chart_repositories().items() if fnmatch(match[2], pattern)), None)
    for document in documents(re.sub(r"\{\{.*?\}\}", "TEMPLATE", "\n".join(lines))):
        for reference in helm_images(document, known):
            yield (match[1], match[2]), reference


def helm_images(values: Mapping[str, Any], known: str | None, *, top: bool = True) -> Iterator[Reference]:
    image = values.get("image")
    if isinstance(image, dict) and isinstance(tag := image.get("tag"), str) and tag and "TEMPLATE" not in tag:
        repository = image.get("repository") or image.get("image")
        if repository and image.get("registry"):
            repository = f"{image['registry']}/{repository}"
        yield repository or known, tag, None
    elif values.get("imageTag") and (top or isinstance(image, str)):
        yield image or known, values["imageTag"], None
    for name, value in values.items():
        if isinstance(value, dict) and name != "image":
            yield from helm_images(value, known, top=False)


READERS: Mapping[str, Read] = {
    "gnomad-deployments": gnomad,
    "notification-manifests": notification,
    "wbaas-deploy": wbaas,
}
# Times between whose neighbours much changed: other layouts, both layouts at once, unreadable files, the end.
MOMENTS = {
    "gnomad-deployments": ("2024-03-15", "2024-05-10", "2024-07-15", "2024-10-20", "2025-03-01", "2026-11-01"),
    "notification-manifests": ("2020-12-20", "2022-11-11", "2024-02-01", "2025-01-20", "2025-02-15", "2025-04-20"),
    "wbaas-deploy": ("2022-03-01", "2022-10-01", "2023-05-01", "2024-03-01", "2025-09-01", "2026-11-01"),
}


@dataclass(frozen=True)
class Imported:
    """One repository, imported twice from its bundle, and cloned."""

    name: str
    config: Path
    clone: Clone
    first: compose.ImportSummary
    second: compose.ImportSummary

    @property
    def read(self) -> Read:
        return READERS[self.name]

    def ask(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "bridge", *arguments, "-c", str(self.config)]
        return subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout.decode()

    def state(self, moment: str) -> dict[Key, set[Reference]]:
        found: dict[Key, set[Reference]] = {}
        for target in json.loads(self.ask("state", "--at", moment, "--format", "json"))["targets"]:
            # Several releases of one values file are told apart behind a slash.
            key = (target["environment"], target["service"].partition("/")[0])
            for each in (target["declared"]["gitops"] or {}).get("artifacts", ()):
                found.setdefault(key, set()).add((each["repository"], each["tag"], each["digest"]))
        return found

    def intents(self) -> list[dict[str, Any]]:
        records = [json.loads(line) for line in self.ask("export", "--format", "jsonl").splitlines()]
        return [record for record in records if record["kind"].startswith("intent.")]


@pytest.fixture(scope="module", params=sorted(READERS))
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    example = (ROOT / "config/examples" / f"{name}.yaml").read_text()
    config = folder / f"{name}.yaml"
    config.write_text(example.replace(f"./{name}.git", str(BUNDLES / f"{name}.bundle")))
    subprocess.run(
        ["git", "clone", "-q", "--bare", str(BUNDLES / f"{name}.bundle"), str(folder / "clone.git")], check=True
    )
    settings = compose.load(config)
    ((first,), (second,)) = (asyncio.run(compose.import_once(settings, lambda _status: None)) for _ in range(2))
    return Imported(name, config, Clone(folder / "clone.git"), first, second)


def test_every_target_at_every_moment_is_what_git_shows(imported: Imported) -> None:
    for moment in MOMENTS[imported.name]:
        landing = imported.clone.landing_at(f"{moment}T00:00:00Z")
        declared = imported.clone.declared(landing, imported.read)
        expected = {key: decided(imported, landing, key, by_path) for key, by_path in declared.items()}
        assert len(expected) >= 8
        assert imported.state(f"{moment}T00:00:00Z") == expected, f"{moment}, {landing}"


def decided(imported: Imported, landing: str, key: Key, by_path: Mapping[str, set[Reference]]) -> set[Reference]:
    """Where files disagree about an image, the one that was changed last decides."""
    everything = set().union(*by_path.values())
    if len({repository for repository, _, _ in everything}) == len(everything):
        return everything
    ages = {path: imported.clone.last_change(landing, path, key, imported.read) for path in by_path}
    return by_path[min(ages, key=ages.__getitem__)]


def test_the_whole_first_parent_line_is_read_and_a_second_import_adds_nothing(imported: Imported) -> None:
    landings = int(imported.clone.git("rev-list", "--first-parent", "--count", "main"))
    assert (imported.first.landings, imported.first.error) == (landings, None)
    assert imported.first.tip == imported.clone.git("rev-parse", "main").strip()
    again = imported.second
    assert (again.landings, again.intents, again.withdrawn, again.unreadable, again.error) == (0, 0, 0, 0, None)


async def test_the_log_is_whole_and_its_facts_give_its_conclusions(imported: Imported) -> None:
    settings = compose.load(imported.config)
    verified = await compose.verify_log(settings, lambda _done, _total: None)
    assert verified.ok, verified.reason
    replayed = await compose.replay_check(settings, lambda _done, _total: None)
    assert replayed.ok, replayed.first_difference


def test_a_target_that_is_declared_in_two_copies_has_one_intent_for_both(imported: Imported) -> None:
    if imported.name != "wbaas-deploy":
        pytest.skip("only wbaas-deploy declares everything twice")
    clone, read = imported.clone, imported.read
    copied = {key: set(found) for key, found in clone.declared("main", read).items() if len(found) > 1}
    assert len(copied) >= 6
    line = clone.git("rev-list", "--first-parent", "--reverse", "main").split()
    together = 0
    everything = imported.intents()
    for key, paths in copied.items():
        intents = [each for each in everything if (each["environment"], each["service"]) == key]
        revisions = [each["source"]["revision"] for each in intents]
        assert len(set(revisions)) == len(revisions)
        assert all(each["artifacts"] != each["previous_artifacts"] for each in intents)
        standing = dict(zip(revisions, intents, strict=True))
        touched = set(clone.git("log", "--first-parent", "--format=%H", "main", "--", *paths).split())
        landings = [each for each in line if each in touched]
        names = [(path, f"{landing}:{path}") for landing in landings for path in sorted(paths)]
        texts = zip(names, clone.contents(name for _, name in names), strict=True)
        values_at = {name: declares(read, path, text, key) for (path, name), text in texts}
        now: set[Reference] = set()
        for landing in landings:
            if landing in standing:
                now = {(each["repository"], each["tag"], each["digest"]) for each in standing[landing]["artifacts"]}
            values = [values_at[f"{landing}:{path}"] for path in paths]
            if values[0] == values[1] and values[0]:
                assert now == values[0], landing
                together += 1
    assert together > 50
