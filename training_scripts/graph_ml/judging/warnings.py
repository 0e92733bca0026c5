"""What to say of a model before anybody relies on it."""

from __future__ import annotations

from collections.abc import Mapping

from ..schemas.model import SPLIT_NAMES, Split

#: what floors are called where people read
FLOOR_NAMES = {
    "adamic_adar": "Adamic–Adar",
    "l3": "L3",
    "ease": "EASE",
    "constant": "a constant answer",
    "features_alone": "features alone",
    "label_propagation": "label propagation",
    "bias": "source and target bias",
}
#: figures of which people speak, beside the one that is tuned
HEADLINES = ("mrr", "hits@10", "auc", "acc", "F1", "roc_auc", "average_precision", "rmse")
MINIMISED = ("mse", "rmse", "mae")


def lost_to_floors(
    splits: Mapping[Split, Mapping[str, float]],
    floors: Mapping[Split, Mapping[str, Mapping[str, float]]],
    objective: str,
) -> list[str]:
    """A sentence for every split and floor that has a better figure than the model, the tuned figure first."""
    found = []
    for split, values in splits.items():
        for name, floor in floors.get(split, {}).items():
            metrics = [objective, *(metric for metric in HEADLINES if metric != objective)]
            lost = [m for m in metrics if m in values and m in floor and better(floor[m], values[m], m)]
            if lost:
                figures = ", ".join(f"{m} {floor[m]:.4g} against {values[m]:.4g}" for m in lost)
                found.append(
                    f"{FLOOR_NAMES.get(name, name)} beats this model on the {SPLIT_NAMES[split]} split: {figures}"
                )
    return found


def better(one: float, other: float, metric: str) -> bool:
    """Whether one figure is better than another, by more than rounding."""
    gap = other - one if metric in MINIMISED else one - other
    return gap > 1e-9
