"""CloudEvents over HTTP (1.0.2, HTTP protocol binding): binary, structured and batched; only JSON data is read.

Which mode it is, the content type says: the batch's begins as the structured one's does, so it is looked at first.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote_to_bytes

import msgspec

from bridge.errors import Refused
from bridge.formats.hook_body import read_body

MOST_EVENTS = 500  # in one batch
_REQUIRED = ("specversion", "id", "source", "type")
_SPEC_VERSION = "1.0"
_BATCH, _STRUCTURED = "application/cloudevents-batch", "application/cloudevents"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event; (``source``, ``id``) is the same for the same occurrence. ``data`` is JSON, not read yet.

    ``time`` is as it was sent; it may be missing.
    """

    id: str
    source: str
    type: str
    data: bytes
    time: str | None = None


class _Structured(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    time: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: str | None = None


_structured = msgspec.json.Decoder(_Structured)
_batch = msgspec.json.Decoder(Annotated[list[_Structured], msgspec.Meta(max_length=MOST_EVENTS)])


def is_cloudevent(headers: Mapping[str, str]) -> bool:
    """Whether a request says that it carries CloudEvents; ``headers`` have names in lower case."""
    return "ce-specversion" in headers or headers.get("content-type", "").strip().lower().startswith(_STRUCTURED)


def read_cloudevents(headers: Mapping[str, str], body: bytes) -> list[CloudEvent]:
    """The events of a request; ``headers`` have names in lower case.

    Raises:
        Refused: it is no CloudEvent, of another version of the specification, or its data is not JSON.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type.startswith(_BATCH):
        return [_from_structured(each) for each in read_body(_batch, {}, body)]
    if content_type.startswith(_STRUCTURED):
        return [_from_structured(read_body(_structured, {}, body))]
    return [_from_binary(headers, body)]


def _from_structured(event: _Structured) -> CloudEvent:
    _expect_version(event.specversion)
    data = bytes(event.data)
    if event.data_base64 is not None:
        try:
            data = base64.b64decode(event.data_base64, validate=True)
        except (binascii.Error, ValueError):
            raise Refused("data_base64 is not base64", field="data_base64") from None
    return CloudEvent(event.id, event.source, event.type, data, event.time)


def _from_binary(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    given = {name: _header_value(name, headers[f"ce-{name}"]) for name in _REQUIRED if f"ce-{name}" in headers}
    missing = [f"ce-{name}" for name in _REQUIRED if not given.get(name)]
    if missing:
        msg = (
            f"this is no CloudEvent: the headers {', '.join(missing)} are missing, and the content type is neither "
            "application/cloudevents+json nor application/cloudevents-batch+json"
        )
        raise Refused(msg)
    _expect_version(given["specversion"])
    time = _header_value("time", headers["ce-time"]) if "ce-time" in headers else None
    return CloudEvent(given["id"], given["source"], given["type"], body, time)


def _expect_version(version: str) -> None:
    if version != _SPEC_VERSION:
        msg = f"CloudEvents of version {version[:20]!r} are not read: expected {_SPEC_VERSION}"
        raise Refused(msg, field="specversion")


def _header_value(name: str, text: str) -> str:
    """Unquote, then decode one round of percent-encoding, which must be UTF-8."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise Refused(f"the header ce-{name} is not percent-encoded UTF-8", field=f"ce-{name}") from None
