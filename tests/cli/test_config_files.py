"""The configurations under config/ are right, and the full one names every key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from bridge import compose
from bridge.settings import Settings, settings_model

CONFIG = Path(__file__).parents[2] / "config"


OURS = [path for path in sorted(CONFIG.rglob("*.yaml")) if path.parent.name in {"config", "examples"}]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_every_configuration_in_the_project_is_valid(path: Path) -> None:
    assert isinstance(compose.load(path), Settings)


def test_the_full_configuration_sets_every_key_there_is() -> None:
    settings = compose.load(CONFIG / "deploybridge.full.yaml")
    used = set(used_keys(settings))
    known = set(known_keys(settings_model(compose.adapter_settings())))
    assert known - used == set()


def used_keys(table: BaseModel) -> Iterator[tuple[str, str]]:
    for name in table.model_fields_set:
        yield type(table).__name__, name
        value = getattr(table, name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, BaseModel):
                yield from used_keys(inner)


def known_keys(table: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, field in table.model_fields.items():
        yield table.__name__, name
        for inner in models_in(field.annotation):
            yield from known_keys(inner)


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    is_table = isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel)
    if is_table and annotation is not BaseModel:
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)
