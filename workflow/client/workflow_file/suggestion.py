"""A workflow file suggested from the graph that is loaded: what could be predicted, with the words the graph has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from workflow.errors import InvalidParameter
from workflow.neptune.literals import literal

SAMPLE = 500  # vertices of a label, and edges, that are looked at
FEW = 20  # numbers with no more different values are classes
# names under which people keep identifiers and what things are called: nothing that a model should predict
_NAMES = frozenset({"id", "name", "title", "code", "uuid", "url", "email", "description", "text"})

Target = dict[str, Any]


def suggested_targets(query: Callable[[str], list[Any]]) -> list[Target]:
    """Targets that the graph could have: links of its edge labels, then properties of vertices.

    Args:
        query: runs Gremlin text.

    Raises InvalidParameter where there is no graph.
    """
    labels = sorted(query("g.V().label().dedup()"))
    if not labels:
        raise InvalidParameter("The graph is empty; load one with `despina load social` or `despina load FILE`.")
    ends = query(f"g.E().limit({SAMPLE}).project('f','l','t').by(outV().label()).by(label()).by(inV().label()).dedup()")
    found: list[Target] = [{"edge": [end["f"], end["l"], end["t"]], "type": "link_prediction"} for end in ends]
    for label in labels:
        rows = query(f"g.V().hasLabel({literal(label)}).limit({SAMPLE}).valueMap()")
        for key, task in _properties(rows):
            found.append({"node": label, "property": key, "type": task})
    return found


def _properties(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Properties that repeat themselves: classes where there are few values, numbers where there are many."""
    for key in sorted({key for row in rows for key in row if isinstance(key, str)}):
        values = [value for row in rows for value in row.get(key, ())]
        different = len({str(value) for value in values})
        if key.lower() in _NAMES or different < 2:
            continue
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            yield key, "classification" if different <= FEW else "regression"
        elif 2 * different <= len(values):
            yield key, "classification"


def suggested_file(targets: Sequence[Target], name: str) -> str:
    """The text of a workflow file; the first target is meant, the others stand beside it as comments.

    Raises InvalidParameter without targets.
    """
    if not targets:
        raise InvalidParameter(
            "The graph has nothing that repeats itself, so there is nothing to predict; load one with "
            "`despina load social` or `despina load FILE`."
        )
    words = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
    short = "-".join(filter(None, words.split("-")))[:24].rstrip("-") or "my-graph"
    lines = [f"name: {short}", "export:", "  targets:  # what is predicted; take another by its comment sign"]
    lines += [f"  {'# ' if number else ''}- {_flow(target)}" for number, target in enumerate(targets)]
    lines += [
        "training:",
        "  trials: 2  # how many models are tried; the best is deployed",
        "# queries:  # asked at the end; {endpoint} stands for the endpoint's id",
        "#   example: g.with('Neptune#ml.endpoint', '{endpoint}').V().limit(1)",
    ]
    return "\n".join(lines) + "\n"


def _flow(target: Target) -> str:
    import yaml

    return str(yaml.safe_dump(target, default_flow_style=True, sort_keys=False, width=1000, allow_unicode=True)).strip()
