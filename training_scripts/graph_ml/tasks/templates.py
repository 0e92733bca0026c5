"""``model-hpo-configuration.json``: what to search for which family, task and size of graph.

The only complete set the service publishes is the one for rgcn on node classification; it is followed for graphs of
ordinary size, but for learned vectors beside features, which it fixes on and here are searched. For small
graphs batches hold everything and epochs grow. Families declare their own ranges; see ``models/settings``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..models.families import families
from ..models.family import Family, KnowledgeFamily
from ..models.settings import Scale, searched
from ..schemas import DEFAULT_FAMILY, EvalMetric, HpoModel, HpoParameter, ModelHpoConfiguration, TaskType

AUTO = "auto"
ACC_TOPK = 3


def templates(
    task: TaskType,
    metric: str,
    items: int,
    model_type: str,
    relations: int = 1,
    among: bool = True,
    predicted: int = 1,
    vertices: int = 0,
) -> dict[str, ModelHpoConfiguration]:
    """A configuration for each family that fits the task, the default one first.

    Args:
        task: what is learned.
        metric: what is optimised.
        items: how many nodes or edges there are to train on.
        model_type: ``heterogeneous`` or ``kge``; the latter is for link prediction alone.
        relations: edge types of the graph.
        among: whether some edges link vertices of the labelled type with each other.
        predicted: edge types whose links are learned.
        vertices: of all types; 0 where nobody counted them.

    Returns:
        By name. The default lets the tuner choose the family; knowledge graphs begin with the first embedding.
    """
    scale = Scale(task, items, relations, among, predicted, vertices)
    able = [family for family in families(task) if family.fits(scale)]
    fitting = sorted(
        able,
        key=lambda family: (not family.first_for(scale), scale.knowledge and not isinstance(family, KnowledgeFamily)),
    )
    single = {family.name: _configuration(family.name, scale, metric, [family]) for family in fitting}
    knowledge = {family.name: single[family.name] for family in fitting if isinstance(family, KnowledgeFamily)}
    if task == "link_prediction" and model_type == "kge":
        return {**knowledge, **single}
    compared = [family for family in fitting if family.compared or (scale.knowledge and family is fitting[0])]
    return {AUTO: _configuration(DEFAULT_FAMILY, scale, metric, compared), **single}


def _configuration(name: str, scale: Scale, metric: str, compared: Sequence[Family]) -> ModelHpoConfiguration:
    """One family's configuration, or that of several from which the tuner chooses.

    Of several, what families have alike is one parameter that names them.
    """
    evaluated = EvalMetric(metric=metric, topk=ACC_TOPK if metric == "acc_topk" else None)
    chosen = HpoModel(model=name, task_type=scale.task, eval_metric=evaluated)
    merged: dict[tuple[str, str], HpoParameter] = {}
    for family in compared:
        for tier, parameters in searched(family.settings, scale).items():
            for parameter in parameters:
                if parameter.param in family.unused:
                    continue
                key = (tier, json.dumps(parameter.model_dump(), sort_keys=True))
                if key not in merged:
                    merged[key] = parameter
                    getattr(chosen, tier).append(parameter)
                if len(compared) > 1:
                    merged[key].models = [*(merged[key].models or []), family.name]
    if len(compared) > 1:
        first = next((family.name for family in compared if not family.baseline), compared[0].name)
        options = [family.name for family in compared]
        choice = HpoParameter(param="model", type="str", options=options, default=first)
        chosen.tier1.insert(0, choice)
    return ModelHpoConfiguration(models=[chosen])
