"""Which format a file is in, told by its content: what one of the formats finds images in, the most specific one first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.formats.declarations import auto, setters
from bridge.formats.declarations.catalog import FORMATS
from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.found import Format, Found
from bridge.formats.declarations.proposals.seen_files import Recognised
from bridge.formats.declarations.yaml_text import Value, parse_documents, read_text

_READABLE = re.compile(r"\.(?:ya?ml|json|gotmpl|env)\Z|(?:\A|/)\.env[^/]*\Z|(?:\A|/)[^/.]+\Z", re.IGNORECASE)
_TEMPLATED = ".gotmpl"
_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_TAG_KEY = re.compile(
    r"([A-Za-z][A-Za-z0-9_.-]*?)(?:[_.-](?:docker|image|container|DOCKER|IMAGE|CONTAINER))?(?:[_.-](?:tag|TAG)|(?:Image)?Tag)\Z"
)
_REPOSITORY_KEYS = ("_IMAGE_REPOSITORY", "_REPOSITORY", "_IMAGE_NAME", "_IMAGE")
_MOST_TAGS = 40  # of one file: beyond that a rule is no help to a reader
_ONE_TAG = ("image_tag", "imageTag", "image-tag", "tag", "IMAGE_TAG", "TAG")
_VERSION = re.compile(r"(?:latest|[\w.-]*[0-9][\w.-]*)(?:@sha256:[0-9a-f]{64})?\Z")
_DIGEST_KEYS = ("image_digest", "imageDigest", "digest")


@dataclass(frozen=True, slots=True)
class _NoOptions:
    """Formats are asked what they find without being pointed at anything."""

    tag: str | None = None
    image: str | None = None
    digest: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    repositories: Mapping[str, str] = field(default_factory=dict)
    pattern: str | None = None
    charts: bool = False


def recognise(path: str, data: bytes) -> Recognised | None:
    """The format of one file; None where no format finds an image in it, or it can't be read."""
    if _READABLE.search(path) is None:
        return None
    for templated in (path.endswith(_TEMPLATED), True):
        try:
            text = read_text(data, templated=templated)
            return _recognise(path, text, parse_documents(text), templated=templated)
        except Unreadable:
            if b"{{" not in data:
                return None
    return None


def _recognise(path: str, text: str, documents: list[Value], *, templated: bool) -> Recognised | None:
    for name in _candidates(path, text, documents):
        if found := _find(FORMATS[name], text, documents):
            return Recognised(name, templated, _services(found), also=_also(documents, name))
    options = _keys_options(documents)
    if options is None:
        return None
    tags = options.get("tags")
    return Recognised("keys", templated, frozenset(tags) if isinstance(tags, dict) else frozenset(), options)


def _find(known: Format, text: str, documents: list[Value]) -> list[Found]:
    if known.find is not None:
        return list(known.find(documents, _NoOptions()))
    return list(known.find_in_text(text, _NoOptions())) if known.find_in_text is not None else []


def _candidates(path: str, text: str, documents: list[Value]) -> list[str]:
    """The formats by name, the most telling first: what the documents are, then the markers of image automation."""
    file = path.rpartition("/")[2]
    if file in _KUSTOMIZATIONS:
        return ["kustomize"]
    shown = dict.fromkeys(filter(None, map(auto.recognise, documents)))
    return [*shown, *(["setters"] if setters.has_markers(text) else [])]


def _also(documents: list[Value], own: str) -> frozenset[str]:
    """The other formats that find something: a chart's values in a manifest, say."""
    others = set()
    for name, each in FORMATS.items():
        if name == own or each.strict or each.find is None:
            continue
        try:
            if next(each.find(documents, _NoOptions()), None) is not None:
                others.add(name)
        except Unreadable:
            others.add(name)
    return frozenset(others)


def _services(found: list[Found]) -> frozenset[str]:
    return frozenset(each.service for each in found if each.service is not None)


def _keys_options(documents: list[Value]) -> dict[str, object] | None:
    """The settings of a rule for one flat mapping of tags; None where it is none."""
    (mapping,) = documents if len(documents) == 1 else (None,)
    if not isinstance(mapping, dict) or "apiVersion" in mapping:
        return None
    texts = {key: value for key, value in mapping.items() if isinstance(value, str) and value}
    for key in _ONE_TAG:
        if key in texts and _VERSION.match(texts[key]) and len(mapping) <= 12:  # noqa: PLR2004 - a small file about one image
            digest = next((name for name in _DIGEST_KEYS if name in texts), None)
            return {"tag": key, **({"digest": digest} if digest else {})}
    tags = {key: match[1] for key, text in texts.items() if (match := _TAG_KEY.match(key)) and _VERSION.match(text)}
    if not tags or len(tags) > _MOST_TAGS:
        return None
    named = {_service_name(word): key for key, word in tags.items()}
    repositories = {
        _service_name(word): word + suffix
        for word in tags.values()
        for suffix in _REPOSITORY_KEYS
        if word + suffix in texts
    }
    options: dict[str, object] = {"tags": {name: _dotted(key) for name, key in sorted(named.items())}}
    if repositories:
        options["repositories"] = {name: _dotted(key) for name, key in sorted(repositories.items())}
    return options


def _service_name(word: str) -> str:
    return word.lower().replace("_", "-").strip("-.")


def _dotted(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
