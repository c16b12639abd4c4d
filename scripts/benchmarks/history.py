"""A generated infra repository: bump commits, each brought in by its own merge, in a realistic rest of a tree."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

ENVIRONMENTS = ("integration", "staging", "production")
SERVICES = tuple(f"service-{number:02d}" for number in range(60))
RULE = """      - files: charts/app-config/image-tags/{environment}/{service}
        format: keys
        tag: image_tag
        repository: "ghcr.io/acme/{service}"
"""
_OTHER_CHARTS = 80  # each with five files: templates and values that no rule reads
_CHART = ("Chart.yaml", "values.yaml", "templates/deployment.yaml", "templates/service.yaml", "templates/hpa.yaml")
_START = 1_600_000_000  # seconds; one bump each ten minutes from here


def make(path: Path, bumps: int) -> None:
    """Make a bare repository at ``path`` with ``bumps`` bump commits and as many merges on ``main``, and pack it."""
    path.mkdir(parents=True)
    _git(path, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    importer = subprocess.Popen(["git", "fast-import", "--quiet"], cwd=path, stdin=subprocess.PIPE)
    assert importer.stdin is not None
    for piece in _stream(bumps):
        importer.stdin.write(piece)
    importer.stdin.close()
    if importer.wait() != 0:
        msg = "git fast-import failed"
        raise RuntimeError(msg)
    _git(path, "repack", "-a", "-d", "-f", "--quiet", "--depth=50", "--window=10")
    _git(path, "commit-graph", "write", "--reachable")


def _git(path: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=path, check=True)


def _stream(bumps: int) -> Iterator[bytes]:
    dice = random.Random(20)
    yield _commit("main", 1, "Begin", _START, parents=()) + _rest_of_the_tree()
    for environment in ENVIRONMENTS:
        for service in SERVICES:
            yield _file(_path(environment, service), _declaration("v1"))
    mark = 1
    for number in range(1, bumps + 1):
        environment, service = dice.choice(ENVIRONMENTS), dice.choice(SERVICES)
        tag = f"v{number}-{dice.randrange(16**7):07x}"
        change = _file(_path(environment, service), _declaration(tag))
        at = _START + number * 600
        yield _commit("bump", mark + 1, f"Bump {service} to {tag} in {environment}", at - 120, parents=(mark,)) + change
        yield _commit("main", mark + 2, f"Merge bump {number}", at, parents=(mark, mark + 1)) + change
        mark += 2


def _commit(branch: str, mark: int, message: str, at: int, parents: tuple[int, ...]) -> bytes:
    who = f"Robot <robot@example.org> {at} +0000"
    text = f"commit refs/heads/{branch}\nmark :{mark}\nauthor {who}\ncommitter {who}\ndata {len(message)}\n{message}\n"
    for word, parent in zip(("from", "merge"), parents, strict=False):
        text += f"{word} :{parent}\n"
    return text.encode()


def _file(path: str, content: str) -> bytes:
    return f"M 100644 inline {path}\ndata {len(content)}\n{content}\n".encode()


def _path(environment: str, service: str) -> str:
    return f"charts/app-config/image-tags/{environment}/{service}"


def _declaration(tag: str) -> str:
    return f"image_tag: {tag}\nautomatic_deploys_enabled: true\npromote_deployment: true\n"


def _rest_of_the_tree() -> bytes:
    pieces = [_file("README.md", "# Charts\n" * 20), _file(".github/workflows/ci.yaml", "on: push\njobs: {}\n" * 5)]
    for number in range(_OTHER_CHARTS):
        chart = f"charts/chart-{number:02d}"
        content = f"name: chart-{number}\n" + "key: value\n" * 40
        pieces += [_file(f"{chart}/{name}", content) for name in _CHART]
    return b"".join(pieces)
