"""The fields of Flux's objects that are read; all others are skipped.

Sources: the ``api`` folders of kustomize-controller (v1), helm-controller (v2, v2beta1), source-controller and
image-automation-controller.
"""

from __future__ import annotations

import msgspec

from adapters.kubernetes_client import Metadata

NOTHING = msgspec.Raw(b"null")  # where a field is left out


class Condition(msgspec.Struct, rename="camel", gc=False):
    """``metav1.Condition``."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    observed_generation: int = 0  # left out by old controllers


class Reference(msgspec.Struct, gc=False):
    """Another object; ``namespace`` is that of the object that refers where it is left out."""

    kind: str = ""
    name: str = ""
    namespace: str | None = None


class InventoryEntry(msgspec.Struct, gc=False):
    """``<namespace>_<name>_<group>_<kind>``."""

    id: str = ""


class Inventory(msgspec.Struct):
    """What was applied."""

    entries: list[InventoryEntry] | None = None


class NamedImage(msgspec.Struct, rename="camel", gc=False):
    """An entry of a Kustomization's ``spec.images``."""

    name: str = ""
    new_name: str | None = None
    new_tag: str | None = None
    digest: str | None = None


class KustomizationSpec(msgspec.Struct, rename="camel"):
    """``kustomize.toolkit.fluxcd.io/v1.KustomizationSpec``."""

    suspend: bool = False
    source_ref: Reference = msgspec.field(default_factory=Reference)
    target_namespace: str | None = None
    images: list[NamedImage] | None = None
    depends_on: list[Reference] | None = None
    kube_config: msgspec.Raw = NOTHING  # set: it applies to another cluster


class Reconciliation(msgspec.Struct, rename="camel"):
    """An entry of a Kustomization's ``status.history``."""

    digest: str = ""
    first_reconciled: str | None = None
    last_reconciled: str | None = None
    last_reconciled_status: str = ""
    metadata: dict[str, str] | None = None


class KustomizationStatus(msgspec.Struct, rename="camel"):
    """``kustomize.toolkit.fluxcd.io/v1.KustomizationStatus``."""

    observed_generation: int = 0
    conditions: list[Condition] | None = None
    last_applied_revision: str | None = None
    last_applied_origin_revision: str | None = None
    last_attempted_revision: str | None = None
    last_handled_reconcile_at: str | None = None
    inventory: Inventory | None = None
    history: list[Reconciliation] | None = None


class KustomizationObject(msgspec.Struct):
    """A Kustomization."""

    metadata: Metadata
    spec: KustomizationSpec = msgspec.field(default_factory=KustomizationSpec)
    status: KustomizationStatus = msgspec.field(default_factory=KustomizationStatus)


class ChartSpec(msgspec.Struct, rename="camel"):
    """What a HelmRelease's chart is made of."""

    chart: str = ""
    source_ref: Reference = msgspec.field(default_factory=Reference)


class ChartTemplate(msgspec.Struct):
    """``spec.chart``."""

    spec: ChartSpec = msgspec.field(default_factory=ChartSpec)


class HelmReleaseSpec(msgspec.Struct, rename="camel"):
    """``helm.toolkit.fluxcd.io/v2.HelmReleaseSpec``."""

    suspend: bool = False
    chart: ChartTemplate | None = None
    chart_ref: Reference | None = None
    target_namespace: str | None = None
    depends_on: list[Reference] | None = None
    kube_config: msgspec.Raw = NOTHING
    values: msgspec.Raw = NOTHING


class Snapshot(msgspec.Struct, rename="camel"):
    """An entry of a HelmRelease's ``status.history``: one revision of the Helm release."""

    version: int = 0
    status: str = ""
    action: str = ""
    chart_name: str = ""
    chart_version: str = ""
    app_version: str = ""
    config_digest: str = ""
    oci_digest: str = ""
    first_deployed: str | None = None
    last_deployed: str | None = None


class HelmReleaseStatus(msgspec.Struct, rename="camel"):
    """``helm.toolkit.fluxcd.io/v2.HelmReleaseStatus``; ``last_applied_revision`` is that of v2beta1, which has no history."""

    observed_generation: int = 0
    conditions: list[Condition] | None = None
    history: list[Snapshot] | None = None
    helm_chart: str | None = None
    last_applied_revision: str | None = None
    last_attempted_revision: str | None = None
    last_attempted_config_digest: str | None = None
    last_handled_reconcile_at: str | None = None
    inventory: Inventory | None = None


class HelmReleaseObject(msgspec.Struct):
    """A HelmRelease."""

    metadata: Metadata
    spec: HelmReleaseSpec = msgspec.field(default_factory=HelmReleaseSpec)
    status: HelmReleaseStatus = msgspec.field(default_factory=HelmReleaseStatus)


class Artifact(msgspec.Struct, rename="camel"):
    """What a source holds ready."""

    revision: str = ""
    last_update_time: str | None = None
    metadata: dict[str, str] | None = None


class SourceStatus(msgspec.Struct):
    """The status of a GitRepository, OCIRepository, Bucket or HelmChart."""

    artifact: Artifact | None = None


class SourceObject(msgspec.Struct):
    """A source."""

    metadata: Metadata
    status: SourceStatus = msgspec.field(default_factory=SourceStatus)


class AutomationStatus(msgspec.Struct, rename="camel"):
    """The status of an ImageUpdateAutomation."""

    last_push_commit: str | None = None
    last_push_time: str | None = None


class AutomationObject(msgspec.Struct):
    """An ImageUpdateAutomation."""

    metadata: Metadata
    status: AutomationStatus = msgspec.field(default_factory=AutomationStatus)
