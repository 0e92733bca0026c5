"""How far predicted numbers are from true ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def regression_metrics(predicted: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    """mse, rmse and mae; NaN where there is nothing to judge.

    Args:
        predicted, truth: shape (n,), float32 or float64.
    """
    if not len(truth):
        return dict.fromkeys(("mse", "rmse", "mae"), float("nan"))
    error = predicted.astype(np.float64) - truth.astype(np.float64)
    mse = float(np.mean(error**2))
    return {"mse": mse, "rmse": mse**0.5, "mae": float(np.mean(np.abs(error)))}
