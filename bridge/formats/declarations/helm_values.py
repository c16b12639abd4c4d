"""The format ``helm-values``: images at any depth of a chart's values.

Read are ``image: {registry, repository, tag, digest}`` (also ``repo``, ``sha``), ``image: "ref"`` with or without ``imageTag`` or
``tag`` beside it, ``imageTag`` with ``imageRepository``, the same under ``<x>Image``, and any mapping with ``repository`` and
``tag`` or ``digest`` (``images: {web: …}`` is ``web``). An image without a version declares nothing: the chart decides.

The service is the last key above the image (``shop.web.image`` is ``web``); where one file has two different places that end
in the same key, both are called by their whole path (``shop.web``, ``blog.web``). At the top, ``webImage`` is ``web`` and
``image`` is called after the file's directory. An item of a list is called by its ``name``, or else after the list.

A Compose file is read the same way: ``services: {web: {image: "ref"}}`` is ``web``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

from bridge.formats.declarations.found import (
    Format,
    Found,
    Options,
    check_number,
    document_pointer,
    known_text,
    name_from_directory,
    split_reference,
    split_tag,
    step,
)
from bridge.formats.declarations.yaml_text import Value

_HEX = re.compile(r"[0-9a-f]{64}\Z")
_REPOSITORY_KEYS = ("repository", "repo", "name", "image")  # `image: {image: …}`: ingress-nginx
_VERSION_KEY = re.compile(r"(?:\.(?:tag|digest|repository|name)|Tag|Digest)\Z")  # below, or in the name of, an image
_Place: TypeAlias = tuple[str, ...]  # the names above an image


def find(documents: list[Value], _options: Options) -> Iterator[Found]:
    """The images of the values, in the order of the file."""
    seen: list[Found] = []
    for index, document in enumerate(documents):
        seen.extend(search(document, document_pointer(index)))
        check_number(len(seen))
    yield from _named(seen)


def find_renames(documents: list[Value], _options: Options) -> Iterator[Found]:
    """The images that have a repository and no version: ``image: {repository: mirror/shop}``, called as they would be with one."""
    seen: list[Found] = []
    renames: list[Found] = []
    for index, document in enumerate(documents):
        seen.extend(search(document, document_pointer(index)))
        renames.extend(_search_renames(document, (), document_pointer(index)))
        check_number(len(renames))
    yield from (found for found in _named([*seen, *renames]) if not found.tag and not found.digest)


def _search_renames(value: Value, place: _Place, pointer: str) -> Iterator[Found]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            name = known_text(item.get("name")) if isinstance(item, dict) else None
            yield from _search_renames(item, (*place, name) if name else place, f"{pointer}[{index}]")
    elif isinstance(value, dict):
        for key, child in value.items():
            at = step(pointer, key)
            is_image = isinstance(child, dict) and (key == "image" or key.endswith("Image"))
            if isinstance(child, dict) and is_image and not _read_image(value, key, child, pointer):
                registry, repository = known_text(child.get("registry")), known_text(child.get("repository"))
                if repository:
                    whole = f"{registry}/{repository}" if registry else repository
                    yield Found(f"{at}.repository", whole, None, None, keys=place or _place_of(key), part=f"at {at}")
            elif isinstance(child, list | dict):
                yield from _search_renames(child, (*place, key), at)


def search(value: Value, pointer: str) -> list[Found]:
    """The images at any depth, each with the names above it (``keys``) and without a service.

    Raises:
        Unreadable: more than a file has.
    """
    if isinstance(value, dict) and isinstance(value.get("services"), dict):
        # A Compose file's extension fields are parts that services merge: no services themselves.
        value = {key: child for key, child in value.items() if not key.startswith("x-")}
    images: list[Found] = []
    for place, found in _search(value, (), pointer):
        check_number(len(images) + 1)
        images.append(replace(found, keys=place, part="at " + _VERSION_KEY.sub("", found.pointer)))
    return images


def _named(seen: list[Found]) -> Iterator[Found]:
    places: defaultdict[str, set[_Place]] = defaultdict(set)
    for found in seen:
        if found.keys:
            places[found.keys[-1]].add(found.keys)
    for found in seen:
        if found.keys:
            last = found.keys[-1]
            yield replace(found, service=last if len(places[last]) == 1 else ".".join(found.keys))
        else:
            yield found


def _search(value: Value, place: _Place, pointer: str) -> Iterator[tuple[_Place, Found]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            name = known_text(item.get("name")) if isinstance(item, dict) else None
            here, at = (*place, name) if name else place, f"{pointer}[{index}]"
            if isinstance(item, dict) and _is_image(item) and (found := _read_mapping(item, at)):
                yield here, found
            else:
                yield from _search(item, here, at)
    elif isinstance(value, dict):
        yield from _search_mapping(value, place, pointer)


def _search_mapping(values: dict[str, Value], place: _Place, pointer: str) -> Iterator[tuple[_Place, Found]]:
    for key, child in values.items():
        if key == "image" or key.endswith("Image"):
            found = _read_image(values, key, child, pointer)
            if found is not None:
                yield place or _place_of(key), found
                continue
        elif key in {"imageTag", "imageDigest"} and "image" not in values:
            if key == "imageTag" or not known_text(values.get("imageTag")):
                yield from ((place, found) for found in _read_flat(values, pointer))
            continue
        elif isinstance(child, dict) and _is_image(child) and (found := _read_mapping(child, step(pointer, key))):
            yield (*place, key), found
            continue
        if isinstance(child, list | dict):
            yield from _search(child, (*place, key), step(pointer, key))


def _is_image(values: dict[str, Value]) -> bool:
    """Whether a mapping is an image whatever it is called, as in ``images: {web: {repository: …, tag: …}}``."""
    return bool(
        known_text(values.get("repository")) and (known_text(values.get("tag")) or known_text(values.get("digest")))
    )


def _place_of(key: str) -> _Place:
    prefix = key.removesuffix("Image")
    return (prefix,) if prefix and prefix != key else ()


def _read_image(values: dict[str, Value], key: str, child: Value, pointer: str) -> Found | None:
    if isinstance(child, dict):
        return _read_mapping(child, step(pointer, key))
    if not isinstance(child, str):
        return None
    if (text := known_text(child)) is not None:
        repository, tag, digest = split_reference(text)
        if tag or digest:
            return Found(step(pointer, key), repository, tag, digest)
    else:
        repository = None
    for sibling in (f"{key}Tag", f"{key}Digest", *(("tag", "digest") if key == "image" else ())):
        version = known_text(values.get(sibling))
        if version:
            tag, digest = (None, version) if sibling.lower().endswith("digest") else split_tag(version)
            return Found(step(pointer, sibling), repository, tag, digest)
    return None


def _read_mapping(image: dict[str, Value], pointer: str) -> Found | None:
    tag, tag_digest = split_tag(known_text(image.get("tag")))
    digest_key, own_digest = _read_digest(image)
    digest = own_digest or tag_digest
    named_by = next((key for key in _REPOSITORY_KEYS if known_text(image.get(key))), "")
    repository, registry = known_text(image.get(named_by)), known_text(image.get("registry"))
    if repository and not tag and not digest:
        repository, tag, digest = split_reference(repository)
        pointer = step(pointer, named_by)
    elif tag or digest:
        pointer = step(pointer, "tag" if tag else digest_key)
    if not tag and not digest:
        return None
    return Found(pointer, f"{registry}/{repository}" if registry and repository else repository, tag, digest)


def _read_digest(image: dict[str, Value]) -> tuple[str, str | None]:
    """Its key and what it says. Charts that write ``@sha256:`` themselves take the bare number: Grafana's as ``sha``."""
    if text := known_text(image.get("digest")):
        return "digest", f"sha256:{text}" if _HEX.match(text) else text
    text = (known_text(image.get("sha")) or "").removeprefix("sha256:")
    return ("sha", f"sha256:{text}") if _HEX.match(text) else ("digest", None)


def _read_flat(values: dict[str, Value], pointer: str) -> Iterator[Found]:
    tag, tag_digest = split_tag(known_text(values.get("imageTag")))
    digest = known_text(values.get("imageDigest")) or tag_digest
    if tag or digest:
        repository = known_text(values.get("imageRepository")) or known_text(values.get("imageName"))
        yield Found(step(pointer, "imageTag" if tag else "imageDigest"), repository, tag, digest)


FORMAT = Format(find, find_renames=find_renames, has_keys=True, named_after_path=name_from_directory)
