"""Alerts of Prometheus Alertmanager, and of Grafana, which posts the same shape: kept as incidents."""

from adapters.hooks.alertmanager.decode import AlertmanagerDecoder
from adapters.hooks.alertmanager.settings import AlertmanagerHookSettings

__all__ = ["AlertmanagerHookSettings", "open_decoder"]


def open_decoder(settings: AlertmanagerHookSettings) -> AlertmanagerDecoder:
    """The decoder."""
    return AlertmanagerDecoder(settings)
