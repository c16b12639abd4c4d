"""Reads one text by one rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.formats.declarations.rules import RuleSet, RuleSettings

Read = Callable[..., list[tuple[str, str, str]]]


@pytest.fixture
def read() -> Read:
    """(format, text, path, options of the rule): target, image and pointer of each declaration."""

    def read_text(
        file_format: str, text: str, path: str = "prod/file.yaml", **options: object
    ) -> list[tuple[str, str, str]]:
        rule = RuleSettings.model_validate({"files": "{environment}/**", "format": file_format, **options})
        found = RuleSet([rule], branch="env/stage").read(path, text.encode())
        return [(str(item.target), str(item.image), item.pointer) for item in found]

    return read_text
