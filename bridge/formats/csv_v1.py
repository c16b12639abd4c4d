"""The log as CSV (RFC 4180): one row an event, the columns of event_v1 in its order, ``source`` spread over four.

Values are exact: nothing is mangled against spreadsheets that take a leading ``=`` for a formula; import the file as text.
Null and the empty text are both an empty field. Artifacts and causes are separated by spaces, ``details`` is JSON.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec

from bridge.domain.names import ImageRef


class _Image(msgspec.Struct):
    repository: str | None
    tag: str | None
    digest: str | None


class _Source(msgspec.Struct):
    kind: str
    name: str
    revision: str | None
    path: str | None


class _Row(msgspec.Struct):
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

_NO_SOURCE = (None, None, None, None)
_decode = msgspec.json.Decoder(_Row).decode


def encode_rows(records: Sequence[bytes]) -> bytes:
    """Rows, each ended by CRLF, of event_v1 records (JSON, one a record).

    Raises:
        ValueError: a record is not event_v1; the text says what is wrong.
    """
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(_fields(_decode(record)) for record in records)
    return text.getvalue().encode()


def _fields(row: _Row) -> tuple[object, ...]:
    source = row.source
    return (
        row.schema,
        row.position,
        row.id,
        row.kind,
        row.model,
        row.service,
        row.environment,
        _references(row.artifacts),
        _references(row.previous_artifacts),
        row.declared_at,
        row.source_time,
        row.received_at,
        row.recorded_at,
        row.intent_id,
        " ".join(row.causes),
        row.actor,
        "true" if row.backfilled else "false",
        *(_NO_SOURCE if source is None else (source.kind, source.name, source.revision, source.path)),
        bytes(row.details).decode(),
        row.previous_hash,
        row.hash,
    )


def _references(images: list[_Image]) -> str:
    return " ".join(str(ImageRef(image.repository, image.tag, image.digest)) for image in images)
