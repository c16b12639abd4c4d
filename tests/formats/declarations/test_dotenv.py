"""Lines of NAME=value are read like a mapping."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.declaration import Unreadable
from tests.formats.declarations.conftest import Read


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("API_TAG=1.10\n", "1.10"),
        ("\n# comment\nexport API_TAG=007 # why\nX=1\n", "007"),
        ("X='a\nb'\nAPI_TAG=\"v1\"\r\n", "v1"),
        ("API_TAG=v1\nAPI_TAG = v2", "v2"),
        ("API_TAG: v1\n", "v1"),
        ("API_TAG: 'v1'  # a comment\nX: {y: z}\n", "v1"),
    ],
)
def test_a_tag_is_what_its_line_says(text: str, tag: str, read: Read) -> None:
    assert read("keys", text, tags={"api": "API_TAG"}) == [("prod/api", f":{tag}", "API_TAG")]


@pytest.mark.parametrize("text", ["API_TAG=\nX=1\n", "API_TAG=${TAG}\n", "X=1\n"])
def test_what_is_not_set_declares_nothing(text: str, read: Read) -> None:
    assert read("keys", text, tags={"api": "API_TAG"}) == []


@pytest.mark.parametrize("text", ["API_TAG=v1\n<<<<<<< HEAD\n", "API_TAG='v1\n", "A=1\nsome words\n"])
def test_other_lines_make_it_unreadable(text: str, read: Read) -> None:
    with pytest.raises(Unreadable):
        read("keys", text, tags={"api": "API_TAG"})
