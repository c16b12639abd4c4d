"""A repository that declares tags, and readings of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.git_reading import Reading, ReadingMaker, make_settings
from tests.support.git_repos import GitRepo


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "infra")


@pytest.fixture
def reading(repo: GitRepo, tmp_path: Path) -> ReadingMaker:
    """Makes a reading of ``repo``; keywords change the settings, ``data_dir`` is its own each time unless given."""
    made = 0

    def make(*, url: str | None = None, data_dir: Path | None = None, **changes: Any) -> Reading:
        nonlocal made
        made += 1
        settings = make_settings(url or str(repo.path), changes)
        return Reading(settings, data_dir or tmp_path / f"data{made}")

    return make
