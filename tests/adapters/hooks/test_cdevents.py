"""CDEvents of both versions, in every mode of CloudEvents over HTTP."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.facts import ObservationReported
from bridge.domain.names import ImageRef, Phase, Target
from bridge.domain.side_notes import Incident, Publication, merge_incident
from bridge.errors import Refused
from bridge.formats.cloudevents import MOST_EVENTS
from bridge.ports import HookMessage
from tests.support.report_deliveries import DIGEST, carried, cdevent, decode, enveloped

STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
AT = datetime(2026, 3, 2, 12, 4, 5, 315384, tzinfo=UTC)


def binary(event: dict[str, Any], **settings: Any) -> HookMessage | None:
    return decode("cdevents", event, carried(event), **settings)


def said(message: HookMessage | None) -> HookMessage:
    assert message is not None
    return message


@pytest.mark.parametrize("version", ["0.4.1", "0.5.1"])
def test_the_three_modes_say_the_same(version: str) -> None:
    event = cdevent(version=version)
    packed = enveloped(event)
    del packed["data"]
    packed["data_base64"] = base64.b64encode(json.dumps(event).encode()).decode()
    messages = [
        binary(event),
        decode("cdevents", enveloped(event), STRUCTURED),
        decode("cdevents", packed, STRUCTURED),
        decode("cdevents", [enveloped(event)], BATCH),
    ]
    assert messages == [messages[0]] * 4
    (report,) = said(messages[0]).reports
    assert isinstance(report, ObservationReported)
    assert (report.target, report.phase, report.source_time) == (Target("shop", "production"), Phase.LIVE, AT)
    assert report.artifacts == (ImageRef("ghcr.io/acme/shop", "v2", DIGEST),)
    assert report.pushed


@pytest.mark.parametrize("predicate", ["deployed", "upgraded", "rolledback"])
def test_whatever_way_a_service_came_to_run_it_runs(predicate: str) -> None:
    (report,) = said(binary(cdevent(f"service.{predicate}"))).reports
    assert isinstance(report, ObservationReported)
    assert (report.phase, report.details["predicate"]) == (Phase.LIVE, predicate)


def test_a_removed_service_is_gone() -> None:
    (report,) = said(binary(cdevent("service.removed", artifactId=None))).reports
    assert isinstance(report, ObservationReported)
    assert (report.phase, report.artifacts) == (Phase.GONE, ())


def test_an_intent_that_the_sender_carries_along_is_linked() -> None:
    event = cdevent() | {"customData": {"deploybridge-intent": "intent-1", "more": [1]}}
    (report,) = said(binary(event)).reports
    assert isinstance(report, ObservationReported)
    assert report.intent_id == "intent-1"
    for custom in ("text", [1], {"deploybridge-intent": 5}):
        (report,) = said(binary(cdevent() | {"customData": custom})).reports
        assert isinstance(report, ObservationReported)
        assert report.intent_id is None


def test_what_a_bridge_exported_is_no_news_to_a_bridge() -> None:
    assert binary(cdevent() | {"customData": {"deploybridge": {"intentId": "x"}}}) is None


def test_events_that_concern_no_deployment_are_left_alone() -> None:
    for kind in ("pipelinerun.finished", "environment.created", "service.published", "build.started"):
        assert binary(cdevent(kind)) is None
    custom = cdevent()
    custom["context"]["type"] = "dev.cdeventsx.acme-deployment.missed.0.1.0"
    assert binary(custom) is None
    assert binary(cdevent(environment=None)) is None
    assert binary(cdevent(artifactId="pkg:npm/shop@1.0.0")) is None


def test_a_batch_is_read_whole_and_says_each() -> None:
    events = [
        cdevent(),
        cdevent("artifact.published"),
        cdevent("incident.detected", service={"id": "shop"}, description="Slow"),
    ]
    events[1]["subject"]["id"] = events[0]["subject"]["content"]["artifactId"]
    message = said(decode("cdevents", [enveloped(each) for each in events], BATCH))
    publication, incident = message.notes
    assert len(message.reports) == 1
    assert isinstance(publication, Publication)
    assert (publication.artifact, publication.published_at) == (ImageRef("ghcr.io/acme/shop", "v2", DIGEST), AT)
    assert isinstance(incident, Incident)
    assert (incident.target, incident.title, incident.ended_at) == (Target("shop", "production"), "Slow", None)


def test_an_incident_is_one_whatever_is_told_of_it_and_in_whichever_order() -> None:
    told = []
    for predicate, minute in (("detected", 4), ("reported", 5), ("resolved", 9)):
        event = cdevent(f"incident.{predicate}", service={"id": "shop"})
        event["subject"]["id"] = "incident-7"
        event["context"]["timestamp"] = f"2026-03-02T12:{minute:02}:00Z"
        (note,) = said(binary(event)).notes
        assert isinstance(note, Incident)
        told.append(note)
    forwards = merge_incident(merge_incident(merge_incident(None, told[0]), told[1]), told[2])
    backwards = merge_incident(merge_incident(merge_incident(None, told[2]), told[1]), told[0])
    assert forwards == backwards
    assert (forwards.started_at.minute, forwards.ended_at and forwards.ended_at.minute) == (4, 9)


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({}, cdevent(), "ce-specversion, ce-id, ce-source, ce-type"),
        (carried(cdevent()) | {"ce-specversion": "0.3"}, cdevent(), "expected 1.0"),
        (carried(cdevent()) | {"ce-id": "%C0%A0"}, cdevent(), "ce-id is not percent-encoded UTF-8"),
        (carried(cdevent()) | {"ce-id": "another"}, cdevent(), "context.id"),
        (carried(cdevent()), cdevent() | {"context": {}}, "context"),
        (carried(cdevent(version="0.3.0")), cdevent(version="0.3.0"), "expected 0.4.1 or 0.5.1"),
        (STRUCTURED, enveloped(cdevent()) | {"specversion": "2.0"}, "expected 1.0"),
        (STRUCTURED, {**enveloped(cdevent()), "data_base64": "***"}, "data_base64"),
        (
            STRUCTURED,
            {"specversion": "1.0", "id": "1", "source": "/", "type": cdevent()["context"]["type"]},
            "not JSON",
        ),
        (STRUCTURED, [], "object"),
        (BATCH, enveloped(cdevent()), "array"),
        (BATCH, [enveloped(cdevent())] * (MOST_EVENTS + 1), "length"),
    ],
)
def test_what_is_no_cdevent_is_refused_naming_the_part(headers: dict[str, str], body: Any, message: str) -> None:
    with pytest.raises(Refused, match=message):
        decode("cdevents", body, headers)


def test_an_image_that_can_not_be_read_is_refused_and_a_time_too() -> None:
    for event in (cdevent(artifactId="pkg:oci/"), cdevent(artifactId="pkg:oci/shop?tag=v1%0A")):
        with pytest.raises(Refused, match="artifactId"):
            binary(event)
    event = cdevent()
    event["context"]["timestamp"] = "2026-03-02 12:00"
    with pytest.raises(Refused, match="timestamp"):
        binary(event)


def test_a_deeply_nested_body_is_refused_in_every_mode() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    for headers in (STRUCTURED, BATCH, carried(cdevent())):
        with pytest.raises(Refused):
            decode("cdevents", deep, headers)
    inner = json.dumps(cdevent())[:-1].encode() + b', "customData": ' + deep + b"}"
    with pytest.raises(Refused, match="nested"):
        decode("cdevents", inner, carried(cdevent()))


def test_header_values_are_unquoted_and_decoded_once() -> None:
    event = cdevent()
    event["context"]["source"] = 'a "b" ü%20'
    for written in ("a%20%22b%22%20%C3%BC%2520", "a%20%22b%22%20%c3%bc%2520", '"a \\"b\\" %C3%BC%2520"'):
        assert decode("cdevents", event, carried(event) | {"ce-source": written}) is not None


@settings(deadline=None)  # the first example imports the adapter
@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=4), st.binary(max_size=60))
def test_nothing_that_is_posted_breaks_the_reader(headers: dict[str, str], body: bytes) -> None:
    for mode in ({}, STRUCTURED, BATCH, carried(cdevent())):
        with suppress(Refused):
            decode("cdevents", body, {**headers, **mode})
