"""Server-Sent Events, wherever the chunks are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.event_stream import EventStream, StreamEvent

TEXT = b': hello\n\nid: 1\nevent: intent.declared\ndata: {"a":1}\n\nid: 2\r\ndata:x\r\ndata: y\r\n\r\n: heartbeat\n\nretry: 5\n\n'
EVENTS = [StreamEvent("1", b'{"a":1}'), StreamEvent("2", b"x\ny")]


def test_comments_and_fields_without_data_are_no_events() -> None:
    assert EventStream().feed(TEXT) == EVENTS


@given(st.sets(st.integers(0, len(TEXT))))
def test_the_same_events_come_out_however_the_bytes_are_cut(cuts: set[int]) -> None:
    stream, events, begin = EventStream(), [], 0
    for end in [*sorted(cuts), len(TEXT)]:
        events += stream.feed(TEXT[begin:end])
        begin = end
    assert events == EVENTS


def test_an_event_that_was_cut_off_is_not_given() -> None:
    assert EventStream().feed(b"id: 3\ndata: {}\n") == []
