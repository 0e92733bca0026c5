"""The inference step of a traversal: where it stands, what it asks, and every refusal in Neptune's words and order.

Source: the machine-learning-gremlin-inference-query-predicates and -gremlin-exceptions pages of the user guide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Literal, TypeGuard

from workflow.errors import InternalFailure, InvalidParameter, MissingParameter, UnsupportedOperation
from workflow.gremlin.semantics.values import T
from workflow.gremlin.traversal import Instruction, P, Strategy, Traversal, children_of
from workflow.predictions.endpoint import ModelCard, PredictionService
from workflow.predictions.moments import check_moment, moment_of
from workflow.predictions.question import EdgeType, Way
from workflow.predictions.requests import incompatible
from workflow.predictions.service import endpoint_name

PREFIX, OWN_PREFIX = "Neptune#ml.", "Despina#ml."
ENDPOINT, ROLE, LIMIT, THRESHOLD = (PREFIX + name for name in ("endpoint", "iamRoleArn", "limit", "threshold"))
CLASSIFICATION, REGRESSION, PREDICTION = (PREFIX + name for name in ("classification", "regression", "prediction"))
INDUCTIVE, DETERMINISTIC = PREFIX + "inductiveInference", PREFIX + "deterministic"
FILTER_EXISTING, NO_METADATA_CACHE = PREFIX + "filterExistingEdges", PREFIX + "disableInductiveInferenceMetadataCache"
SCORE = PREFIX + "score"
RELATION = "Despina#ml.relation"  # ours: which edge label links the vertex with another
LINK_SCORE = "Despina#ml.score"  # ours: the score of a predicted link goes into its traverser's sack
AS_OF = "Despina#ml.asOf"  # ours: the moment whose graph answers
PROVENANCE = "Despina#ml.provenance"  # ours: which model and which graph snapshot an answer comes from

TASK_FLAGS = (CLASSIFICATION, REGRESSION, PREDICTION, RELATION)
_KNOWN = frozenset(
    (ENDPOINT, ROLE, LIMIT, THRESHOLD, *TASK_FLAGS, INDUCTIVE, DETERMINISTIC, FILTER_EXISTING, NO_METADATA_CACHE,
     LINK_SCORE, PROVENANCE, AS_OF)
)  # fmt: skip
#: what says something of one step, and before the first one would say nothing
_OF_STEPS = (*TASK_FLAGS, INDUCTIVE, DETERMINISTIC, LINK_SCORE)
MAX_LIMIT = 100

Kind = Literal["classification", "regression", "links", "relation"]


@dataclass(frozen=True, slots=True)
class PredictionSpec:
    """One inference step, checked as far as a query can be without its endpoint.

    ``property`` belongs to classification and regression; ``way``, ``relation`` and
    ``candidate_label`` to links; ``other_end`` to the relation with one other vertex.
    """

    kind: Kind
    endpoint: str | None = None
    role_arn: str | None = None
    limit: int = 1
    threshold: float | None = None
    property: str = ""
    with_score: bool = False
    way: Way = "out"
    relation: str = ""
    candidate_label: str = ""
    other_end: str = ""
    inductive: bool = False
    deterministic: bool = False
    filter_existing: bool = False
    provenance: bool = False
    as_of: float | None = None

    def __str__(self) -> str:
        if self.kind == "links":
            return f"{self.way}({self.relation})->{self.candidate_label}, limit {self.limit}"
        return f"{self.property or self.other_end}, {self.kind}, limit {self.limit}"


@dataclass(frozen=True, slots=True)
class FoundStep:
    """An inference step where it stands: its instructions are ``chain[start:end]``."""

    chain: tuple[Instruction, ...]
    start: int
    end: int
    modulators: Mapping[str, Any]
    in_repeat: bool

    @property
    def step(self) -> Instruction:
        return self.chain[self.start]


def inference_steps(chain: tuple[Instruction, ...], in_repeat: bool) -> Iterator[FoundStep]:
    for index, instruction in enumerate(chain):
        found = inference_step_at(chain, index, in_repeat)
        if found is not None:
            yield found
        inside = in_repeat or instruction.name in ("repeat", "until", "emit")
        for child in children_of(instruction.args):
            yield from inference_steps(child.steps, inside)


def inference_step_at(chain: tuple[Instruction, ...], index: int, in_repeat: bool = False) -> FoundStep | None:
    if chain[index].name == "with":
        return None
    end = index + 1
    while end < len(chain) and chain[end].name == "with":
        end += 1
    modulators = _options(chain[index + 1 : end])
    if not any(key in _KNOWN for key in modulators):
        return None
    return FoundStep(chain, index, end, modulators, in_repeat)


def _options(instructions: Iterable[Instruction]) -> dict[str, Any]:
    """Our keys among ``with()`` instructions; a flag set to false counts as absent."""
    found: dict[str, Any] = {}
    for instruction in instructions:
        key = instruction.args[0] if instruction.args else None
        if not isinstance(key, str) or not key.startswith((PREFIX, OWN_PREFIX)):
            continue
        if key not in _KNOWN:
            close = get_close_matches(key, _KNOWN, 1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise InvalidParameter(f"{key} is not known; {meant}known are {', '.join(sorted(_KNOWN))}")
        value = instruction.args[1] if len(instruction.args) > 1 else True
        if value is not False:
            found[key] = value
    return found


def source_options(traversal: Traversal) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for instruction in traversal.source:
        if instruction.name == "with":
            found |= _options([instruction])
        elif instruction.name == "withStrategies":
            for strategy in instruction.args:
                if isinstance(strategy, Strategy) and strategy.name.rpartition(".")[2] == "OptionsStrategy":
                    found |= _options(Instruction("with", item) for item in strategy.configuration.items())
    for key in _OF_STEPS:
        if key in found:
            where = "out() or in()" if key in (PREDICTION, LINK_SCORE) else "properties()"
            if key in (INDUCTIVE, DETERMINISTIC):
                where = f"{PREDICTION}, {CLASSIFICATION} or {REGRESSION}"
            raise InvalidParameter(
                f"{key} has no effect before the first step of a query; write .with('{key}') after {where}"
            )
    return found


# -- checking, in Neptune's order


def check_count(steps: Sequence[FoundStep]) -> None:
    flags = [[flag for flag in TASK_FLAGS if flag in asking.modulators] for asking in steps]
    asked = {flag for several in flags for flag in several}
    if CLASSIFICATION in asked and REGRESSION in asked:
        raise InvalidParameter("Both regression and classification ML predicates cannot be specified in the query.")
    if len(steps) > 1 or any(len(several) > 1 for several in flags):
        raise UnsupportedOperation(
            "Neptune ML inference queries are currently supported only with one ML inference query per gremlin query."
        )
    asking = steps[0]
    if asking.in_repeat:
        raise UnsupportedOperation("Neptune ML inference queries are currently not supported inside a repeat step.")
    name = asking.step.name
    if PREDICTION in asked and name == "both":
        raise UnsupportedOperation("ML inference queries are currently not supported with both() step.")
    if not asked:
        raise InvalidParameter(
            f"{name}() is given {', '.join(asking.modulators)} but no task; add one of {CLASSIFICATION}, {REGRESSION} "
            f"(on properties()) or {PREDICTION} (on in() or out())"
        )
    (flag,) = asked
    places = ("out", "in") if flag == PREDICTION else ("properties", "values")
    if name not in places:
        raise UnsupportedOperation(f"{flag} belongs to {places[0]}() or {places[1]}(), not to {name}().")


def read_spec(found: FoundStep, given: Mapping[str, Any]) -> PredictionSpec:
    spec = PredictionSpec(kind=_kind(found.modulators))
    if spec.kind == "links":
        spec = _links(found, spec)
    elif spec.kind == "relation":
        spec = replace(spec, other_end=_other_end(found), with_score=SCORE in found.step.args)
    else:
        spec = _properties(found, spec)
    merged = {**given, **found.modulators}
    return replace(
        spec,
        endpoint=_text(merged, ENDPOINT, "Invalid endpoint provided for external service query."),
        role_arn=_text(merged, ROLE, "Invalid IAM role ARN provided for external service query."),
        limit=1 if spec.kind == "regression" else _limit(merged.get(LIMIT, 1)),
        threshold=None if spec.kind == "regression" else _threshold(merged.get(THRESHOLD)),
        inductive=INDUCTIVE in found.modulators,
        deterministic=DETERMINISTIC in found.modulators,
        filter_existing=FILTER_EXISTING in merged,
        provenance=PROVENANCE in merged,
        as_of=moment_of(merged.get(AS_OF), AS_OF),
    )


def _kind(modulators: Mapping[str, Any]) -> Kind:
    kinds: dict[str, Kind] = {
        CLASSIFICATION: "classification", REGRESSION: "regression", PREDICTION: "links", RELATION: "relation",
    }  # fmt: skip
    return next(kind for flag, kind in kinds.items() if flag in modulators)


def _properties(found: FoundStep, spec: PredictionSpec) -> PredictionSpec:
    keys = list(dict.fromkeys(_flat(found.step.args)))
    real = [key for key in keys if key != SCORE]
    with_score = len(real) < len(keys)
    if not keys:
        raise MissingParameter("Property key needs to be specified using properties() step for ML inference queries.")
    if not real:
        raise MissingParameter(
            "Property key needs to be specified along with Neptune#ml.score property key while using the properties() "
            "step for Neptune ML inference queries."
        )
    if len(real) > 1 and with_score:
        raise InvalidParameter(
            "Neptune ML inference queries are currently supported for one property key and one Neptune#ml.score "
            "property key."
        )
    if len(real) > 1:
        raise InvalidParameter("ML inference queries are currently supported for one property key.")
    return replace(spec, property=str(real[0]), with_score=with_score)


def _links(found: FoundStep, spec: PredictionSpec) -> PredictionSpec:
    labels = list(dict.fromkeys(_flat(found.step.args)))
    if not labels:
        raise MissingParameter(
            "Edge label needs to be specified while using in() or out() step for ML inference queries."
        )
    if len(labels) > 1:
        raise InvalidParameter("ML inference are currently supported only with one edge label.")
    candidates = [label for _, several, _ in label_filters(found) for label in several]
    if not candidates:
        raise UnsupportedOperation(
            "Predicted vertex label needs to be specified using has() step for ML inference queries."
        )
    if len(set(candidates)) > 1:
        raise InvalidParameter("ML inference are currently supported only with one vertex label constraint.")
    way: Way = "in" if found.step.name == "in" else "out"
    with_score = LINK_SCORE in found.modulators
    return replace(spec, way=way, relation=str(labels[0]), candidate_label=candidates[0], with_score=with_score)


def label_filters(found: FoundStep) -> Iterator[tuple[int, list[str], Instruction | None]]:
    """The label constraints behind a predicted hop: position, labels, what is left of the instruction.

    Other tests of the predicted vertex may stand before them: the label is a matter of what is asked, the tests of what
    comes back.
    """
    for index in range(found.end, len(found.chain)):
        instruction = found.chain[index]
        args = instruction.args
        if instruction.name == "hasLabel":
            yield index, _labels_of(args), None
        elif instruction.name == "has" and len(args) == 2 and args[0] is T.label:
            yield index, _labels_of(args[1:]), None
        elif instruction.name == "has" and len(args) == 3:
            yield index, _labels_of(args[:1]), Instruction("has", args[1:])
        elif instruction.name not in ("as", "has", "hasId", "hasNot", "filter"):
            return


def _labels_of(args: Iterable[Any]) -> list[str]:
    found: list[str] = []
    for arg in args:
        if isinstance(arg, P):
            if arg.name not in ("eq", "within"):
                raise UnsupportedOperation(
                    "Predicted vertex label needs to be specified using has() step for ML inference queries."
                )
            found += _labels_of(arg.args)
        elif isinstance(arg, list | tuple | set | frozenset):
            found += _labels_of(arg)
        elif isinstance(arg, str):
            found.append(arg)
    return found


def _other_end(found: FoundStep) -> str:
    value = found.modulators[RELATION]
    if not isinstance(value, str):
        raise MissingParameter(f'{RELATION} needs the id of the other vertex: with("{RELATION}", "id")')
    return value


def _flat(args: Iterable[Any]) -> Iterator[Any]:
    for arg in args:
        if isinstance(arg, list | tuple):
            yield from _flat(arg)
        elif arg is not None:
            yield arg


def _text(options: Mapping[str, Any], key: str, complaint: str) -> str | None:
    value = options.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidParameter(complaint)
    return value


def _limit(value: object) -> int:
    if _is_number(value) and float(value).is_integer() and 1 <= value <= MAX_LIMIT:
        return int(value)
    raise InvalidParameter(f"{LIMIT} must be a whole number from 1 to {MAX_LIMIT}, found {value!r}.")


def _threshold(value: object) -> float | None:
    if value is None:
        return None
    if _is_number(value) and not math.isnan(value):
        return float(value)
    raise InvalidParameter(f"{THRESHOLD} must be a number, found {value!r}.")


def _is_number(value: object) -> TypeGuard[int | float | Decimal]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def check_endpoint(spec: PredictionSpec, service: PredictionService | None) -> None:
    """The form of endpoint and role; with a service also whether the endpoint exists and its model fits."""
    if spec.endpoint is not None:
        endpoint_name(spec.endpoint)
    if service is None:
        return
    if spec.endpoint is not None:
        service.check_role(spec.role_arn)
    endpoint = service.resolve(spec.endpoint)
    service.check_role(spec.role_arn)
    check_model(spec, service.describe(endpoint))


_TASKS_OF_KIND: dict[Kind, tuple[str, ...]] = {
    "classification": ("node_class", "edge_class"),
    "regression": ("node_regression", "edge_regression"),
    "links": ("link_prediction",),
    "relation": ("link_prediction",),
}


def check_model(spec: PredictionSpec, card: ModelCard | None) -> None:
    """Raises ConstraintViolation or InvalidParameter where the model behind the endpoint cannot answer the query."""
    if card is None:
        return
    if card.task not in _TASKS_OF_KIND[spec.kind]:
        raise incompatible(f"The query asks for {spec.kind}, the model of the endpoint was trained for {card.task}.")
    properties = {target.property for target in card.targets if target.property}
    if spec.property and properties and spec.property not in properties:
        raise incompatible(
            f"The query asks for {spec.property!r}, the model of the endpoint predicts {', '.join(sorted(properties))}."
        )
    if spec.kind == "links" and card.targets and not predicted_edge_types(spec, card):
        known = sorted(f"({t.source})-{t.relation}-({t.target})" for t in _edge_types(card))
        end = "to" if spec.way == "out" else "from"
        raise InvalidParameter(
            f"The model of the endpoint does not predict {spec.relation!r} edges {end} {spec.candidate_label!r}; "
            f"it predicts {', '.join(known)}."
        )
    check_moment(spec.as_of, spec.inductive, card, AS_OF)
    if spec.inductive and not card.inductive:
        raise InternalFailure("Neptune ML cannot find the metadata file for Real-Time Inductive Inference in S3.")


def predicted_edge_types(spec: PredictionSpec, card: ModelCard) -> list[EdgeType]:
    """The edge types of the model that a link query means; several where the label is one of many of a node type."""
    found = [
        edge_type
        for edge_type in _edge_types(card)
        if edge_type.relation == spec.relation
        and spec.candidate_label in node_type_labels(edge_type.target if spec.way == "out" else edge_type.source)
    ]
    exact = [
        edge_type
        for edge_type in found
        if (edge_type.target if spec.way == "out" else edge_type.source) == spec.candidate_label
    ]
    return exact or found


def node_type_labels(node_type: str) -> list[str]:
    """The labels of a node type such as ``Admin;Person``, and the type itself."""
    return [node_type, *node_type.split(";")]


def _edge_types(card: ModelCard) -> list[EdgeType]:
    return [target.edge_type for target in card.targets if target.edge_type is not None]
