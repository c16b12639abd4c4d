from __future__ import annotations

import csv
import io
from dataclasses import replace

import msgspec
import pytest

from bridge.domain.events import Event
from bridge.domain.names import SourceRef
from bridge.formats.csv_v1 import COLUMNS, HEADER, encode_rows
from tests.support.events import intent, lines_of, shop

DECLARED = intent("a", "v2", minute=10)


def rows(*events: Event) -> list[dict[str, str]]:
    text = (HEADER + encode_rows(lines_of(events))).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_the_columns_are_the_records_keys_with_the_source_spread_out() -> None:
    (line,) = lines_of([DECLARED])
    keys = set(msgspec.json.decode(line))
    assert keys - {"source"} == {column for column in COLUMNS if not column.startswith("source_")} | {"source_time"}
    assert {"source_kind", "source_name", "source_revision", "source_path"} <= set(COLUMNS)
    assert COLUMNS[:4] == ("schema", "position", "id", "kind")
    assert COLUMNS[-1] == "hash"


def test_a_row_holds_the_records_values() -> None:
    (row,) = rows(
        replace(DECLARED, previous_artifacts=(shop("v1"),), source=SourceRef("git", "infra", "b" * 40, "a/b"))
    )
    assert row["position"] == "1"
    assert row["kind"] == "intent.declared"
    assert row["artifacts"] == "ghcr.io/acme/shop:v2"
    assert row["previous_artifacts"] == "ghcr.io/acme/shop:v1"
    assert row["declared_at"] == "2026-03-02T12:10:00.000000Z"
    assert row["backfilled"] == "false"
    assert (row["source_revision"], row["source_path"]) == ("b" * 40, "a/b")
    assert len(row["hash"]) == 64


def test_nulls_are_empty_fields() -> None:
    (row,) = rows(replace(DECLARED, actor=None, target=None, source=None))
    assert [row[name] for name in ("actor", "service", "environment", "source_kind", "source_time")] == [""] * 5


def test_several_artifacts_are_separated_by_spaces() -> None:
    images = (shop("v2", "sha256:" + "a" * 64), shop("v3"))
    (row,) = rows(replace(DECLARED, artifacts=images))
    assert row["artifacts"].split() == [str(image) for image in images]


@pytest.mark.parametrize(
    "actor", ['a "quoted" name', "comma, name", "two\nlines", "cr\rhere", "crlf\r\nhere", "=1+1", " ü☃ "]
)
def test_awkward_text_comes_back_exactly(actor: str) -> None:
    (row,) = rows(replace(DECLARED, actor=actor))
    assert row["actor"] == actor


def test_details_are_json() -> None:
    details = {"reason": 'a "b", c', "commits": [{"sha": "f"}]}
    (row,) = rows(replace(DECLARED, details=details))
    assert msgspec.json.decode(row["details"]) == details


def test_rows_end_with_crlf_and_are_as_many_as_the_events() -> None:
    text = encode_rows(lines_of([DECLARED, intent("b", "v3", minute=11)]))
    assert text.endswith(b"\r\n")
    assert text.count(b"\r\n") == 2


def test_a_record_that_is_none_is_refused_with_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="position"):
        encode_rows([b'{"schema":"event/1","id":"a","kind":"b"}'])
