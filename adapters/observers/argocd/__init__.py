"""Observations from Argo CD's Applications, and intents from the parameters that somebody overrides in them."""

from adapters.observers.argocd.observer import open_observer as open_adapter
from adapters.observers.argocd.settings import ArgocdObserverSettings

__all__ = ["ArgocdObserverSettings", "open_adapter"]
