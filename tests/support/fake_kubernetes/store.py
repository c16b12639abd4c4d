"""The state behind the fake API server: objects, one revision for all of them, and a history that can be compacted.

After etcd and the generic registry: every write has the next revision, a version of the past can be read until it is compacted,
``generation`` moves with the spec only, and ``managedFields`` say who wrote an image.
"""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]  # namespace, name


# Resources without a status subresource: a write is of the whole object, and each moves the generation.
_WHOLE = frozenset({"argoproj.io/v1alpha1/applications"})


class ConflictError(Exception):
    """Answered with 409."""


class NotFoundError(Exception):
    """Answered with 404."""


class CompactedError(Exception):
    """Answered with 410."""


@dataclass(frozen=True)
class Entry:
    """One write."""

    revision: int
    resource: str
    verb: str
    key: Key
    obj: Object
    before: Object | None


@dataclass
class Store:
    """``resource`` is such as ``apps/v1/deployments`` or ``v1/pods``."""

    revision: int = 1000
    compacted: int = 0
    objects: dict[str, dict[Key, Object]] = field(default_factory=dict)
    history: list[Entry] = field(default_factory=list)
    listeners: list[Callable[[Entry], None]] = field(default_factory=list)
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def time(self) -> str:
        """The server's clock: a second passes with every write."""
        return self.now.isoformat(timespec="seconds").replace("+00:00", "Z")

    def at(self, resource: str, revision: int) -> dict[Key, Object]:
        """The objects as they were."""
        if revision < self.compacted:
            raise CompactedError
        state = dict(self.objects.get(resource, {}))
        for entry in reversed(self.history):
            if entry.revision <= revision:
                break
            if entry.resource == resource:
                if entry.before is None:
                    state.pop(entry.key, None)
                else:
                    state[entry.key] = entry.before
        return state

    def since(self, resource: str, revision: int) -> list[Entry]:
        """Every write to a resource after ``revision``."""
        if revision < self.compacted:
            raise CompactedError
        return [entry for entry in self.history if entry.revision > revision and entry.resource == resource]

    def compact(self) -> None:
        """Forget the past."""
        self.compacted = self.revision + 1
        self.revision += 1
        self.history.clear()

    def go_back(self, revision: int) -> None:
        """Be as restored from a backup: the same objects, an older revision, and no past."""
        self.revision = revision
        self.compacted = 0
        self.history.clear()
        for objects in self.objects.values():
            for obj in objects.values():
                obj["metadata"]["resourceVersion"] = str(revision)

    def get(self, resource: str, key: Key) -> Object:
        found = self.objects.get(resource, {}).get(key)
        if found is None:
            raise NotFoundError
        return found

    def create(self, resource: str, obj: Object, manager: str = "kubectl-create") -> Object:
        obj = copy.deepcopy(obj)
        metadata = obj.setdefault("metadata", {})
        key = (metadata.get("namespace", ""), metadata["name"])
        if key in self.objects.get(resource, {}):
            raise ConflictError(f'{resource} "{key[1]}" already exists')
        metadata |= {"uid": str(uuid.UUID(int=self.revision)), "creationTimestamp": self.time(), "generation": 1}
        _own_images(metadata, {}, obj, manager, self.time())
        _own_source(metadata, {}, obj, manager, self.time())
        return self._write(resource, "ADDED", key, obj, None)

    def update(self, resource: str, obj: Object, manager: str = "kubectl-replace", *, status: bool = False) -> Object:
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        before = self.get(resource, key)
        given = obj["metadata"].get("resourceVersion")
        if given and given != before["metadata"]["resourceVersion"]:
            raise ConflictError(
                "the object has been modified; please apply your changes to the latest version and try again"
            )
        after = copy.deepcopy(before)
        if resource in _WHOLE:
            kept = {name: before["metadata"].get(name) for name in ("uid", "creationTimestamp", "managedFields")}
            after = copy.deepcopy(obj)
            after["metadata"] |= {name: copy.deepcopy(value) for name, value in kept.items() if value is not None}
            after["metadata"]["generation"] = before["metadata"]["generation"] + (after != before)
            _own_source(after["metadata"], before, after, manager, self.time())
        elif status:
            after["status"] = copy.deepcopy(obj.get("status", {}))
        else:
            kept = {
                name: before["metadata"].get(name)
                for name in ("uid", "creationTimestamp", "generation", "managedFields")
            }
            after = copy.deepcopy(obj) | ({"status": before["status"]} if "status" in before else {})
            after["metadata"] |= {name: copy.deepcopy(value) for name, value in kept.items() if value is not None}
            if after.get("spec") != before.get("spec"):
                after["metadata"]["generation"] = before["metadata"]["generation"] + 1
            _own_images(after["metadata"], before, after, manager, self.time())
        if after == before:
            return before
        return self._write(resource, "MODIFIED", key, after, before)

    def delete(self, resource: str, key: Key) -> Object:
        before = self.get(resource, key)
        return self._write(resource, "DELETED", key, copy.deepcopy(before), before)

    def _write(self, resource: str, verb: str, key: Key, obj: Object, before: Object | None) -> Object:
        self.revision += 1
        self.now += timedelta(seconds=1)
        obj["metadata"]["resourceVersion"] = str(self.revision)
        objects = self.objects.setdefault(resource, {})
        if verb == "DELETED":
            del objects[key]
        else:
            objects[key] = obj
        entry = Entry(self.revision, resource, verb, key, obj, before)
        self.history.append(entry)
        for listener in tuple(self.listeners):
            listener(entry)
        return obj


def images_of(obj: Object) -> dict[str, str]:
    """Container: image."""
    template = obj.get("spec", {}).get("template") or {}
    return {each["name"]: each.get("image", "") for each in template.get("spec", {}).get("containers", ())}


def _own_images(metadata: Object, before: Object, after: Object, manager: str, at: str) -> None:
    """The manager owns the images that it changed; nobody else owns them any more."""
    old, new = images_of(before), images_of(after)
    changed = [name for name, image in new.items() if old.get(name) != image]
    if not changed:
        return
    entries = metadata.setdefault("managedFields", [])
    for entry in entries:
        for name in changed:
            owned = entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
            owned.get(f'k:{{"name":"{name}"}}', {}).pop("f:image", None)
    owned = {f'k:{{"name":"{name}"}}': {".": {}, "f:image": {}, "f:name": {}} for name in changed}
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": owned}}}}
    entries[:] = [entry for entry in entries if entry["manager"] != manager or "f:image" in json.dumps(entry)]
    entries.append(
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "apps/v1",
            "time": at,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
    )


def _own_source(metadata: Object, before: Object, after: Object, manager: str, at: str) -> None:
    """Who wrote the source of an Application owns it; the images in it, where it has any, besides."""
    old, new = before.get("spec", {}).get("source"), after.get("spec", {}).get("source")
    if new is None or old == new:
        return
    entries = metadata.setdefault("managedFields", [])
    changed = [key for key in ("helm", "kustomize") if key in new and new[key] != (old or {}).get(key)]
    for entry in entries:
        for key in changed:
            entry["fieldsV1"].get("f:spec", {}).get("f:source", {}).pop(f"f:{key}", None)
    entries[:] = [entry for entry in entries if entry["manager"] != manager]
    owned = {"f:repoURL": {}, "f:path": {}, "f:targetRevision": {}} | {f"f:{key}": {} for key in changed}
    fields = {"f:spec": {"f:source": owned}}
    entries.append(
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "argoproj.io/v1alpha1",
            "time": at,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
    )
