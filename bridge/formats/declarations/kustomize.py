"""The format ``kustomize``: the ``images`` of a kustomization (or Component), by name.

``newTag`` and ``digest`` are the version; a tag or digest inside ``newName`` counts where those are absent. An entry without any
of them only renames and declares nothing. The service is the last segment of ``name``, which is what the manifests call the image.

Kustomize applies the entries one after the other: an entry is without effect where a later one's ``name`` is what it renames to
(``kustomize edit set image`` leaves such pairs behind). Only the last of such a chain is declared.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.found import (
    Format,
    Found,
    Options,
    document_pointer,
    known_text,
    split_reference,
    split_tag,
)
from bridge.formats.declarations.yaml_text import Value


def find(documents: list[Value], _options: Options) -> Iterator[Found]:
    """The pinned images of every kustomization in the file.

    Raises:
        Unreadable: ``images`` is not a list.
    """
    for index, document in enumerate(documents):
        images = document.get("images") if isinstance(document, dict) else None
        if images is None:
            continue
        if not isinstance(images, list):
            msg = "at images: expected a list of name, newName, newTag, digest"
            raise Unreadable(msg)
        yield from _read_entries(images, f"{document_pointer(index)}images")


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
    return Found(pointer, repository, tag, digest, _last_segment(name or repository))


def _last_segment(name: str | None) -> str | None:
    repository = split_reference(name)[0] if name else None
    return repository.rsplit("/", 1)[-1] if repository else None


FORMAT = Format(find)
