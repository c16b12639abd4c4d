"""The parts of Kubernetes objects that observers read; everything else is skipped while decoding and never becomes an object.

Field names are those of ``k8s.io/apimachinery/pkg/apis/meta/v1``.
"""

from __future__ import annotations

import msgspec


class OwnerReference(msgspec.Struct, gc=False):
    """Who made the object."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class ManagedFields(msgspec.Struct, rename="camel", gc=False):
    """Who wrote which fields; ``fields_v1`` stays bytes until somebody asks."""

    manager: str = ""
    operation: str = ""
    time: str | None = None
    subresource: str = ""
    fields_v1: msgspec.Raw = msgspec.field(name="fieldsV1", default=msgspec.Raw(b""))


class Metadata(msgspec.Struct, rename="camel"):
    """``ObjectMeta``."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    managed_fields: list[ManagedFields] | None = None
