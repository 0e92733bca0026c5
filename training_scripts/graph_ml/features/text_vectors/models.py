"""Text models that may be installed beside us. None is downloaded: a model that is not on this machine is not used."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Library = Literal["fasttext", "sentence-transformers", "spacy"]

SENTENCE_MODEL = "paraphrase-multilingual-MiniLM-L12-v2"


@dataclass(frozen=True)
class TextModel:
    """A loaded model: what it is called and what it makes of texts, float32 (n, dims)."""

    library: Library
    name: str
    dims: int
    embed: Callable[[Sequence[str], int | None], FloatArray]


class TextModelMissing(Exception):
    """The text says which package or file is not there."""


def find_model(kind: str, language: str | None, folder: Path | None) -> TextModel:
    """The model for a text feature.

    Args:
        kind: ``text_fasttext``, ``text_sbert``, ``text_sbert128``, ``text_sbert512`` or ``text_word2vec``.
        language: a fastText language code, or the name of a spaCy pipeline.
        folder: where fastText files (``cc.<language>.300.bin``) and sentence-transformers folders lie.

    Raises:
        TextModelMissing: package or model are not on this machine.
    """
    if kind == "text_fasttext":
        return load_model("fasttext", f"cc.{language or 'en'}.300.bin", folder)
    if kind == "text_word2vec":
        return load_model("spacy", language or "en_core_web_lg", folder)
    return load_model("sentence-transformers", SENTENCE_MODEL, folder)


@lru_cache(maxsize=4)
def load_model(library: Library, name: str, folder: Path | None) -> TextModel:
    """Load a model by name, once a process.

    Raises:
        TextModelMissing: package or model are not on this machine.
    """
    package = {"fasttext": "fasttext", "sentence-transformers": "sentence_transformers", "spacy": "spacy"}[library]
    if importlib.util.find_spec(package) is None:
        raise TextModelMissing(f"the package {library} is not installed")
    try:
        return _LOADERS[library](name, folder)
    except (OSError, ValueError) as error:
        raise TextModelMissing(f"the {library} model {name} is not on this machine") from error


def _fasttext(name: str, folder: Path | None) -> TextModel:
    import fasttext  # type: ignore[import-not-found, unused-ignore]

    if folder is None or not (folder / name).exists():
        raise OSError(name)
    model: Any = fasttext.load_model(str(folder / name))

    def embed(texts: Sequence[str], max_tokens: int | None) -> FloatArray:
        lines = (" ".join(text.split()[:max_tokens]) for text in texts)
        return np.array([model.get_sentence_vector(line) for line in lines], dtype=np.float32)

    return TextModel("fasttext", name, int(model.get_dimension()), embed)


def _sentence_transformers(name: str, folder: Path | None) -> TextModel:
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found, unused-ignore]

    local = folder / name if folder is not None and (folder / name).is_dir() else name
    model: Any = SentenceTransformer(str(local), local_files_only=True, device="cpu")

    def embed(texts: Sequence[str], max_tokens: int | None) -> FloatArray:
        if max_tokens is not None:
            model.max_seq_length = max_tokens
        return np.asarray(model.encode(list(texts), show_progress_bar=False), dtype=np.float32)

    return TextModel("sentence-transformers", name, int(model.get_sentence_embedding_dimension()), embed)


def _spacy(name: str, folder: Path | None) -> TextModel:
    import spacy  # type: ignore[import-not-found, unused-ignore]

    model: Any = spacy.load(name, disable=["tagger", "parser", "ner", "lemmatizer"])
    dims = int(model.vocab.vectors_length)
    if dims == 0:
        raise OSError(name)

    def embed(texts: Sequence[str], max_tokens: int | None) -> FloatArray:
        return np.array([document.vector for document in model.pipe(texts)], dtype=np.float32)

    return TextModel("spacy", name, dims, embed)


_LOADERS: dict[Library, Callable[[str, Path | None], TextModel]] = {
    "fasttext": _fasttext,
    "sentence-transformers": _sentence_transformers,
    "spacy": _spacy,
}
