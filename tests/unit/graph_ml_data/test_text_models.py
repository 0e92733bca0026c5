"""Text models beside us: used where they are, named where they are not, never fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from training_scripts.graph_ml.features import TextColumn, encode_column, fit_column, text
from training_scripts.graph_ml.features.text import TextModelState
from training_scripts.graph_ml.features.text_vectors import models as text_models
from training_scripts.graph_ml.features.text_vectors.models import TextModel, TextModelMissing, find_model
from training_scripts.graph_ml.schemas import FeatureSpec

SPEC = FeatureSpec(feature=("bio", "bio", "text_sbert512"))


def lengths(texts: Sequence[str], max_tokens: int | None) -> np.ndarray:
    return np.array([[len(one), max_tokens or 0] for one in texts], dtype=np.float32)


def test_a_model_that_is_there_makes_the_vectors_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = TextModel("sentence-transformers", "lengths", 2, lengths)
    monkeypatch.setattr(text, "find_model", lambda kind, language, folder: model)
    monkeypatch.setattr(text, "load_model", lambda library, name, folder: model)
    column = TextColumn(["ab", None, "abc"])
    fitted = fit_column(SPEC, column)
    assert fitted.warnings == ()
    assert fitted.state == TextModelState(
        requested="text_sbert512", library="sentence-transformers", model="lengths", dims=2, max_tokens=512
    )
    # a missing text is zero
    assert encode_column(fitted.state, column).tolist() == [[2, 512], [0, 0], [3, 512]]


def test_a_model_that_went_away_stops_a_later_encoding() -> None:
    state = TextModelState(requested="text_fasttext", library="fasttext", model="cc.xx.300.bin", dims=300)
    with pytest.raises(TextModelMissing, match=r"fasttext"):
        encode_column(state, TextColumn(["a"]), models=Path("/nowhere"))


@pytest.mark.parametrize(
    ("kind", "package"),
    [("text_fasttext", "fasttext"), ("text_sbert", "sentence-transformers"), ("text_word2vec", "spacy")],
)
def test_a_missing_package_is_named(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text_models.load_model.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TextModelMissing, match=f"the package {package} is not installed"):
        find_model(kind, "en", None)


def test_features_bring_no_data_frames_and_no_torch() -> None:
    import subprocess
    import sys

    script = (
        "import sys; import training_scripts.graph_ml.features\n"
        "heavy = {'torch', 'polars', 'narwhals', 'pandas', 'pyarrow', 'scipy', 'sklearn', 'dgl'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
