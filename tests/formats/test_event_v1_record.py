"""The exported record: exact there and back, canonical, and strict about what it reads."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.events import Event, EventKind, RecordedEvent, Track
from bridge.domain.names import ImageRef, Model, SourceRef, Target
from bridge.formats.event_v1 import GENESIS, chain_hash, decode_body, decode_record, encode_body, encode_record

_AT = datetime(2026, 8, 21, 16, 41, 2, 120113, tzinfo=UTC)
_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_TIME = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11, minutes=-30))])).filter(
    lambda moment: 1 < moment.year < 9999
)
_IMAGE = st.builds(ImageRef, st.none() | _TEXT, _TEXT, st.none() | _TEXT)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.builds(
    Event,
    id=_TEXT,
    kind=st.sampled_from(EventKind),
    received_at=_TIME,
    target=st.none() | st.builds(Target, _TEXT, _TEXT),
    model=st.none() | st.sampled_from(Model),
    artifacts=st.lists(_IMAGE, max_size=3).map(tuple),
    previous_artifacts=st.lists(_IMAGE, max_size=2).map(tuple),
    declared_at=st.none() | _TIME,
    source_time=st.none() | _TIME,
    intent_id=st.none() | _TEXT,
    causes=st.lists(_TEXT, max_size=2).map(tuple),
    actor=st.none() | _TEXT,
    backfilled=st.booleans(),
    source=st.none() | st.builds(SourceRef, _TEXT, _TEXT, st.none() | _TEXT, st.none() | _TEXT),
    details=st.dictionaries(_TEXT, _JSON, max_size=3),
)


def example_event(**changes: Any) -> Event:
    given_parts: dict[str, Any] = {
        "id": "01a9",
        "kind": EventKind.INTENT_DECLARED,
        "received_at": _AT,
        "target": Target("publishing-api", "production"),
        "model": Model.GITOPS,
        "artifacts": (ImageRef("ghcr.io/alphagov/publishing-api", "v1694"),),
        "declared_at": datetime(2026, 8, 21, 18, 40, 39, tzinfo=timezone(timedelta(hours=2))),
        "actor": "Zoë",
        "source": SourceRef("git", "infra", "b939f1d9", "charts/x"),
        "details": {"b": 1, "a": {"d": None, "c": [1.5]}},
    }
    return Event(**(given_parts | changes))


def example_line(**changes: Any) -> bytes:
    body = encode_body(example_event(), position=7, recorded_at=_AT)
    record = json.loads(encode_record(body, GENESIS, chain_hash(GENESIS, body)))
    record = {key: value for key, value in (record | changes).items() if value is not ...}
    return json.dumps(record).encode()


def test_the_canonical_body_is_what_its_words_promise() -> None:
    body = encode_body(example_event(), position=7, recorded_at=_AT)
    assert body.decode() == (
        '{"actor":"Zoë","artifacts":[{"digest":null,"repository":"ghcr.io/alphagov/publishing-api","tag":"v1694"}],'
        '"backfilled":false,"causes":[],"declared_at":"2026-08-21T16:40:39.000000Z",'
        '"details":{"a":{"c":[1.5],"d":null},"b":1},"environment":"production","id":"01a9","intent_id":null,'
        '"kind":"intent.declared","model":"gitops","position":7,"previous_artifacts":[],'
        '"received_at":"2026-08-21T16:41:02.120113Z","recorded_at":"2026-08-21T16:41:02.120113Z","schema":"event/1",'
        '"service":"publishing-api","source":{"kind":"git","name":"infra","path":"charts/x","revision":"b939f1d9"},'
        '"source_time":null}'
    )
    assert json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() == body


def test_the_exported_line_holds_every_key_of_the_design_and_yields_its_body_by_cutting() -> None:
    body = encode_body(example_event(), position=7, recorded_at=_AT)
    hash_hex = hashlib.sha256(GENESIS.encode() + b"\n" + body).hexdigest()
    assert chain_hash(GENESIS, body) == hash_hex
    line = encode_record(body, GENESIS, hash_hex)
    assert list(json.loads(line))[-2:] == ["previous_hash", "hash"]
    assert set(json.loads(line)) == {
        "schema", "position", "id", "kind", "model", "service", "environment", "artifacts", "previous_artifacts",
        "declared_at", "source_time", "received_at", "recorded_at", "intent_id", "causes", "actor", "backfilled", "source",
        "details", "previous_hash", "hash",
    }  # fmt: skip
    assert line[: line.rindex(b',"previous_hash"')] + b"}" == body


@given(event=EVENTS, position=st.integers(1, 2**53), recorded_at=_TIME)
def test_every_event_comes_back_as_it_was(event: Event, position: int, recorded_at: datetime) -> None:
    body = encode_body(event, position=position, recorded_at=recorded_at)
    assert decode_body(body) == (position, recorded_at, event)
    hash_hex = chain_hash(GENESIS, body)
    assert decode_record(encode_record(body, GENESIS, hash_hex)) == RecordedEvent(
        position, recorded_at, event, GENESIS, hash_hex
    )
    back = decode_body(body)
    assert encode_body(back.event, position=back.position, recorded_at=back.recorded_at) == body


def test_track_and_effective_at_are_given_from_beside_the_record() -> None:
    tracked = example_event(track=Track.GITOPS, effective_at=_AT)
    body = encode_body(tracked, position=1, recorded_at=_AT)
    assert decode_body(body, track=Track.GITOPS, effective_at=_AT).event == tracked
    assert decode_body(body).event == example_event()


def test_a_key_of_a_later_version_is_passed_over() -> None:
    assert decode_record(example_line(something_new=1)).event == example_event()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": "event/2"}, "schema"),
        ({"position": 0}, "position"),
        ({"position": "7"}, "position"),
        ({"kind": "intent.invented"}, "kind"),
        ({"model": "pull"}, "model"),
        ({"id": ...}, "id"),
        ({"declared_at": "yesterday"}, "declared_at"),
        ({"received_at": "2026-08-21T16:41:02"}, "received_at.*zone"),
        ({"recorded_at": None}, "recorded_at"),
        ({"source_time": "x"}, "source_time"),
        ({"service": None}, "service and environment"),
        ({"artifacts": [{"repository": "x", "tag": None, "digest": None}]}, "artifacts"),
        ({"hash": "short"}, "hash"),
        ({"backfilled": 0}, "backfilled"),
        ({"details": []}, "details"),
    ],
)
def test_what_is_wrong_in_a_record_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode_record(example_line(**changes))


@pytest.mark.parametrize("line", [b"", b"[]", b"\xff", b'{"schema":"\xff"}', b'{"details":' + b"[" * 5000])
def test_what_is_no_record_at_all_is_refused(line: bytes) -> None:
    for decode in (decode_record, decode_body):
        with pytest.raises(ValueError, match="event/1"):
            decode(line)


@pytest.mark.parametrize("details", [{"x": object()}, {"x": "\udcff"}])
def test_what_json_can_t_hold_is_refused_by_the_id_of_its_event(details: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="'01a9'"):
        encode_body(example_event(details=details), position=1, recorded_at=_AT)


def test_details_that_contain_themselves_are_refused() -> None:
    details: dict[str, object] = {}
    details["self"] = details
    with pytest.raises(ValueError, match="'01a9'"):
        encode_body(example_event(details=details), position=1, recorded_at=_AT)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        encode_body(example_event(declared_at=datetime(2026, 1, 1)), position=1, recorded_at=_AT)  # noqa: DTZ001
