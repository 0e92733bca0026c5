"""What a head takes, from its weights alone."""

from __future__ import annotations

import numpy as np

from training_scripts.graph_ml.models.network.heads import Head


def test_an_item_with_own_features_has_the_columns_of_its_ends_and_its_own() -> None:
    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.float32)

    # ends of 6 numbers; 2 own features become 5, so the hidden layer sees 11
    own = {"w0": zeros(5, 2), "b0": zeros(5), "own_mean": zeros(2), "own_scale": np.ones(2, dtype=np.float32)}
    head = Head("number", {**own, "w1": zeros(4, 11), "b1": zeros(4), "w2": zeros(1, 4), "b2": zeros(1)})
    assert head.columns == 8
    assert head(zeros(3, head.columns)).shape == (3, 1)
