"""Which Argo CD it is, and what it can't tell. The API says its version; a cluster shows it by the fields that its objects have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from adapters.observers.argocd.decode import Application

_NO_IMAGES = "which images a sync applied (since 3.1): they are read off its pods, also old and injected ones"
_NO_SINCE = "since when an Application is healthy (since 3.0): live is when the sync ended, or when it was seen"
_API = (
    "what happened while nobody listened, but for the history's successful syncs: the API can't go on where it was; "
    "watch the cluster instead where you can"
)


@dataclass(slots=True)
class Abilities:
    """What was seen of it so far."""

    by_api: bool
    server: str | None = None  # as the server calls itself
    _images: bool | None = None
    _since: bool | None = None
    _said: set[str] = field(default_factory=set)

    def see(self, applications: Iterable[Application]) -> None:
        """Note which fields there are."""
        if self._images and self._since:
            return
        for app in applications:
            if app.tells_images is not None:
                self._images = self._images or app.tells_images
            if app.health != "Unknown":
                self._since = self._since or app.health_since is not None

    def details(self) -> dict[str, object]:
        """JSON-ready, for ``/readyz``."""
        return {
            "reads": "the Argo CD API" if self.by_api else "the cluster",
            "server": self.server,
            "argocd": self._version(),
            "cannot_tell": list(self.cannot_tell()),
        }

    def cannot_tell(self) -> Iterator[str]:
        """What is missing, and what is done instead."""
        if self._images is False:
            yield _NO_IMAGES
        if self._since is False:
            yield _NO_SINCE
        if self.by_api:
            yield _API

    def news(self) -> list[str]:
        """What can't be told and was not said yet."""
        new = [each for each in self.cannot_tell() if each not in self._said]
        self._said.update(new)
        return new

    def _version(self) -> str | None:
        if self.by_api:
            return self.server
        if self._images:
            return "3.1 or newer, by its fields"
        if self._since is None:
            return None
        if not self._since:
            return "older than 3.0, by its fields"
        return "3.0, by its fields" if self._images is False else "3.0 or newer, by its fields"
