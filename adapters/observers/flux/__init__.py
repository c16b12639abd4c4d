"""Observations from Flux: what its Kustomizations and HelmReleases applied, and what became of it."""

from adapters.observers.flux.observer import open_observer as open_adapter
from adapters.observers.flux.settings import FluxObserverSettings

__all__ = ["FluxObserverSettings", "open_adapter"]
