"""The container image, as config/docker/Dockerfile has it: its rules are checked here, for tests have no container engine."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "config/docker/Dockerfile"


def instructions() -> Iterator[tuple[str, str]]:
    text = re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE.read_text()).replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def last(word: str) -> str:
    return [rest for name, rest in stages()[-1] if name == word][-1]


def test_what_builds_is_not_in_the_image_that_runs() -> None:
    build, run = stages()
    assert build[0][1].endswith(" AS build")
    copied = [rest for word, rest in run if word == "COPY"]
    assert copied == ["--from=build /opt/deploybridge /opt/deploybridge"]
    assert "ADD" not in {word for word, _ in instructions()}, "it fetches what nobody checks"


def test_it_is_small_and_of_a_python_that_the_project_supports() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert wanted == ">=3.11,<3.14"
    images = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(set(images)) == 1, "what was built for one Python runs on no other"
    found = re.fullmatch(r"python:3\.(\d+)-slim", images[0])
    assert found is not None
    assert 11 <= int(found[1]) < 14


def test_it_runs_as_nobody_by_number_and_writes_to_one_place() -> None:
    user, _, group = last("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert last("VOLUME") == "/var/lib/deploybridge"
    manifest = (ROOT / "config/kubernetes/base/statefulset.yaml").read_text()
    assert f"runAsUser: {user}" in manifest


def test_it_starts_the_daemon() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert last("ENTRYPOINT") == '["deploybridge"]'
    assert "deploybridge" in scripts
    assert last("CMD") == '["serve", "-c", "/etc/deploybridge/deploybridge.yaml"]'


def test_what_it_is_made_of_is_there_and_nothing_else_is_sent_to_the_builder() -> None:
    copied = {name for word, rest in stages()[0] if word == "COPY" for name in rest.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    lines = Path(f"{DOCKERFILE}.dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
