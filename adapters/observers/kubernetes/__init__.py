"""Observations from the workloads of a cluster: Deployments, StatefulSets, DaemonSets, CronJobs, Jobs, and their pods."""

from adapters.observers.kubernetes.observer import open_observer as open_adapter
from adapters.observers.kubernetes.settings import KubernetesObserverSettings

__all__ = ["KubernetesObserverSettings", "open_adapter"]
