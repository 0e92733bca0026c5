"""Gradient-boosted trees, trained by LightGBM where it is installed, and kept as arrays: asking them needs no library.

Source: Ke and others, "LightGBM: a highly efficient gradient boosting decision tree", 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...container import JobError
from ...projections import Floats, Ints
from .forest import LEAF, Forest
from .layers import softmax


@dataclass(frozen=True)
class Boosted:
    """Trees whose values add up.

    Attributes:
        trees: each leaf has a value for one class, or one number; 0 for the others.
    """

    trees: Forest

    def outputs(self, features: Floats) -> Floats:
        """The sum over trees: of a class what its softmax is taken of, float64, shape (rows, outputs)."""
        return self.trees.sums(np.asarray(features, dtype=np.float64))

    def probabilities(self, features: Floats) -> Floats:
        """Probabilities of the classes, float64, shape (rows, classes)."""
        return softmax(self.outputs(features))

    @property
    def linear(self) -> None:
        """No trees are."""
        return

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that must be kept."""
        return self.trees.arrays()

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Boosted:
        """The model that was kept."""
        return cls(Forest.of(arrays))


def train_boosted(
    features: Floats, targets: Ints | Floats, classes: int, options: Mapping[str, Any], random: np.random.Generator
) -> Boosted:
    """Trees for classes, or for numbers. Raises JobError where LightGBM is not installed.

    Args:
        features: float64, shape (rows, features).
        targets: class numbers from 0, or numbers with ``classes`` 0, shape (rows,).
    """
    try:
        import lightgbm
    except ImportError as error:
        raise JobError("The candidate LightGBM needs the package lightgbm: install despina[lightgbm]") from error
    goal = "regression" if not classes else "binary" if classes == 2 else "multiclass"
    parameters = {
        "objective": goal,
        **({"num_class": classes} if goal == "multiclass" else {}),
        "learning_rate": options["learningRate"],
        "num_leaves": options["maxLeaves"],
        "min_data_in_leaf": options["minLeafSize"],
        "lambda_l2": options["penalty"],
        "seed": int(random.integers(2**31)),
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    data = lightgbm.Dataset(np.ascontiguousarray(features), label=targets, free_raw_data=False)
    model = lightgbm.train(parameters, data, num_boost_round=options["numberOfTrees"])
    return Boosted(_kept(model.dump_model(), classes))


def _kept(model: Mapping[str, Any], classes: int) -> Forest:
    """The trees of a model's description; of two classes the second has the values, and the first none."""
    several = int(model["num_tree_per_iteration"])
    outputs = classes or 1
    nodes: list[tuple[int, int, int, float]] = []
    values: list[Floats] = []
    starts = []

    def add(node: Mapping[str, Any], output: int) -> int:
        place = len(nodes)
        nodes.append((LEAF, LEAF, 0, 0.0))
        held = np.zeros(outputs)
        values.append(held)
        if "leaf_value" in node:
            held[output] = node["leaf_value"]
        else:
            left, right = add(node["left_child"], output), add(node["right_child"], output)
            nodes[place] = left, right, int(node["split_feature"]), float(node["threshold"])
        return place

    for number, tree in enumerate(model["tree_info"]):
        starts.append(add(tree["tree_structure"], number % several if several > 1 else outputs - 1))
    left, right, feature, threshold = zip(*nodes, strict=True)
    return Forest(
        starts=np.array(starts, dtype=np.int64),
        left=np.array(left, dtype=np.int64),
        right=np.array(right, dtype=np.int64),
        feature=np.array(feature, dtype=np.int64),
        threshold=np.array(threshold),
        values=np.array(values),
    )
