"""What config/kubernetes builds: by kubectl where it is there, and by a reader of the few things that these kustomizations use."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / "config"
KUBERNETES = CONFIG / "kubernetes"
OVERLAYS = sorted(path.parent.name for path in KUBERNETES.glob("*/deploybridge.yaml"))
KUBECTL = shutil.which("kubectl")
CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}
_FIELDS = {"apiVersion", "kind", "namespace", "resources", "labels", "images", "configMapGenerator", "secretGenerator"}

Manifest = dict[str, Any]


def build_with_kubectl(folder: Path) -> list[Manifest]:
    assert KUBECTL is not None
    done = subprocess.run([KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def build_by_reading(folder: Path) -> list[Manifest]:
    """Without the suffixes that kustomize hangs on the names of generated ConfigMaps."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(kustomization) <= _FIELDS, "this reader knows no other field: build it with kubectl, or teach it"
    found: list[Manifest] = []
    for resource in kustomization["resources"]:
        path = folder / resource
        found += build_by_reading(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for generated in kustomization.get("configMapGenerator", ()):
        data = {name: (folder / name).read_text() for name in generated["files"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generated["name"]}, "data": data})
    for each in found:
        for labels in kustomization.get("labels", ()):
            _label(each, labels["pairs"])
        if "namespace" in kustomization and each["kind"] not in CLUSTER_WIDE:
            each["metadata"]["namespace"] = kustomization["namespace"]
        for subject in each.get("subjects", ()):
            subject["namespace"] = kustomization.get("namespace", "")
    for image in kustomization.get("images", ()):
        text = json.dumps(found).replace(f'"image": "{image["name"]}"', f'"image": "{image["name"]}:{image["newTag"]}"')
        found = json.loads(text)
    return found


def _label(manifest: Manifest, pairs: dict[str, str]) -> None:
    manifest["metadata"].setdefault("labels", {}).update(pairs)
    spec = manifest.get("spec", {})
    if manifest["kind"] == "Service":
        spec.setdefault("selector", {}).update(pairs)
    if "template" in spec:
        spec.setdefault("selector", {}).setdefault("matchLabels", {}).update(pairs)
        spec["template"].setdefault("metadata", {}).setdefault("labels", {}).update(pairs)


def one(manifests: list[Manifest], kind: str) -> Manifest:
    (found,) = [each for each in manifests if each["kind"] == kind]
    return found


def pod(manifests: list[Manifest]) -> Manifest:
    spec: Manifest = one(manifests, "StatefulSet")["spec"]["template"]["spec"]
    return spec
