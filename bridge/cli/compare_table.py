"""The comparison for people: one column a model, then what belongs to neither, then what the words mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from bridge.cli.noise_table import describe_noise
from bridge.cli.terminal import cell, make_table, short_time, show_definitions, span
from bridge.domain.names import Model

_QUANTILES = {"p50": "median", "p90": "90 in 100 within", "p99": "99 in 100 within", "max": "longest"}
_MODELS = tuple(model.value for model in Model)

Report = Mapping[str, Any]


def show_comparison(console: Console, report: Report) -> None:
    """Print the whole report."""
    console.print(cell(_title(report), "bold"), soft_wrap=False)
    console.print()
    console.print(_side_by_side(report))
    console.print()
    console.print(_of_neither(report))
    console.print()
    _show_notes(console, report)


def _title(report: Report) -> str:
    given, filters = report["range"], report["filters"]
    since, until = _when(given["since"], "the beginning"), _when(given["until"], "now")
    only = "".join(f", {name} {value}" for name, value in filters.items() if value)
    return f"Intents received from {since} to {until}{only}"


def _side_by_side(report: Report) -> Table:
    table = make_table("", *_MODELS, right=_MODELS)
    models = report["models"]
    intents = {model: models[model]["intents"] for model in _MODELS}
    _add(table, "intents", {model: intents[model]["n"] for model in _MODELS})
    for outcome in _present(intents, "outcomes"):
        _add(table, f"  {_words(outcome)}", {model: intents[model]["outcomes"][outcome] for model in _MODELS})
    for part in _present(intents, "of_which"):
        _add(table, f"  of which {_words(part)}", {model: intents[model]["of_which"][part] for model in _MODELS})
    table.add_section()
    _add_times(table, "lead time", {model: models[model]["lead_time"] for model in _MODELS})
    for name in models[_MODELS[0]]["legs"]["legs"]:
        leg = {model: models[model]["legs"]["legs"][name] for model in _MODELS}
        if any(figures["n"] for figures in leg.values()):
            _add_times(table, f"  {_words(name)}", leg)
    published = {model: models[model]["publication_to_live"] for model in _MODELS}
    if any(figures["n"] for figures in published.values()):
        _add_times(table, "publication to live", published)
    table.add_section()
    pairs = report["pairs"]
    _add(table, "declared in both models", dict.fromkeys(_MODELS, pairs["n"]))
    if pairs["n"]:
        _add(table, "  declared first", pairs["first"])
        _add_times(table, "  lead time of the pairs", pairs["lead_time"])
    return table


def _of_neither(report: Report) -> Table:
    table = make_table("on all targets", "")
    rows = (
        ("changed out of band", "out_of_band"),
        ("rolled back", "rollbacks"),
        ("removed", "removals"),
        ("times the models diverged", "divergences"),
    )
    for label, key in rows:
        parts = {name: count for name, count in report[key].items() if name not in {"definition", "n"} and count}
        said = ", ".join(f"{_words(name)} {count}" for name, count in parts.items())
        table.add_row(cell(label), cell(f"{report[key]['n']}{f' ({said})' if said else ''}"))
    drift = report["drift"]
    lasted = (
        f" ({span(drift['total'])} together, longest {span(drift['longest'])}, {drift['open']} open)"
        if drift["n"]
        else ""
    )
    table.add_row(cell("drift episodes"), cell(f"{drift['n']}{lasted}"))
    difference = report["pairs"]["declared_difference"]
    if difference["n"]:
        said = f"median {span(difference['p50'])}, from {span(difference['min'])} to {span(difference['max'])}"
        table.add_row(cell("API declared ahead of Git by"), cell(said))
    if report["noise"]["overall"]["commits"]:
        table.add_row(cell("commits that only bump images"), cell(describe_noise(report["noise"]["overall"])))
        left = report["noise"]["overall"]["without_noise"]
        said = f"{left['commits']:,} commits, {left['lines']:,} lines"
        table.add_row(cell("  the history without them"), cell(said))
    for source in report["write_access"]["sources"]:
        table.add_row(cell(f"declared through {source['source']} ({source['kind']})"), cell(f"by {_access(source)}"))
    return table


def _access(source: Mapping[str, Any]) -> str:
    """How many declared, how many could have written, and that the bridge could not."""
    said = str(source["declared_by"])
    if (writers := source["branch_writers"]) is not None:
        said += f"; {writers['n']:,} could change the branch ({writers['machines']:,} machines)"
    if source["bridge"]["access"] == "read":
        said += "; the bridge only reads"
    return said


def _add_times(table: Table, label: str, times: Mapping[str, Any]) -> None:
    _add(table, f"{label}: deployments", {model: times[model]["n"] for model in _MODELS})
    indent = " " * (len(label) - len(label.lstrip()) + 2)
    if any(times[model]["n"] for model in _MODELS):
        for key, words in _QUANTILES.items():
            _add(table, indent + words, {model: span(times[model][key]) for model in _MODELS})
    reasons = sorted({reason for model in _MODELS for reason in times[model]["excluded"]})
    for reason in reasons:
        _add(
            table,
            f"{indent}left out: {_words(reason)}",
            {model: times[model]["excluded"].get(reason, 0) for model in _MODELS},
        )


def _add(table: Table, label: str, figures: Mapping[str, object]) -> None:
    table.add_row(cell(label), *(cell(figures[model]) for model in _MODELS))


def _present(tables: Mapping[str, Any], key: str) -> Iterator[str]:
    """The rows of which at least one model has any: rows of zeros hide the others."""
    for row in tables[_MODELS[0]][key]:
        if any(tables[model][key][row] for model in _MODELS):
            yield row


def _show_notes(console: Console, report: Report) -> None:
    """What bounds the figures, and the definitions of those that are not simply zero."""
    unused = {
        report[key]["definition"]
        for key in ("out_of_band", "drift", "rollbacks", "divergences", "removals")
        if not report[key]["n"]
    }
    for key in ("legs", "publication_to_live"):
        if not any(_has_figures(report["models"][model][key]) for model in _MODELS):
            unused.add(report["models"][_MODELS[0]][key]["definition"])
    pairs = report["pairs"]
    if not pairs["n"]:
        unused |= {
            pairs["declared_difference"]["definition"],
            *(each["definition"] for each in pairs["lead_time"].values()),
        }
    if not report["write_access"]["sources"]:
        unused.add(report["write_access"]["definition"])
    if not report["noise"]["overall"]["commits"]:
        unused |= {"weeks/1", "noise/1", "noise_free/1", "writers/1"}
    skew = report["clock_skew_bound"]
    bound = span(skew["seconds"]) if skew["seconds"] is not None else f"unknown: {skew['reason']}"
    for text in (f"Clock skew between the compared times: {bound}.", *report["caveats"]):
        console.print(cell(text))
    show_definitions(console, report["definitions"], unused=unused)


def _has_figures(figure: Mapping[str, Any]) -> bool:
    """Whether anything was measured: of legs, whether any of them was."""
    return any(leg["n"] for leg in figure["legs"].values()) if "legs" in figure else bool(figure["n"])


def _when(text: object, otherwise: str) -> str:
    return f"{short_time(text)} UTC" if text else otherwise


def _words(key: str) -> str:
    return key.replace("_", " ")
