"""What a model says about vertices or edges of the graph, asked of its endpoint in Gremlin, as records for a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from workflow.client.checks.problems import nearest
from workflow.client.frames import row_of
from workflow.errors import InvalidParameter, WorkflowError
from workflow.graphs.naming import Naming
from workflow.neptune.literals import literal
from workflow.settings import display_properties

MOST_IDS = 500  # in the text of one query
MOST_ANSWERS = 100  # that an endpoint gives for one input, as Neptune has it
UNSEEN = "the model has not seen it, and what it knows of its neighbours is not enough"
BELOW = "nothing reaches the threshold"
ABSENT = "the graph has no {what} with this id"
NO_ANSWER = "the model has no answer for it: it was not in the graph that the model was trained on"

# what the caller may choose or add
OPTIONS = (
    *("relation", "property", "way", "display", "limit", "threshold", "inductive"),
    *("task", "label", "partner"),
)

Run = Callable[[str], list[Any]]


@dataclass(frozen=True)
class PredictionQuestion:
    """What is asked of an endpoint.

    Attributes:
        endpoint: its id.
        task: of its model, such as ``node_class``.
        label: of the vertices or edges that are asked about; of link prediction the label of the edge.
        predicted: the property that is predicted; empty for links.
        partner: the label of those who may be at the other end of a link.
        way: ``out`` asks where links lead to, ``in`` where they come from.
        limit: classes or partners for each input.
        threshold: leave out what scores less.
        inductive: whether the live neighbourhood is sent; None sends it for those that are not known otherwise.
        display: the property that names a vertex to people; None: as ``DESPINA_DISPLAY`` says, else one of the usual.
        half_width: how far predicted numbers may be off, of a model that says so.
        scored: whether links have scores, which Neptune itself does not give.
    """

    endpoint: str
    task: str
    label: str
    predicted: str = ""
    partner: str = ""
    way: Literal["out", "in"] = "out"
    limit: int = 1
    threshold: float | None = None
    inductive: bool | None = None
    display: str | None = None
    half_width: float | None = None
    scored: bool = True

    @property
    def of_edges(self) -> bool:
        """Whether edges are asked about."""
        return self.task.startswith("edge")

    @property
    def of_links(self) -> bool:
        """Whether links are predicted."""
        return self.task == "link_prediction"


def asked_of(endpoint: str, model: Mapping[str, Any], **given: Any) -> PredictionQuestion:
    """What an endpoint can be asked, by the description of its model and what the caller adds or chooses.

    Raises InvalidParameter where neither says what is predicted, or the choice is none of the model's.
    """
    if unknown := [name for name in given if name not in OPTIONS]:
        raise InvalidParameter(f"{unknown[0]!r} is no option of a prediction{nearest(unknown[0], OPTIONS)}")
    check_options(given)
    task, targets = str(given.pop("task", None) or model.get("task") or ""), model.get("targets") or []
    if not task:
        raise InvalidParameter(
            f"The service does not say what the model of endpoint {endpoint!r} predicts; name task, label and property."
        )
    relation, wanted = given.pop("relation", None), given.pop("property", None)
    fitting = [
        target
        for target in targets
        if relation in (None, (target.get("edge_type") or [None, None])[1]) and wanted in (None, target.get("property"))
    ]
    if targets and not fitting:
        known = ", ".join(_named(target) for target in targets)
        raise InvalidParameter(f"Endpoint {endpoint!r} predicts {known}, not {relation or wanted!r}.")
    target = fitting[0] if fitting else {}
    edge = target.get("edge_type") or ["", relation or "", given.get("partner") or ""]
    way = given.get("way") or "out"
    filled = {
        "label": edge[1] if task.startswith(("edge", "link")) else target.get("node_type", ""),
        "predicted": wanted or target.get("property") or "",
        "partner": edge[2] if way == "out" else edge[0],
        "half_width": (target.get("interval") or {}).get("half_width"),
    }
    limit = given.pop("limit", None) or (10 if task == "link_prediction" else 1)
    chosen = {name: value for name, value in given.items() if value is not None}
    return PredictionQuestion(endpoint, task, **{**filled, **chosen, "limit": min(limit, MOST_ANSWERS)})


def check_options(given: Mapping[str, Any]) -> None:
    """Raises InvalidParameter for a limit, threshold or way that cannot be meant."""
    limit, threshold, way = (given.get(name) for name in ("limit", "threshold", "way"))
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise InvalidParameter(f"limit is {limit!r}; write a whole number from 1 to {MOST_ANSWERS}.")
    if threshold is not None and (not isinstance(threshold, int | float) or isinstance(threshold, bool)):
        raise InvalidParameter(f"threshold is {threshold!r}; write the least score, a number such as 0.5.")
    if way not in (None, "out", "in"):
        raise InvalidParameter(f'way is {way!r}; write "out" for where links lead to, "in" for where they come from.')


def _named(target: Mapping[str, Any]) -> str:
    of = "-".join(target["edge_type"]) if target.get("edge_type") else str(target.get("node_type"))
    return f"{target['property']} of {of}" if target.get("property") else of


def ids_of(items: Any, *, key: str | None = None, prefix: str | None = None) -> list[str] | None:
    """Ids as text: of one id, of several, or of a frame's column; None (everything) stays None.

    Args:
        key: the frame's column; ``~id`` or ``id`` where it is left out.
        prefix: the label before each, where a load made ``label:key`` of keys.

    Raises InvalidParameter for a frame without such a column, and for an id that is none, with its row.
    """
    if items is None:
        return None
    if isinstance(items, str | int):
        values: Sequence[Any] = [items]
    elif isinstance(items, list | tuple | set | range):
        values = list(items)
    else:
        import narwhals as nw

        table = nw.from_native(items, eager_only=True, allow_series=True)
        if isinstance(table, nw.Series):
            values = table.to_list()
        else:
            column = key or next((name for name in ("~id", "id") if name in table.columns), None)
            if column is None or column not in table.columns:
                asked = f"no column {column!r}" if column else "no column 'id'"
                raise InvalidParameter(
                    f"The frame has {asked}; name its ids with key=COLUMN. It has: {', '.join(table.columns)}."
                )
            values = table[column].to_list()
    for place, value in enumerate(values):
        row_of(value, place, key or "id", "what is asked about")
    texts = [str(int(value)) if isinstance(value, float) else str(value) for value in values]
    return [f"{prefix}:{text}" for text in texts] if prefix else texts


def records(run: Run, asked: PredictionQuestion, ids: list[str] | None) -> Iterator[dict[str, Any]]:
    """One record for each input and answer, in the order asked; an input without answer has one with its ``reason``.

    Args:
        run: runs Gremlin text.
        asked: what is asked.
        ids: of the inputs; None asks about all of the label.
    """
    if ids is None:
        steps = f"{'E' if asked.of_edges else 'V'}().hasLabel({literal(_start_label(run, asked))}).id()"
        ids = [str(id) for id in run(f"g.{steps}")]
    for start in range(0, len(ids), MOST_IDS):
        yield from _batch(run, asked, ids[start : start + MOST_IDS])


def _start_label(run: Run, asked: PredictionQuestion) -> str:
    if not asked.of_links:
        return asked.label.split(";")[0]
    end = "outV" if asked.way == "out" else "inV"
    found = run(f"g.E().hasLabel({literal(asked.label)}).limit(1).{end}().label()")
    if not found:
        raise InvalidParameter(f"The graph has no edge {asked.label!r}; name the vertices that are asked about.")
    return str(found[0]).split("::")[0]


def _batch(run: Run, asked: PredictionQuestion, ids: list[str]) -> Iterator[dict[str, Any]]:
    found = _answers(run, replace(asked, inductive=bool(asked.inductive)), ids)
    silent = [id for id in ids if id in found and not found[id]["answers"]]
    if silent and asked.inductive is None:
        with suppress(WorkflowError):  # a model that only knows what it was trained on: its own answer stands
            found |= _answers(run, replace(asked, inductive=True), silent)
    for id in ids:
        head = {"id": id}
        row = found.get(id)
        if row is None:
            yield {**head, "reason": ABSENT.format(what="edge" if asked.of_edges else "vertex")}
            continue
        head |= {name: row[name] for name in ("name", "from", "to") if row.get(name)}
        told = list(_told(asked, row["answers"]))
        kept = [one for one in told if asked.threshold is None or (one.get("score") or 0.0) >= asked.threshold]
        if kept:
            yield from ({**head, **one} for one in kept)
        else:
            yield {**head, "reason": BELOW if told else UNSEEN if asked.inductive else NO_ANSWER}


def _answers(run: Run, asked: PredictionQuestion, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By id: name or ends, and the answers as the query gives them."""
    extra = ".with('Neptune#ml.inductiveInference').with('Neptune#ml.deterministic')" if asked.inductive else ""
    start = f"{'E' if asked.of_edges else 'V'}({', '.join(map(literal, ids))})"
    name = f"by({name_steps(asked.display)})"
    if asked.of_links:
        key, score = (", 'score'", ".by('Neptune#ml.score')") if asked.scored else ("", "")
        answers = (
            f"{asked.way}({literal(asked.label)}).with('Neptune#ml.prediction'){extra}"
            f".hasLabel({literal(asked.partner)}).project('id', 'name'{key}).by(id()).{name}{score}.fold()"
        )
    else:
        kind = "classification" if asked.task.endswith("class") else "regression"
        score = ", 'Neptune#ml.score'" if kind == "classification" else ""
        answers = f"properties({literal(asked.predicted)}{score}).with('Neptune#ml.{kind}'){extra}.value().fold()"
    head, heads = ("'id', 'from', 'to'", "by(id()).by(outV().id()).by(inV().id())")
    if not asked.of_edges:
        head, heads = "'id', 'name'", f"by(id()).{name}"
    text = (
        f"g.with('Neptune#ml.endpoint', {literal(asked.endpoint)}).with('Neptune#ml.limit', {asked.limit:d})."
        f"{start}.project({head}, 'answers').{heads}.by({answers})"
    )
    return {str(row["id"]): dict(row) for row in run(text)}


def names_of(run: Run, ids: Sequence[str]) -> dict[str, str]:
    """The names of vertices by id, of those that have one.

    Args:
        run: runs Gremlin text.
    """
    text = f"g.V({', '.join(map(literal, ids))}).project('id', 'name').by(id()).by({name_steps(None)})"
    return {str(row["id"]): str(row["name"]) for row in run(text) if row["name"]}


def name_steps(display: str | None) -> str:
    """Gremlin for the name of a vertex: by a property, else as ``DESPINA_DISPLAY`` says, else by the usual ones."""
    naming = Naming(display_properties()) if display is None else Naming.of(display)
    steps = [
        (f"hasLabel({literal(label)})." if label else "") + f"values({literal(key)}).limit(1)"
        for label, key in naming.tried()
    ]
    return f"coalesce({', '.join(steps)}, constant(''))"


def _told(asked: PredictionQuestion, answers: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The answers for one input, best first."""
    if asked.of_links:
        for answer in answers:
            told = {"prediction": answer["id"], "prediction_name": answer["name"], "score": answer.get("score")}
            yield {name: value for name, value in told.items() if value not in (None, "")}
    elif asked.task.endswith("class"):
        for value, score in zip(answers[::2], answers[1::2], strict=True):
            yield {"prediction": value, "score": score}
    else:
        for value in answers:
            off = asked.half_width
            yield {"prediction": value} | ({} if off is None else {"low": value - off, "high": value + off})
