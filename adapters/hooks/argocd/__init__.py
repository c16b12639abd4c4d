"""Argo CD's notifications, by the template and triggers of config/argocd/notifications.yaml."""

from adapters.hooks.argocd.decode import ArgocdDecoder
from adapters.hooks.argocd.settings import ArgocdHookSettings

__all__ = ["ArgocdHookSettings", "open_decoder"]


def open_decoder(settings: ArgocdHookSettings) -> ArgocdDecoder:
    """The decoder."""
    return ArgocdDecoder(settings)
