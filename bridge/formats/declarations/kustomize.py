"""The format ``kustomize``: the images of a kustomization (or Component), and of a Flux ``Kustomization``'s ``spec``.

``newTag`` and ``digest`` are the version; a tag or digest inside ``newName`` counts where those are absent. An entry without any
of them only renames: it declares nothing itself, and what is inherited under that name gets the new one. The service is the last
segment of ``name``, which is what the manifests call the image.

Kustomize applies the entries one after the other: an entry is without effect where a later one's ``name`` is what it renames to
(``kustomize edit set image`` leaves such pairs behind). Only the last of such a chain is declared.

Inline ``patches``, ``patchesStrategicMerge`` and ``patchesJson6902`` are read too, and ``replacements`` that put an image or
its tag: see ``kustomize_patches`` and ``kustomize_replacements``. There the service is the object that is patched.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.found import (
    Format,
    Found,
    Options,
    descend,
    document_pointer,
    items_of,
    known_text,
    split_reference,
    split_tag,
    step,
)
from bridge.formats.declarations.kustomize_patches import find_in_patches
from bridge.formats.declarations.kustomize_replacements import find_in_replacements
from bridge.formats.declarations.nested_text import NestedText
from bridge.formats.declarations.yaml_text import Value

__all__ = ["FORMAT", "find_in_patches", "find_in_spec", "is_kustomization"]

_FLUX = "kustomize.toolkit.fluxcd.io/"
_TELLING = frozenset({"resources", "bases", "components", "patches", "patchesStrategicMerge", "configMapGenerator"})


def find(documents: list[Value], _options: Options) -> Iterator[Found]:
    """The pinned images of every kustomization in the file.

    Raises:
        Unreadable: ``images`` is not a list, or an inline patch is no YAML.
    """
    nested = NestedText()
    for index, document in enumerate(documents):
        pointer = document_pointer(index)
        if _is_flux(document):
            yield from find_in_spec(descend(document, "spec"), step(pointer, "spec"), nested)
        else:
            yield from find_in_spec(document, pointer, nested)


def find_renames(documents: list[Value], _options: Options) -> Iterator[Found]:
    """The entries that only rename, in order: an entry may name what the one before made."""
    for index, document in enumerate(documents):
        is_flux, pointer = _is_flux(document), document_pointer(index)
        spec, pointer = (descend(document, "spec"), step(pointer, "spec")) if is_flux else (document, pointer)
        for number, entry in enumerate(items_of(descend(spec, "images"))):
            place = f"{step(pointer, 'images')}[{number}]"
            name, new = known_text(descend(entry, "name")), known_text(descend(entry, "newName"))
            if name and new and isinstance(entry, dict) and not _read_entry(entry, place):
                yield Found(f"{place}.newName", new, None, None, _last_segment(name), part=f"image {name}")


def find_in_spec(spec: Value, pointer: str, nested: NestedText) -> Iterator[Found]:
    """The images of what has ``images`` and ``patches`` as a kustomization has them.

    Raises:
        Unreadable: as ``find``.
    """
    images = descend(spec, "images")
    if images is not None:
        if not isinstance(images, list):
            msg = f"at {step(pointer, 'images')}: expected a list of name, newName, newTag, digest"
            raise Unreadable(msg)
        yield from _read_entries(images, step(pointer, "images"))
    for key in ("patches", "patchesStrategicMerge", "patchesJson6902"):
        yield from find_in_patches(descend(spec, key), step(pointer, key), nested)
    yield from find_in_replacements(spec, pointer)


def is_kustomization(document: Value) -> bool:
    """Whether a document looks like one: by its kind, or without any by its keys."""
    if not isinstance(document, dict):
        return False
    kind = document.get("kind")
    if kind is not None:
        version = known_text(document.get("apiVersion")) or "kustomize."
        return known_text(kind) in {"Kustomization", "Component"} and version.startswith("kustomize.")
    pins = (isinstance(one, dict) and ("newTag" in one or "newName" in one) for one in items_of(document.get("images")))
    # In a chart's values, `resources` are limits: a mapping.
    return any(isinstance(document.get(key), list) for key in _TELLING) or any(pins)


def _is_flux(document: Value) -> bool:
    return (known_text(descend(document, "apiVersion")) or "").startswith(_FLUX)


def _read_entries(images: list[Value], pointer: str) -> list[Found]:
    """The effective entries, read from the end: ``taken`` holds what later entries replace the version of."""
    found: list[Found] = []
    taken: set[str] = set()
    for number in range(len(images) - 1, -1, -1):
        entry = images[number]
        if not isinstance(entry, dict) or not (image := _read_entry(entry, f"{pointer}[{number}]")):
            continue
        if image.repository not in taken:
            found.append(image)
        if name := known_text(entry.get("name")):
            taken.add(name)
    found.reverse()
    return found


def _read_entry(entry: dict[str, Value], pointer: str) -> Found | None:
    name = known_text(entry.get("name"))
    repository, named_tag, named_digest = split_reference(known_text(entry.get("newName")) or name or "")
    tag, tag_digest = split_tag(known_text(entry.get("newTag")))
    digest = known_text(entry.get("digest")) or tag_digest
    if tag:
        pointer += ".newTag"
    elif digest:
        pointer += ".digest"
    elif "newName" in entry and (named_tag or named_digest):
        tag, digest, pointer = named_tag, named_digest, pointer + ".newName"
    else:
        return None
    original = split_reference(name)[0] if name else None
    return Found(
        pointer, repository, tag, digest, _last_segment(name or repository), part=f"image {original or repository}"
    )


def _last_segment(name: str | None) -> str | None:
    repository = split_reference(name)[0] if name else None
    return repository.rsplit("/", 1)[-1] if repository else None


FORMAT = Format(find, find_renames=find_renames)
