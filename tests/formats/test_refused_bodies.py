"""What somebody is told whose body was refused: the field, and what was expected there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.errors import Refused
from bridge.formats.intent_v1 import read_intent
from bridge.formats.observation_v1 import read_observation

INTENT = {"service": "shop", "environment": "production", "artifacts": ["ghcr.io/acme/shop:v1"]}
COMMIT = {"repository": "r", "sha": "abcdef1"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reason": "fun"}, "reason: expected one of release, hotfix, rollback, config, flush"),
        (
            {"commits": [COMMIT, {**COMMIT, "sha": "xyz"}]},
            "commits[1].sha: expected text such as b939f1d93084ff7b010b01ad29102d61534b26a6",
        ),
        ({"pipeline": {"url": "javascript:1"}}, "pipeline.url: expected text such as https://ci.example.org/runs/77"),
        ({"requested_by": "ada\n"}, "requested_by: expected text without control characters"),
        ({"labels": {"a\n": "b"}}, "labels: expected text without control characters"),
        ({"labels": {"a": "\x07"}}, "labels[...]: expected text without control characters"),
        ({"artifacts": [{"tag": "v1\n"}]}, "artifacts[0].tag: expected text without control characters"),
        ({"service": 7}, "service: Expected `str`, got `int`"),
        ({"colour": 7}, "colour: is not a field known here: remove it or correct its name"),
    ],
)
def test_a_refused_intent_says_what_was_expected(more: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as refused:
        read_intent(json.dumps(INTENT | more).encode())
    assert str(refused.value) == said


def test_a_refused_observation_names_the_phases() -> None:
    with pytest.raises(Refused, match="phase: expected one of noticed, started, progressing, live, failed, gone"):
        read_observation(json.dumps(INTENT | {"phase": "dead"}).encode())
