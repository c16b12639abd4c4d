"""A small Kubernetes client for observers: signing in, and list + watch that loses nothing. Shared; it is no adapter itself."""

from adapters.kubernetes_client.cluster import Cluster, open_cluster
from adapters.kubernetes_client.failures import Gone, Rejected
from adapters.kubernetes_client.images import Image, read_image
from adapters.kubernetes_client.known import Change, Described, KnownObjects, Verb
from adapters.kubernetes_client.lines import LineSplitter
from adapters.kubernetes_client.list_watch import Batch, ListWatch
from adapters.kubernetes_client.objects import ManagedFields, Metadata, OwnerReference
from adapters.kubernetes_client.settings import ConnectionSettings

__all__ = [
    "Batch",
    "Change",
    "Cluster",
    "ConnectionSettings",
    "Described",
    "Gone",
    "Image",
    "KnownObjects",
    "LineSplitter",
    "ListWatch",
    "ManagedFields",
    "Metadata",
    "OwnerReference",
    "Rejected",
    "Verb",
    "open_cluster",
    "read_image",
]
