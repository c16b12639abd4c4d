"""A real infra repository, with merges and bots: every intent against an independent reading by the git command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bridge.domain.facts import IntentDeclared, IntentWithdrawn
from tests.support.git_reading import ReadingMaker
from tests.support.git_repos import run_git

BUNDLE = Path(__file__).resolve().parents[4] / "shared" / "repos" / "mctl-gitops.bundle"
VALUES = re.compile(r"platform-gitops/services/([^/]+)/([^/]+)/values\.yaml\Z")


def read_with_git(repository: Path) -> list[tuple[str, str, str, str | None, int]]:
    """(landing, environment, service, tag, committer's second) of each change, oldest first; a broken file is skipped."""
    shape = ("--first-parent", "--diff-merges=first-parent", "--no-renames", "--raw", "--no-abbrev", "--format=@%H %ct")
    log = run_git(repository, "log", "--reverse", *shape)
    changed = [line for line in log.splitlines() if line.startswith(":") and VALUES.match(line.split("\t", 1)[1])]
    contents = read_blobs(repository, {line.split()[3] for line in changed})
    declared: dict[str, str] = {}
    found: list[tuple[str, str, str, str | None, int]] = []
    landing, seconds = "", 0
    for line in log.splitlines():
        if line.startswith("@"):
            landing, second = line[1:].split()
            seconds = int(second)
        elif line.startswith(":") and (match := VALUES.match(line.split("\t", 1)[1])):
            path, blob = match[0], line.split()[3]
            try:
                tag = tag_in(contents[blob])
            except yaml.YAMLError:
                continue
            if tag != declared.get(path):
                found.append((landing, match[1], match[2], tag, seconds))
                declared.pop(path, None)
                if tag is not None:
                    declared[path] = tag
    return found


def read_blobs(repository: Path, blobs: set[str]) -> dict[str, bytes]:
    """The content of each blob; nothing for the null id, which stands for a deleted file."""
    wanted = sorted(blob for blob in blobs if set(blob) != {"0"})
    printed = run_git(repository, "cat-file", "--batch", stdin="\n".join(wanted).encode()).encode()
    contents = {"0" * 40: b""}
    for blob in wanted:
        head, _, rest = printed.partition(b"\n")
        size = int(head.split()[2])
        contents[blob], printed = rest[:size], rest[size + 1 :]
    return contents


def tag_in(data: bytes) -> str | None:
    value = yaml.load(data, yaml.CBaseLoader)  # noqa: S506 - the base loader makes strings only
    image = value.get("image") if isinstance(value, dict) else None
    return (image.get("tag") or None) if isinstance(image, dict) else None


@pytest.mark.skipif(not BUNDLE.exists(), reason="the real histories lie beside the repository in ../shared/repos only")
async def test_every_intent_of_a_real_history_agrees_with_plain_git(reading: ReadingMaker, tmp_path: Path) -> None:
    clone = tmp_path / "real"
    run_git(tmp_path, "clone", "-q", "--bare", str(BUNDLE), str(clone))
    branch = run_git(clone, "symbolic-ref", "--short", "HEAD")
    rule = {
        "files": "platform-gitops/services/{environment}/{service}/values.yaml",
        "format": "keys",
        "tag": "image.tag",
        "repository": "r/{service}",
    }
    log = reading(url=str(clone), branch=branch, rules=[rule])
    await log.catch_up()
    read = [
        (
            fact.source.revision,
            fact.target.environment,
            fact.target.service,
            fact.artifacts[0].tag if isinstance(fact, IntentDeclared) else None,
            int(fact.declared_at.timestamp()),
        )
        for fact in log.facts
        if isinstance(fact, IntentDeclared | IntentWithdrawn)
    ]
    expected = read_with_git(clone)
    assert len(expected) > 500
    assert sorted(map(str, read)) == sorted(map(str, expected))
    order = {landing: index for index, (landing, *_) in enumerate(expected)}
    assert [order[str(entry[0])] for entry in read] == sorted(order[str(entry[0])] for entry in read)
