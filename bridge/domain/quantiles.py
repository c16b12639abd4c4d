"""Quantiles that say over how many values they were taken, and why where they can't be.

Linear interpolation between order statistics (rank ``(n - 1) * p``, as spreadsheets and NumPy do by default), so that the
median of an even count is the mean of the middle two.
"""

from __future__ import annotations

from collections.abc import Iterable

QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
_DECIMALS = 6  # microseconds: what the log's times can tell


def quantile(ordered: list[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the ``ordered`` values lie; there must be at least one."""
    rank = (len(ordered) - 1) * share
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def summarize_seconds(values: Iterable[float], *, nothing: str) -> dict[str, object]:
    """``n``, smallest, quantiles and largest, in seconds; all null with the reason ``nothing`` where there is no value."""
    ordered = sorted(values)
    names = ("min", *(name for name, _ in QUANTILES), "max")
    if not ordered:
        return {"n": 0, "unit": "seconds", **dict.fromkeys(names), "reason": nothing}
    figures = (ordered[0], *(quantile(ordered, share) for _, share in QUANTILES), ordered[-1])
    rounded = (round(figure, _DECIMALS) for figure in figures)
    return {"n": len(ordered), "unit": "seconds", **dict(zip(names, rounded, strict=True)), "reason": None}
