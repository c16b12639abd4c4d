"""The format ``auto``: each document is read in the format that its content shows.

HelmReleases, Applications and ApplicationSets, kustomizations (of Flux too), overrides of an Application's source and objects
with ``kind`` are known by what they are; any other mapping is read as values, Compose files included. Where none of that finds
an image, the markers of ``setters`` count. A text that is YAML only without its Go templates is read without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from bridge.formats.declarations import (
    argocd,
    argocd_source,
    helm_release,
    helm_values,
    kustomize,
    manifests,
    setters,
)
from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.found import Format, Found, Options, known_text
from bridge.formats.declarations.go_templates import blank_templates
from bridge.formats.declarations.yaml_text import Value, parse_documents

_Find: TypeAlias = Callable[[list[Value], Options], Iterator[Found]]


def recognise(document: Value) -> str | None:
    """The format of a document by name; None for one that declares nothing in any."""
    if isinstance(document, list):
        # A list of objects; a list of values is none of the formats.
        return "manifests"
    if not isinstance(document, dict):
        return None
    if helm_release.is_release(document):
        return "helm-release"
    if argocd.is_application(document) or known_text(document.get("kind")) in {"ApplicationList", "ApplicationSetList"}:
        return "argocd"
    if kustomize.is_kustomization(document):
        return "kustomize"
    if argocd_source.is_source(document):
        return "argocd-source"
    if known_text(document.get("kind")) and "apiVersion" in document:
        return "manifests"
    return "helm-values"


def find(text: str, options: Options) -> Iterator[Found]:
    """The images of every document; formats come in the order of their first document.

    Raises:
        Unreadable: the text is no YAML, or malformed for the format it shows.
    """
    documents, text = _parse(text)
    formats = [recognise(document) for document in documents]
    found_any = False
    for name in dict.fromkeys(formats):
        if name is not None:
            # The others are left blank, so that each document keeps its number.
            of_format = [one if formats[index] == name else None for index, one in enumerate(documents)]
            for found in _FINDERS[name](of_format, options):
                found_any = True
                yield found
    if not found_any:
        yield from setters.find(text, options)


def _parse(text: str) -> tuple[list[Value], str]:
    """The documents, and the text that they were read from: charts' templates are no YAML until their actions are blanked out."""
    try:
        return parse_documents(text), text
    except Unreadable:
        if "{{" not in text:
            raise
    text = blank_templates(text)
    return parse_documents(text), text


_FINDERS: dict[str, _Find] = {
    "helm-release": helm_release.find,
    "argocd": argocd.find,
    "kustomize": kustomize.find,
    "argocd-source": argocd_source.find,
    "manifests": manifests.find,
    "helm-values": helm_values.find,
}

FORMAT = Format(
    find_in_text=find,
    has_objects=True,
    has_keys=True,
    options=frozenset({"charts"}),
    named_after_path=argocd_source.name_from_file,
)
