"""Template actions are blanked so that what is certain can be read, and nothing else is."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.go_templates import blank_templates, is_opaque
from bridge.formats.declarations.yaml_text import read_documents


def test_text_without_actions_is_unchanged() -> None:
    assert blank_templates("a: 1\n  b: }}\n") == "a: 1\n  b: }}\n"


def test_a_block_and_lone_actions_are_left_out_and_lines_keep_their_numbers() -> None:
    text = "a: 1\n{{- range .Hosts }}\n- host: {{ .host }}\n{{- end }}\n{{ toYaml .x\n | indent 2 }}\nb: 2\n"
    assert blank_templates(text) == "a: 1\n\n\n\n\n\nb: 2\n"


def test_an_action_among_text_becomes_an_opaque_scalar() -> None:
    (document,) = read_documents(b"tag: {{ .Values.tag }}\nref: 'acme:{{ .tag }}'\nplain: v1\n", templated=True)
    assert isinstance(document, dict)
    assert [is_opaque(str(document[key])) for key in ("tag", "ref", "plain")] == [True, True, False]


def test_neither_side_of_a_condition_is_taken_for_true() -> None:
    text = b"image:\n{{ if .prod }}\n  tag: v1\n{{ else if .x }}\n  tag: v2\n{{ else }}\n  tag: v3\n{{ end }}\n  repository: acme\n"
    assert read_documents(text, templated=True) == [{"image": {"repository": "acme"}}]


def test_blocks_within_blocks_end_together() -> None:
    text = "{{ if a }}{{ with b }}x: 1{{ end }}y: 2{{ end }}\nz: 3"
    assert blank_templates(text) == "\nz: 3"


def test_two_blocks_that_meet_on_a_line_leave_it_empty() -> None:
    assert blank_templates("{{ if a }}\nx: 1\n{{ end }} {{ if b }}\ny: 2\n{{ end }}\nz: 3") == "\n\n\n\n\nz: 3"


def test_a_comment_may_hold_braces() -> None:
    assert blank_templates("{{/* see {{ x }} */}}\na: 1\n{{- /* }} */ -}}\n") == "\na: 1\n\n"


def test_an_end_without_a_block_is_an_action_like_others() -> None:
    assert blank_templates("{{ end }}\na: 1") == "\na: 1"


def test_a_word_that_only_begins_like_a_block_opens_none() -> None:
    assert blank_templates("{{ iffy }}\na: 1\n{{ .range }}\n") == "\na: 1\n\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\n{{ if x }}\nb: 2\n", "line 2: a template block without its end"),
        ("a: 1\nb: {{ x\n", "line 2: a template action without its closing braces"),
        ("{{/* x }}", "line 1: a template action without its closing braces"),
    ],
)
def test_an_unclosed_template_says_where_it_began(text: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        blank_templates(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize("text", ["{{ .x }}", "v{{ .x }}", "${TAG}", "ENC[AES256_GCM,data:x]"])
def test_values_filled_in_elsewhere_are_opaque(text: str) -> None:
    assert is_opaque(text)
