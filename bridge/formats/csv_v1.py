"""The log as CSV (RFC 4180): one row an event, the columns of event_v1 in its order, ``source`` spread over four.

Values are exact: nothing is mangled against spreadsheets that take a leading ``=`` for a formula; import the file as text.
Null and the empty text are both an empty field. Artifacts and causes are separated by spaces, ``details`` is JSON.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec


class _Image(msgspec.Struct, gc=False):
    repository: str | None
    tag: str | None
    digest: str | None


class _Source(msgspec.Struct, gc=False):
    kind: str
    name: str
    revision: str | None
    path: str | None


class _Row(msgspec.Struct, gc=False):
    schema: str
    position: int
    id: str
    kind: str
    model: str | None
    service: str | None
    environment: str | None
    artifacts: list[_Image]
    previous_artifacts: list[_Image]
    declared_at: str | None
    source_time: str | None
    received_at: str
    recorded_at: str
    intent_id: str | None
    causes: list[str]
    actor: str | None
    backfilled: bool
    source: _Source | None
    details: msgspec.Raw
    previous_hash: str
    hash: str


_SOURCE_COLUMNS = ("source_kind", "source_name", "source_revision", "source_path")
COLUMNS: tuple[str, ...] = tuple(
    column for field in _Row.__struct_fields__ for column in (_SOURCE_COLUMNS if field == "source" else (field,))
)
HEADER: bytes = ",".join(COLUMNS).encode() + b"\r\n"

_NO_SOURCE = ("", "", "", "")
_decode = msgspec.json.Decoder(_Row).decode
_needs_quotes = re.compile(r'[",\r\n]').search
_is_special = re.compile(r'["\r\n]').search


def encode_rows(records: Sequence[bytes]) -> bytes:
    """Rows, each ended by CRLF, of event_v1 records (JSON, one a record).

    Raises:
        ValueError: a record is not event_v1; the text says what is wrong.
    """
    return "".join([_line(_decode(record)) for record in records]).encode()


def _line(row: _Row) -> str:
    source = row.source
    fields = [
        row.schema,
        str(row.position),
        row.id,
        row.kind,
        row.model or "",
        row.service or "",
        row.environment or "",
        _references(row.artifacts),
        _references(row.previous_artifacts),
        row.declared_at or "",
        row.source_time or "",
        row.received_at,
        row.recorded_at,
        row.intent_id or "",
        " ".join(row.causes),
        row.actor or "",
        "true" if row.backfilled else "false",
        *(_NO_SOURCE if source is None else (source.kind, source.name, source.revision or "", source.path or "")),
    ]
    written = ",".join(fields)
    if written.count(",") >= len(fields) or _is_special(written):  # rare: only then each field is looked at
        written = ",".join(map(_field, fields))
    return f"{written},{_field(bytes(row.details).decode())},{row.previous_hash},{row.hash}\r\n"


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _needs_quotes(text) else text


def _references(images: list[_Image]) -> str:
    return " ".join([_reference(image) for image in images])


def _reference(image: _Image) -> str:
    """As ``str`` of an ImageRef writes it."""
    tag = "" if image.tag is None else f":{image.tag}"
    digest = "" if image.digest is None else f"@{image.digest}"
    return f"{image.repository or ''}{tag}{digest}"
