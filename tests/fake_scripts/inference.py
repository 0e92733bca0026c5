"""A stand-in for the model's own inference code, as the inference toolkit calls it: answers with the description."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def model_fn(model_dir: str) -> dict[str, Any]:
    description: dict[str, Any] = json.loads((Path(model_dir) / "model.json").read_text())
    if description.get("broken"):
        sys.exit("this model cannot be loaded")
    return description


def predict_fn(_: Any, model: dict[str, Any]) -> dict[str, Any]:
    return {"model": model}
