"""The format ``argocd-source``: the ``.argocd-source.yaml`` and ``.argocd-source-APP.yaml`` that override an Application's source.

They are what Argo CD Image Updater writes. The service is the application in the file's name, or else the file's directory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.formats.declarations.argo_sources import find_in_source
from bridge.formats.declarations.found import (
    Format,
    Found,
    Options,
    descend,
    document_pointer,
    name_from_directory,
)
from bridge.formats.declarations.nested_text import NestedText
from bridge.formats.declarations.yaml_text import Value

_PREFIX, _SUFFIX = ".argocd-source-", ".yaml"


def find(documents: list[Value], options: Options) -> Iterator[Found]:
    """The images that the file sets."""
    nested = NestedText()
    for index, document in enumerate(documents):
        yield from find_in_source(document, document_pointer(index), options, nested)


def is_source(document: Value) -> bool:
    """Whether a document holds nothing but overrides of a source."""
    if not isinstance(document, dict) or not document.keys() <= {"helm", "kustomize"}:
        return False
    lists = (descend(document, "helm", "parameters"), descend(document, "kustomize", "images"))
    return any(isinstance(one, list) for one in lists)


def name_from_file(path: str, captures: Mapping[str, str]) -> str:
    """The application that the file is for."""
    file = path.rsplit("/", 1)[-1]
    if file.startswith(_PREFIX) and file.endswith(_SUFFIX) and len(file) > len(_PREFIX + _SUFFIX):
        return file[len(_PREFIX) : -len(_SUFFIX)]
    return name_from_directory(path, captures)


FORMAT = Format(
    find,
    has_keys=True,
    options=frozenset({"charts"}),
    named_after_path=name_from_file,
)
