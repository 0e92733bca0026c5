"""What every encoding promises, asked of each of them: those of the table, and one that comes from outside."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from training_scripts.graph_ml.features import (
    Column,
    Encode,
    Encoders,
    EncoderState,
    FeatureEncoder,
    FittedFeature,
    FittedType,
    TextColumn,
    encoding_of,
    fit_column,
    text,
)
from training_scripts.graph_ml.features.text import HashedTextState
from training_scripts.graph_ml.features.text_vectors.models import TextModel
from training_scripts.graph_ml.processing.frames import FrameColumn
from training_scripts.graph_ml.schemas import FEATURE_TYPES, FeatureSpec, FeatureType
from workflow.export.features import parse_feature
from workflow.export.labels import NodeType

Cells = list[str | None]
Options = dict[str, Any]
LOOSE = Encode(strict=False)


class Example(NamedTuple):
    """Options and cells that show what an encoding does.

    ``changed`` gives each option another value; ``later`` are cells that come only after it is fitted.
    """

    cells: Cells
    options: Options
    changed: Options
    later: Cells = []


NUMBERS: Cells = ["1", "2", "2", "9", None]
SENTENCES: Cells = ["the red fox", "the red dog", "the blue dog and the red fox", None, "zebra"]
LONG: Cells = [*SENTENCES, " ".join(f"w{i}" for i in range(600))]  # more words than any model reads
BUILT_IN: dict[str, list[Example]] = {
    "numerical": [
        Example(NUMBERS, {"imputer": "mean"}, {"norm": "standard", "imputer": "median"}),
        Example(["-3", "4", "8"], {"norm": "standard"}, {}),
        Example(["1;2", "3", None], {"separator": ";", "imputer": "mean"}, {}),
        Example(["1", "3"], {}, {"separator": ";"}, later=["7"]),
    ],
    "bucket_numerical": [
        Example(
            NUMBERS,
            {"range": (0, 12), "bucket_cnt": 4, "imputer": "median"},
            {"range": (0, 3), "bucket_cnt": 5, "slide_window_size": 3, "imputer": "mean"},
        )
    ],
    "category": [
        Example(["b", "a", "b", None], {}, {"separator": "b"}),
        Example(["a;b", "c"], {"separator": ";"}, {}),
        Example([f"{i:03d}" for i in range(101)], {}, {}),
    ],
    "datetime": [
        Example(
            ["2020-01-31T23:00:00Z", "2023-07-04", "2021-05-05", None],
            {"imputer": "median"},
            {"datetime_parts": ["month"], "imputer": "most-frequent"},
        ),
        Example(["25/12/2023", "03/02/2024 10:30 PM", "2024-05-05"], {}, {}),
    ],
    "text_tfidf": [
        Example(SENTENCES, {}, {"ngram_range": (1, 2), "min_df": 1, "max_features": 1}),
        Example([" ".join(f"w{i * j % 211}" for i in range(40)) for j in range(1, 30)], {"min_df": 1}, {}),
    ],
    "text_fasttext": [Example(SENTENCES, {"language": "en", "max_length": 2}, {"max_length": 1, "language": "fr"})],
    "text_word2vec": [Example(SENTENCES, {}, {"language": "fr"})],
    "text_sbert": [Example(LONG, {}, {})],
    "text_sbert128": [Example(LONG, {}, {})],
    "text_sbert512": [Example(LONG, {}, {})],
    "auto": [
        Example([f"k{i};m{i}" for i in range(200)] + ["k1", None], {}, {}),
        Example([*map(str, range(20)), "90", None], {}, {"norm": "standard", "imputer": "mean"}),
        Example(["a;b", "c", "c"], {}, {"separator": "b"}),
        Example(["k1", "k2", "k3"], {}, {}),
    ],
    "none": [Example(["x", None], {}, {})],
}

TOY = '''
"""The sign of a number."""

from typing import Literal

import numpy as np

from training_scripts.graph_ml.features.encoding import EncoderState, Encoding, Fitted


class SignState(EncoderState):
    kind: Literal["sign"] = "sign"
    around: float

    @property
    def columns(self):
        return 1

    @property
    def summary(self):
        return f"sign around {self.around:g}"

    def encode(self, column, how):
        return np.nan_to_num(np.sign(column.numbers() - self.around)).astype(np.float32)[:, None]


def fit(spec, column, models):
    return Fitted(SignState(around=spec.model_extra.get("around", 0.0)))


ENCODING = Encoding(fit, (SignState,), lambda spec, cells: 1)
'''


def framed(cells: Cells) -> FrameColumn:
    return FrameColumn(nw.from_native(pl.Series(cells, dtype=pl.String), series_only=True))


def fitted(type_name: str, options: Mapping[str, Any], column: Column) -> EncoderState:
    spec = FeatureSpec.model_validate({"feature": ["p", "p", type_name], **options})
    return fit_column(spec, column).state


def seen(state: EncoderState, cells: Cells, how: Encode = LOOSE) -> tuple[str, Any]:
    """Everything that tells two states apart from outside."""
    return state.summary, state.encode(TextColumn(cells), how).tolist()


def other(value: Any, field: str) -> Any:
    """Another value for a field of a state."""
    if field == "separator":
        return "|" if value else ";"
    if field == "norm":
        return "none"
    match value:
        case None:
            return True if field == "day_first" else 2
        case bool():
            return not value
        case int() | float():
            return value + 3
        case str():
            return "2022-02-02" if value[:1] == "2" else value + "x"
        case list() | tuple():
            return type(value)([*value[:-1]]) if len(value) > 1 and isinstance(value[0], str) else (2, 2)
        case dict():
            return {key: (count if place % 2 else count + 1) for place, (key, count) in enumerate(value.items())}
    raise AssertionError(f"no other value for {value!r}")


class EncoderContract:
    """Subclasses give ``type_name`` and ``examples``."""

    @pytest.fixture
    def type_name(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def examples(self) -> list[Example]:
        raise NotImplementedError

    def test_it_makes_as_many_finite_numbers_of_each_value_as_it_says(
        self, type_name: str, examples: list[Example]
    ) -> None:
        for example in examples:
            column = TextColumn(example.cells)
            state = fitted(type_name, example.options, column)
            values = state.encode(column, Encode())
            assert values.dtype == np.float32
            assert values.shape == (len(example.cells), state.columns)
            assert np.isfinite(values).all()
            assert state.makes_numbers or not state.columns
            assert state.summary.strip()
            spec = FeatureSpec.model_validate({"feature": ["p", "p", type_name], **example.options})
            assert encoding_of(type_name).expected(spec, [cell or "" for cell in example.cells]) >= 1

    def test_one_vertex_at_an_endpoint_is_encoded_as_the_whole_export_was(
        self, type_name: str, examples: list[Example]
    ) -> None:
        for example in examples:
            from_frame = fitted(type_name, example.options, framed(example.cells))
            state = fitted(type_name, example.options, TextColumn(example.cells))
            assert state == from_frame
            whole = from_frame.encode(framed(example.cells), Encode(seed=7))
            alone = [state.encode(TextColumn([cell]), Encode(seed=7)) for cell in example.cells]
            assert np.allclose(np.concatenate(alone), whole, atol=1e-6)

    def test_it_does_not_depend_on_the_order_of_the_rows(self, type_name: str, examples: list[Example]) -> None:
        for example in examples:
            state = fitted(type_name, example.options, TextColumn(example.cells))
            assert fitted(type_name, example.options, TextColumn(example.cells[::-1])) == state

    def test_what_was_fitted_survives_being_written(self, type_name: str, examples: list[Example]) -> None:
        for example in examples:
            state = fitted(type_name, example.options, TextColumn(example.cells))
            feature = FittedFeature(column="p", name="p", requested=type_name, state=state)
            document = Encoders(seed=7, types=[FittedType(node_type="N", features=[feature])])
            again = Encoders.model_validate_json(document.to_json())
            assert again == document
            encoder = FeatureEncoder(again)
            if not state.makes_numbers:
                assert encoder.widths("N") == {}
                continue
            served = encoder.encode("N", [{"p": cell} for cell in example.cells])["p"]
            assert np.array_equal(served, state.encode(TextColumn(example.cells), Encode(seed=7, strict=False)))

    def test_a_gap_or_an_unknown_value_at_an_endpoint_does_not_stop_it(
        self, type_name: str, examples: list[Example]
    ) -> None:
        for example in examples:
            state = fitted(type_name, example.options, TextColumn(example.cells))
            assert np.isfinite(state.encode(TextColumn([None]), LOOSE)).all()

    def test_everything_that_was_fitted_matters(self, type_name: str, examples: list[Example]) -> None:
        """A field that changes nothing is a rule that was forgotten, such as the rarity of a term."""
        fields: dict[tuple[str, str], bool] = {}
        for example in examples:
            state = fitted(type_name, example.options, TextColumn(example.cells))
            if type(state) not in encoding_of(type_name).states:
                continue  # of another encoding, which is asked itself
            for field in type(state).model_fields.keys() - {"kind"} - state.remarks:
                changed = state.model_copy(update={field: other(getattr(state, field), field)})
                cells = [*example.cells, *example.later]
                try:
                    differs = seen(changed, cells)[1] != seen(state, cells)[1]
                except Exception:
                    differs = True
                key = (state.kind, field)
                fields[key] = fields.get(key, False) or differs
            for field in state.remarks:
                changed = state.model_copy(update={field: "x"})
                assert changed.summary != state.summary
        # of the base class: read only where cells can hold several
        unread = {key for key, differs in fields.items() if not differs and key[1] != "separator"}
        assert unread == set()

    def test_every_option_changes_what_is_made_and_no_other_does(self, type_name: str, examples: list[Example]) -> None:
        facts = FEATURE_TYPES[type_name]
        tried = {option for example in examples for option in example.changed}
        assert tried == set(facts.options)
        for example in examples:
            column = TextColumn(example.cells)
            state = fitted(type_name, example.options, column)
            before = seen(state, example.cells)
            for option, value in example.changed.items():
                if option == "language" and isinstance(state, HashedTextState):
                    continue  # what stands in for a model knows no language, and its warning says so
                assert example.options.get(option) != value
                after = fitted(type_name, {**example.options, option: value}, column)
                assert seen(after, example.cells) != before, option
            for option, value in {"norm": "standard", "imputer": "mean", "language": "de", "max_length": 1}.items():
                if option not in facts.options:
                    after = fitted(type_name, {**example.options, option: value}, column)
                    assert seen(after, example.cells) == before, option

    def test_its_states_have_a_kind_that_no_other_encoding_has(self, type_name: str, examples: list[Example]) -> None:
        mine = {state: state.model_fields["kind"].default for state in encoding_of(type_name).states}
        others = {
            state: state.model_fields["kind"].default for name in FEATURE_TYPES for state in encoding_of(name).states
        }
        assert all(kind not in {k for s, k in others.items() if s is not state} for state, kind in mine.items())


@pytest.mark.parametrize("type_name", FEATURE_TYPES)
class TestEveryTypeOfTheTable(EncoderContract):
    @pytest.fixture
    def examples(self, type_name: str, request: pytest.FixtureRequest) -> list[Example]:
        if type_name.startswith("text_"):
            monkeypatch = request.getfixturevalue("monkeypatch")
            monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
            text.load_model.cache_clear()
        return BUILT_IN[type_name]


class TestTextModel(EncoderContract):
    """The text types where a model is installed."""

    @pytest.fixture
    def type_name(self) -> str:
        return "text_fasttext"

    @pytest.fixture
    def examples(self, monkeypatch: pytest.MonkeyPatch) -> list[Example]:
        def load(library: str, name: str, folder: Path | None) -> TextModel:
            def embed(texts: Any, max_tokens: int | None) -> Any:
                sizes = [[len(one), max_tokens or 0, len(name), len(library)] for one in texts]
                return np.array(sizes, dtype=np.float32)

            return TextModel("fasttext", name, 4, embed)

        monkeypatch.setattr(text, "load_model", load)
        monkeypatch.setattr(text, "find_model", lambda kind, language, folder: load("fasttext", language or "", folder))
        return [Example(SENTENCES, {"language": "en", "max_length": 2}, {"max_length": 1, "language": "french"})]


class TestAnEncodingFromOutside(EncoderContract):
    """One file and one line of the table."""

    @pytest.fixture(autouse=True)
    def toy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        package = tmp_path / "outside"
        package.mkdir()
        (package / "sign.py").write_text(TOY)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setitem(FEATURE_TYPES, "sign", FeatureType("outside.sign", ("around",)))
        yield
        encoding_of.cache_clear()
        for name in ("outside", "outside.sign"):
            sys.modules.pop(name, None)

    @pytest.fixture
    def type_name(self) -> str:
        return "sign"

    @pytest.fixture
    def examples(self) -> list[Example]:
        return [Example(NUMBERS, {}, {"around": 2.0})]

    def test_the_exporter_writes_it_and_processing_encodes_it(self, tmp_path: Path) -> None:
        from training_scripts.graph_ml.container import ProgressWriter
        from training_scripts.graph_ml.processing.job import ProcessingJob, process

        override = parse_feature({"type": "sign", "property": "age", "around": 15}, NodeType.of(("User",)))
        (tmp_path / "users.csv").write_text("~id,age\na,10\nb,20\n")
        (tmp_path / "likes.csv").write_text("~id,~from,~to\n1,a,b\n2,b,a\n")
        node = {
            "file_name": "users.csv",
            "node": ["~id", "User"],
            "features": [{"feature": ["age", "age", override.type], **override.options}],
        }
        edge = {
            "file_name": "likes.csv",
            "source": ["~from", "User"],
            "relation": ["", "LIKES"],
            "dest": ["~to", "User"],
            "labels": [{"label": ["", "link_prediction"], "split_rate": [1.0, 0.0, 0.0]}],
        }
        configuration = {"version": "v2.0", "graph": {"nodes": [node], "edges": [edge]}}
        (tmp_path / "training-data-configuration.json").write_text(json.dumps(configuration))
        job = ProcessingJob(input=tmp_path, output=tmp_path / "output")
        graph = process(job, ProgressWriter(tmp_path / "progress.json"), lambda line: None)
        assert graph.features["User"]["age"].tolist() == [[-1.0], [1.0]]
        assert "sign around 15" in (tmp_path / "output" / "report.html").read_text()


def test_what_words_share_counts_more_the_rarer_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two documents that share a rare word are closer than two that share a word of nearly all documents."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text.load_model.cache_clear()
    # words of six letters each, so that without weights either pair shares as much: "planet" or "common"
    rest = [
        f"common {word}" for word in ("garden", "silver", "bridge", "window", "doctor", "forest", "letter", "yellow")
    ]
    cells: Cells = ["common planet", "stream planet", *rest]
    vectors = fitted("text_sbert", {}, TextColumn(cells)).encode(TextColumn(cells), Encode())
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
