"""How each of the real repositories declares images, written down a second time, as its maintainers would tell it.

Nothing here knows the rules of ``config/examples`` or the program's formats: there are patterns of paths, and a few lines for
each kind of file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

from tests.support.declared_history import Key, Reference, Rule
from tests.support.other_yaml import below, dicts, load, text


def split(reference: str) -> Reference:
    match = re.fullmatch(r"(.*?)(?::([^/:@]+))?(?:@(sha256:\w+))?", reference)
    assert match is not None
    return match[1], match[2], match[3]


# --- the kinds of files --------------------------------------------------------------------------------------------


def kustomize_images(document: Mapping[str, Any]) -> Iterator[tuple[str, Reference]]:
    """(image's name, what it becomes); an entry whose result a later one replaces has no effect."""
    replaced: set[str] = set()
    found = []
    for image in reversed(list(dicts(document.get("images")))):
        name = text(image.get("name")) or ""
        repository, tag, digest = split(text(image.get("newName")) or name)
        new_tag, _, tag_digest = (text(image.get("newTag")) or "").partition("@")
        new_digest = text(image.get("digest")) or tag_digest or None
        if new_tag or new_digest:
            tag, digest = new_tag or None, new_digest
        elif "newName" not in image:
            tag = digest = None
        if (tag or digest) and repository not in replaced:
            found.append((split(name.rsplit("/", 1)[-1])[0] or "", (repository, tag, digest)))
        if tag or digest:
            replaced.add(name)
    yield from reversed(found)


def values_images(node: Any) -> Iterator[Reference]:
    """The images of a chart's values at any depth."""
    if isinstance(node, list):
        for item in node:
            if isinstance(item, dict) and item.get("repository") and (item.get("tag") or item.get("digest")):
                yield from _image_mapping(item)
            else:
                yield from values_images(item)
    if not isinstance(node, dict):
        return
    for key, child in node.items():
        if key == "image" or key.endswith("Image"):
            found = list(_image_mapping(child)) if isinstance(child, dict) else list(_image_text(node, key, child))
            if found:
                yield from found
                continue
        elif key == "imageTag" and "image" not in node:
            if text(child):
                yield text(node.get("imageRepository")) or text(node.get("imageName")), child, None
            continue
        elif (
            isinstance(child, dict)
            and text(child.get("repository"))
            and (text(child.get("tag")) or text(child.get("digest")))
        ):
            yield from _image_mapping(child)
            continue
        yield from values_images(child)


def _image_mapping(image: Mapping[str, Any]) -> Iterator[Reference]:
    repository = text(image.get("repository")) or text(image.get("name")) or text(image.get("image"))
    tag, _, tag_digest = (text(image.get("tag")) or "").partition("@")
    digest = text(image.get("digest")) or tag_digest or None
    if repository and not tag and not digest:
        repository, tag, digest = split(repository)  # type: ignore[assignment]
    if repository and text(image.get("registry")):
        repository = f"{image['registry']}/{repository}"
    if tag or digest:
        yield repository, tag or None, digest


def _image_text(around: Mapping[str, Any], key: str, written: Any) -> Iterator[Reference]:
    repository, tag, digest = split(text(written) or "")
    if not isinstance(written, str):
        return
    beside = text(around.get(f"{key}Tag")) or (text(around.get("tag")) if key == "image" else None)
    if tag or digest:
        yield repository, tag, digest
    elif beside:
        yield written if text(written) else None, beside, None


def workload_images(document: Mapping[str, Any]) -> Iterator[tuple[str | None, Reference]]:
    """(workload's name, image) of each container, in Lists too."""
    if str(document.get("kind", "List")).endswith("List") and isinstance(document.get("items"), list):
        for item in dicts(document["items"]):
            yield from workload_images(item)
        return
    for path in (("template", "spec"), ("jobTemplate", "spec", "template", "spec"), ()):
        pod = below(document, "spec", *path)
        for group in ("initContainers", "containers"):
            for container in dicts(below(pod, group)):
                repository, tag, digest = split(text(container.get("image")) or "")
                if tag or digest:
                    yield text(below(document, "metadata", "name")), (repository, tag, digest)


# --- the repositories ----------------------------------------------------------------------------------------------


def rule(pattern: str, read: Any, *, templated: bool = False) -> Rule:
    """``read`` takes the match of the path and one document, and gives (key, reference)."""
    compiled = re.compile(pattern)

    def read_file(path: str, data: bytes) -> Iterator[tuple[Key, Reference]]:
        match = compiled.fullmatch(path)
        for document in load(data, templated=templated):
            yield from read(match, document)

    return compiled, read_file


def kustomization(environment: str | None = None, service: str | None = None, prefix: str = "") -> Any:
    def read(match: re.Match[str], document: Mapping[str, Any]) -> Iterator[tuple[Key, Reference]]:
        named = match.groupdict()
        for name, reference in kustomize_images(document):
            yield (environment or prefix + named["environment"], service or named.get("service") or name), reference

    return read


def values(environment: str | None = None, repositories: Mapping[str, str] | None = None) -> Any:
    def read(match: re.Match[str], document: Mapping[str, Any]) -> Iterator[tuple[Key, Reference]]:
        service = match["service"]
        known = next((name for glob, name in (repositories or {}).items() if fnmatch(service, glob)), None)
        for repository, tag, digest in values_images(document):
            known_name = known.format(service=service) if known else None
            yield (environment or match["environment"], service), (repository or known_name, tag, digest)

    return read


def workloads(environment: str | None = None) -> Any:
    def read(match: re.Match[str], document: Mapping[str, Any]) -> Iterator[tuple[Key, Reference]]:
        for name, reference in workload_images(document):
            service = match.groupdict().get("service") or name
            if service:
                yield (environment or match["environment"], service), reference

    return read


NOTIFICATION_WORDS = {
    "admin": "ADMIN",
    "api": "API",
    "document-download-api": "DOCUMENT_DOWNLOAD",
    "documentation": "DOCUMENTATION",
}


def notification_tags(match: re.Match[str], document: Mapping[str, Any]) -> Iterator[tuple[Key, Reference]]:
    for service, word in NOTIFICATION_WORDS.items():
        repository = text(document.get(f"{word}_IMAGE_REPOSITORY")) or f"public.ecr.aws/cds-snc/notify-{service}"
        if tag := text(document.get(f"{word}_DOCKER_TAG")):
            yield (match["environment"], service), (repository, tag, None)


WBAAS_REPOSITORIES = {
    "api": "ghcr.io/wbstack/api",
    "ui": "ghcr.io/wbstack/ui",
    "mediawiki-*": "ghcr.io/wbstack/mediawiki",
    "queryservice": "ghcr.io/wbstack/queryservice",
    "queryservice-gateway": "ghcr.io/wbstack/queryservice-gateway",
    "queryservice-ui": "ghcr.io/wbstack/queryservice-ui",
    "queryservice-updater": "ghcr.io/wbstack/queryservice-updater",
    "tool-cradle": "ghcr.io/wbstack/cradle",
    "tool-quickstatements": "ghcr.io/wbstack/quickstatements",
    "tool-widar": "ghcr.io/wbstack/widar",
    "wbaas-backup": "ghcr.io/wmde/wbaas-backup",
}
WBAAS_PLACE = r"(?P<environment>local|staging|production)/(?P<service>[^/]+?)"


def rucio_release(match: re.Match[str], document: Mapping[str, Any]) -> Iterator[tuple[Key, Reference]]:
    for service in ("authserver", "daemons", "probes", "server", "traceserver", "webui"):
        if tag := text(below(document, "image", "tag")):
            name = f"rucio-{service}"
            yield (match["environment"], name), (f"registry.cern.ch/cmsrucio/{name}", tag, None)


def application(match: re.Match[str], document: Mapping[str, Any]) -> Iterator[tuple[Key, Reference]]:
    if document.get("kind") != "Application":
        return
    spec = document.get("spec")
    for source in [below(spec, "source"), *dicts(below(spec, "sources"))]:
        inner = below(source, "helm", "values")
        for each in load(inner.encode()) if isinstance(inner, str) else ():
            for reference in values_images(each):
                yield ("platform", match["service"]), reference


def overrides(match: re.Match[str], document: Mapping[str, Any]) -> Iterator[tuple[Key, Reference]]:
    for written in below(document, "kustomize", "images") or ():
        yield ("example", match["service"]), split(written.rpartition("=")[2])


RUCIO = {
    "production": r"apps/(?P<environment>production)/prod-",
    "integration": r"apps/(?P<environment>integration)/int-",
}
RUCIO_REPOSITORIES = {"rucio-*": "registry.cern.ch/cmsrucio/{service}"}
SHOWN = r"(?!\.)(?![^/]*-dev/)(?!preview-)"  # the folders of what is in production

REPOSITORIES: Mapping[str, Sequence[Rule]] = {
    "gnomad-deployments": [
        rule(
            r"(?!browser-test/)[^/]+/(?!base/|example-demo/)(?P<environment>[^/]+)/kustomization\.yaml", kustomization()
        ),
        rule(r"browser-test/(?!base/)(?P<environment>[^/]+)/kustomization\.yaml", kustomization(prefix="test-")),
    ],
    "notification-manifests": [
        rule(r"env/(?P<environment>[^/]+)/kustomization\.yaml", kustomization()),
        rule(r"helmfile/overrides/(?P<environment>[^/]+)\.env", notification_tags),
    ],
    "wbaas-deploy": [
        rule(rf"k8s/argocd/{WBAAS_PLACE}\.values\.yaml", values(repositories=WBAAS_REPOSITORIES)),
        rule(
            rf"k8s/helmfile/env/{WBAAS_PLACE}(?:\.values)?\.yaml\.gotmpl",
            values(repositories=WBAAS_REPOSITORIES),
            templated=True,
        ),
    ],
    "rucio-flux": [
        *(rule(start + r"release\.yaml", rucio_release) for start in RUCIO.values()),
        *(
            rule(start + r"(?P<service>(?!release\.yaml)[^/]+)\.yaml", values(repositories=RUCIO_REPOSITORIES))
            for start in RUCIO.values()
        ),
    ],
    "mctl-gitops": [
        rule(r"platform-gitops/services/(?P<environment>[^/]+)/(?P<service>[^/]+)/values\.yaml", values()),
        rule(
            r"platform-gitops/bootstrap/templates/mctl-platform/(?P<service>mctl-[^/]+)\.yaml",
            application,
            templated=True,
        ),
        rule(r"platform-gitops/apps/templates/(?P<service>mctl-[^/]+)\.yaml", application, templated=True),
    ],
    "manifest": [
        rule(r"[^/]+-(?P<environment>dev)/.*\.yaml", workloads()),
        rule(r"(?P<environment>preview)-[^/]*/.*\.yaml", workloads()),
        rule(SHOWN + r".*\.yaml", workloads("production")),
        rule(r"(?P<environment>preview)-(?P<service>[^/]+)/values\.yaml", values()),
        rule(SHOWN + r"[^/]+/kustomization\.yaml", kustomization("production")),
        rule(r"[^/]+-(?P<environment>dev)/kustomization\.yaml", kustomization()),
    ],
    "image-updater-examples": [
        rule(r"(?P<service>[^/]+)/source/overlays/(?P<environment>[^/]+)/kustomization\.yaml", kustomization()),
        rule(r"(?P<service>[^/]+)/source/\.argocd-source-[^/]*\.yaml", overrides),
        rule(r"(?P<service>[^/]+)/source1?/deployment[^/]*\.yaml", workloads("example")),
        rule(r"(?P<service>[^/]+)/source2/values[^/]*\.yaml", values("example")),
    ],
}
