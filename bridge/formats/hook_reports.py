"""From what a hook says to a report that the log can take: pushed, with an id of its own, and mapped to its target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bridge.domain.events import derive_id
from bridge.domain.facts import ObservationReported
from bridge.domain.legs import DETAIL
from bridge.domain.linking import is_commit, read_link
from bridge.domain.names import ImageRef, Phase, SourceRef, bundle, parse_image
from bridge.domain.times import format_time, parse_time
from bridge.errors import Refused
from bridge.formats.hook_settings import ReportingHookSettings
from bridge.formats.mapping import Subject, TargetMap

_LONGEST_TEXT = 300  # characters of a foreign text that is shown
_MOST_IMAGES = 64
_YEAR_OF_NOTHING = 1  # Go writes a time that is not set as that of the year 1


class HookReporter:
    """Makes the reports of one configured hook."""

    def __init__(self, kind: str, settings: ReportingHookSettings) -> None:
        """``kind`` is the hook's; its name in the log can't be an observer's."""
        self._kind = kind
        self._name = f"hook:{settings.name}"
        self._mapping = TargetMap(settings.mapping)

    @property
    def source(self) -> SourceRef:
        """Who says so."""
        return SourceRef(self._kind, self._name)

    def report(
        self,
        subject: Subject,
        phase: Phase,
        at: datetime,
        *,
        artifacts: Iterable[ImageRef] = (),
        intent_id: str | None = None,
        revision: str | None = None,
        actor: str | None = None,
        legs: Mapping[str, Mapping[str, str]] | None = None,
        details: Mapping[str, str | list[str] | None] | None = None,
    ) -> ObservationReported | None:
        """The report; None where no mapping covers the subject, or where it names more images than a target has."""
        target = self._mapping.target_of(subject)
        images = bundle(artifacts)
        if target is None or len(images) > _MOST_IMAGES:
            return None
        intent_id = read_link(intent_id)
        revision = revision if revision is not None and is_commit(revision) else None
        told = [f"{name} {claim['at']}" for name, claim in sorted((legs or {}).items())]
        said = (phase.value, format_time(at), intent_id or "", revision or "", *map(str, images), *told)
        shown = {key: _cut(value) for key, value in (details or {}).items() if value}
        return ObservationReported(
            id=derive_id("hook", self._name, target.service, target.environment, *said),
            target=target,
            artifacts=images,
            phase=phase,
            source=SourceRef(self._kind, self._name, revision),
            source_time=at,
            actor=actor[:_LONGEST_TEXT] if actor else None,
            intent_id=intent_id,
            pushed=True,
            details=shown | ({DETAIL: legs} if legs else {}),
        )


def _cut(value: str | list[str]) -> str | list[str]:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else [each[:_LONGEST_TEXT] for each in value]


def read_time(text: str, what: str) -> datetime:
    """A time of a body.

    Raises:
        Refused: it is none, or has no zone; ``what`` names the field.
    """
    try:
        return parse_time(text)
    except ValueError as error:
        raise Refused(f"{what}: {error}", field=what) from None


def time_or_none(text: str | None, what: str) -> datetime | None:
    """The same where a time may be missing, empty, or that which Go writes for none."""
    if not text:
        return None
    moment = read_time(text, what)
    return None if moment.year == _YEAR_OF_NOTHING else moment


def latest(*moments: datetime | None) -> datetime | None:
    """The latest of those that are known."""
    return max((each for each in moments if each is not None), default=None)


def from_epoch(seconds: int, what: str) -> datetime:
    """A time given in seconds since 1970.

    Raises:
        Refused: it is no time of the years 1 to 9999.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused(f"{what}: {seconds} is no time in seconds since 1970", field=what) from None


def read_images(texts: Sequence[str]) -> list[ImageRef]:
    """The references among the texts; without a tag or a digest it is ``latest``, and what is no reference is left out."""
    images = []
    for text in texts:
        name = text.partition("@")[0]
        whole = text if "@" in text or ":" in name.rpartition("/")[2] else f"{text}:latest"
        try:
            images.append(parse_image(whole))
        except ValueError:
            continue
    return images
