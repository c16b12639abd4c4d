"""What an observer remembers of one workload from change to change, and when it counts as rolled out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from adapters.kubernetes_client import Image
from adapters.kubernetes_workloads.ownership import ImageOwner
from adapters.kubernetes_workloads.rollout import Progress
from bridge.domain.names import Phase


class AnyWorkload(Protocol):
    """A workload as any of the observers keeps it."""

    @property
    def images(self) -> Sequence[Image]:
        """Of its containers that count."""

    @property
    def progress(self) -> Progress:
        """How far its rollout is."""

    @property
    def owner(self) -> ImageOwner | None:
        """Who wrote its images last."""

    @property
    def created(self) -> str:
        """As the server wrote it."""


_Kept = TypeVar("_Kept", bound=AnyWorkload)


@dataclass(slots=True)
class Remembered(Generic[_Kept]):
    """One workload and what is remembered of it. ``take`` each version of it, also the first."""

    workload: _Kept
    changed: tuple[str, int] = (
        "",
        0,
    )  # when its images changed: the cluster's claim, then the order in which it was seen
    live_images: tuple[str, ...] | None = None  # with which it was rolled out; None: not with those it has
    phase: Phase = Phase.STARTED

    @property
    def texts(self) -> tuple[str, ...]:
        """The images as written."""
        return tuple(image.text for image in self.workload.images)

    def take(self, workload: _Kept, order: int, *, first: bool) -> None:
        """Go on to this version, which was seen as the ``order``-th of all."""
        before = self.texts
        self.workload = workload
        if first or self.texts != before:
            claimed = (workload.owner.time if workload.owner is not None else None) or workload.created
            self.changed = (max(claimed, self.changed[0]), order)
        if self.live_images != self.texts:
            self.live_images = None
        self.phase = workload.progress.phase(was_live=self.live_images is not None, first_seen=first)
        if self.phase is Phase.LIVE:
            self.live_images = self.texts
