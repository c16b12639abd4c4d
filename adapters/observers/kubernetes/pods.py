"""What pods tell that workloads do not: the digest that was really pulled for an image named by a tag.

``imageID`` is ``repository@sha256:…`` with containerd and CRI-O, ``docker-pullable://repository@sha256:…`` with old Docker; an
``imageID`` without a repository is an image's id on its node, which nobody else knows: it is not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from adapters.kubernetes_client import Described
from adapters.kubernetes_workloads.containers import WorkloadKey
from adapters.kubernetes_workloads.kinds import Kind
from adapters.kubernetes_workloads.objects import PodObject

_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")
_RUN_OF_CRON_JOB = re.compile(r"(.+)-[0-9]{6,12}\Z")  # a CronJob names its Jobs after the minute
_DIRECT = {"StatefulSet": Kind.STATEFUL_SET, "DaemonSet": Kind.DAEMON_SET, "Job": Kind.JOB}


@dataclass(frozen=True, slots=True)
class Pod:
    """What is kept of one pod. ``owners``: the workload it belongs to, or those it may belong to."""

    uid: str
    owners: tuple[WorkloadKey, ...]
    created: str
    running: bool
    digests: tuple[tuple[str, str], ...]  # image as written in the pod, digest


class PodReader:
    """Decodes pods."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(PodObject)

    def describe(self, raw: bytes | msgspec.Raw) -> Described[Pod]:
        """Read one object.

        Raises:
            msgspec.DecodeError: it is no pod.
        """
        found = self._decoder.decode(raw)
        metadata = found.metadata
        kept = Pod(
            uid=metadata.uid,
            owners=_owners(found),
            created=metadata.creation_timestamp or "",
            running=found.status.phase == "Running" and metadata.deletion_timestamp is None,
            digests=_digests(found) if found.status.phase in {"Running", "Succeeded"} else (),
        )
        return Described((metadata.namespace, metadata.name), metadata.uid, metadata.resource_version, kept)


def _owners(pod: PodObject) -> tuple[WorkloadKey, ...]:
    namespace = pod.metadata.namespace
    owner = next((each for each in pod.metadata.owner_references or () if each.controller), None)
    if owner is None:
        return ()
    if owner.kind == "ReplicaSet":
        hashed = (pod.metadata.labels or {}).get("pod-template-hash", "")
        if hashed and owner.name.endswith(f"-{hashed}"):
            return (WorkloadKey(Kind.DEPLOYMENT, namespace, owner.name.removesuffix(f"-{hashed}")),)
        return ()
    kind = _DIRECT.get(owner.kind)
    if kind is None:
        return ()
    direct = WorkloadKey(kind, namespace, owner.name)
    run = _RUN_OF_CRON_JOB.match(owner.name) if kind is Kind.JOB else None
    return (direct,) if run is None else (direct, WorkloadKey(Kind.CRON_JOB, namespace, run[1]))


def _digests(pod: PodObject) -> tuple[tuple[str, str], ...]:
    images = {each.name: each.image for each in (*pod.spec.containers, *(pod.spec.init_containers or ()))}
    found = {}
    for status in (*(pod.status.container_statuses or ()), *(pod.status.init_container_statuses or ())):
        image, digest = images.get(status.name), _DIGEST.search(status.image_id)
        if image and digest is not None and "@" not in image:
            found[image] = digest[1]
    return tuple(sorted(found.items()))
