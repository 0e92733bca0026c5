"""Labels and properties that a request names, compared with what is in the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from workflow.client.checks.problems import Problem, nearest
from workflow.errors import WorkflowError
from workflow.neptune.literals import literal

Run = Callable[[str], list[Any]]
LOOKED_AT = 50  # values of a target whose type is looked at


def problems_of_graph(
    neptune_ml: Mapping[str, Any], summary: Mapping[str, Any], run: Run | None = None
) -> list[Problem]:
    """Labels and properties of targets and features that the graph has not, and targets that are no numbers.

    Args:
        neptune_ml: the members of ``additionalParams.neptune_ml``.
        summary: ``graphSummary`` of the graph; of an empty one nothing is said.
        run: runs Gremlin text; without it nothing is asked about single labels.
    """
    labels = {"node": set(summary.get("nodeLabels") or ()), "edge": set(summary.get("edgeLabels") or ())}
    names = {
        kind: {name for entry in summary.get(f"{kind}Properties") or () for name in entry} for kind in ("node", "edge")
    }
    if not labels["node"]:
        return []
    jobs = neptune_ml.get("jobs")
    found: list[Problem] = []
    for at, job in [((), neptune_ml)] if jobs is None else [(("jobs", n), one) for n, one in enumerate(jobs)]:
        for part in ("targets", "features") if isinstance(job, Mapping) else ():
            entries = job.get(part) or ()
            for number, entry in enumerate(entries if isinstance(entries, list) else [entries]):
                if isinstance(entry, Mapping):
                    place = (*at, part, number) if isinstance(entries, list) else (*at, part)
                    wrong = list(_not_there(entry, labels, names))
                    if not wrong and run is not None:
                        wrong = list(_not_on_label(entry, run))
                    found += [one.below(*place) for one in wrong]
    return found


def _ends(entry: Mapping[str, Any]) -> list[str]:
    ends = entry.get("edge")
    return ends if isinstance(ends, list) and len(ends) == 3 else []


def _properties(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "horizon" in entry:  # that of a horizon is a name for what is predicted
        return
    for member in ("property", "properties"):
        given = entry.get(member)
        for name in given if isinstance(given, list) else [given]:
            if isinstance(name, str) and name:
                yield member, name


def _labels_of(label: Any) -> list[str]:
    """The single labels of ``A;B`` or of a list of labels."""
    return label.split(";") if isinstance(label, str) else list(label) if isinstance(label, list) else []


def _not_there(
    entry: Mapping[str, Any], labels: Mapping[str, set[str]], names: Mapping[str, set[str]]
) -> Iterator[Problem]:
    ends = _ends(entry)
    asked = [("node", ("node",), entry.get("node"))] if not ends else [
        ("node", ("edge", 0), ends[0]), ("edge", ("edge", 1), ends[1]), ("node", ("edge", 2), ends[2]),
    ]  # fmt: skip
    for kind, place, label in asked:
        for one in _labels_of(label):
            if one != "_" and one not in labels[kind]:
                there = nearest(one, labels[kind]) if labels[kind] else "; it has none"
                yield Problem(place, f"names the {kind} label {one!r}, which the graph has not{there}")
    horizon = entry.get("horizon")
    if isinstance(horizon, Mapping) and horizon.get("edge") is not None:
        yield from (one.below("horizon") for one in _not_there({"edge": horizon["edge"]}, labels, names))
    kind = "edge" if ends else "node"
    for member, name in _properties(entry):
        if name not in names[kind]:
            there = nearest(name, names[kind]) if names[kind] else f"; no {kind} has any"
            yield Problem((member,), f"names the {kind} property {name!r}, which no {kind} has{there}")


def _not_on_label(entry: Mapping[str, Any], run: Run) -> Iterator[Problem]:
    """Properties that others have, and texts where numbers are meant."""
    ends = _ends(entry)
    kind, label = ("E", [ends[1]]) if ends else ("V", _labels_of(entry.get("node")))
    start = f"g.{kind}()" + "".join(f".hasLabel({literal(one)})" for one in label if one != "_")
    for member, name in _properties(entry):
        with suppress(WorkflowError):  # a service that answers no queries says it later
            values = run(f"{start}.values({literal(name)}).limit({LOOKED_AT})")
            named = f"{ends[1] if ends else ';'.join(label)}"
            if not values:
                there = sorted(map(str, run(f"{start}.limit({LOOKED_AT}).properties().key().dedup()")))
                yield Problem(
                    (member,), f"names {name!r}, which no {named} has" + nearest(name, there or ["no property"])
                )
            elif entry.get("type") == "regression" and not all(_is_number(value) for value in values):
                text = next(value for value in values if not _is_number(value))
                yield Problem(
                    (member,),
                    f"{name!r} is no number: {named} has {str(text)[:40]!r}, for one; "
                    "predict it with type classification",
                )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
