"""Feature overrides: the twelve types, what each checks, and the entry each writes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from training_scripts.graph_ml.schemas import (
    DATETIME_PARTS,
    FEATURE_TYPES,
    IMPUTERS,
    NORMS,
    OPTION_ALIASES,
    feature_type,
)
from workflow.errors import InvalidParameter
from workflow.export.labels import EdgeTriple, NodeType

_FASTTEXT_LANGUAGES = ("en", "zh", "hi", "es", "fr")
_WORD2VEC_LANGUAGES = ("en_core_web_lg",)


@dataclass(frozen=True, slots=True)
class FeatureOverride:
    """How the properties of one label set are to be encoded, instead of what the schema suggests.

    ``options`` is what is written beside ``feature``, in order; ``warnings`` is what the configuration must say about
    each property, with ``{property}`` to fill in.
    """

    on: NodeType | EdgeTriple
    type: str
    properties: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    separator: str | None = None
    warnings: tuple[str, ...] = ()


def parse_feature(entry: Mapping[str, Any], on: NodeType | EdgeTriple) -> FeatureOverride:
    """One entry of ``features``. Raises InvalidParameter with the exporter's texts."""
    try:
        type_name = feature_type(entry.get("type", ""))
    except ValueError as error:
        raise InvalidParameter(str(error)) from None
    properties = _properties(entry, on, type_name)
    kind = f"{_kind(on)} feature" if FEATURE_TYPES[type_name].listed_last else f"{type_name} feature"
    context = f"{kind} (Label: {_named(on)}, Property: {', '.join(properties)})"
    options, warnings = _OPTIONS.get(type_name, _given)(entry, context)
    separator = entry.get("separator")
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise InvalidParameter(f"Error parsing 'separator' field for {context}. Expected a string of one character.")
    return FeatureOverride(on, type_name, properties, options, separator, warnings)


def _properties(entry: Mapping[str, Any], on: NodeType | EdgeTriple, type_name: str) -> tuple[str, ...]:
    one, several = entry.get("property"), entry.get("properties")
    if isinstance(several, str):
        several = [several]
    if isinstance(one, str) and one:
        return (one,)
    named = isinstance(several, list) and several and all(isinstance(name, str) and name for name in several)
    facts = FEATURE_TYPES[type_name]
    if named and facts.several:
        return tuple(several or ())
    if facts.listed_last:
        raise InvalidParameter(
            "Expected a 'property' field with a string value, or a 'properties' field with an array value "
            f"for {_kind(on)} feature (Label: {_named(on)})."
        )
    raise InvalidParameter(
        f"Error parsing 'property' field for {type_name} feature (Label: {_named(on)}). "
        "Expected a 'property' field with a string value."
    )


def _kind(on: NodeType | EdgeTriple) -> str:
    return "node" if isinstance(on, NodeType) else "edge"


def _named(on: NodeType | EdgeTriple) -> str:
    return on.text if isinstance(on, NodeType) else on.bracketed


_Options = tuple[dict[str, Any], tuple[str, ...]]


def _given(entry: Mapping[str, Any], context: str) -> _Options:
    """The options of a type that the exporter knows no rule for, as they were given."""
    known = FEATURE_TYPES[feature_type(entry["type"])].options
    return {name: entry[name] for name in known if name != "separator" and entry.get(name) is not None}, ()


def _imputer(entry: Mapping[str, Any], context: str) -> dict[str, Any]:
    value = _either(entry, "imputer")
    if value is None:
        return {}
    spelled = "most-frequent" if value == "most_frequent" else value
    return {"imputer": _one_of(spelled, "imputer", IMPUTERS, context)}


def _either(entry: Mapping[str, Any], option: str) -> Any:
    return entry.get(option, entry.get(OPTION_ALIASES[option]))


def _one_of(value: object, name: str, valid: tuple[str, ...], context: str) -> str:
    if value not in valid:
        choices = ", ".join(f"'{one}'" for one in valid)
        raise InvalidParameter(f"Invalid '{name}' value for {context}: '{value}'. Valid values are: {choices}.")
    return str(value)


def _category(entry: Mapping[str, Any], context: str) -> _Options:
    if entry.get("imputer") is not None:
        raise InvalidParameter(f"Invalid 'imputer' field for {context.partition(' (')[0]}.")
    return {}, ()


def _numerical(entry: Mapping[str, Any], context: str) -> _Options:
    norm = _one_of(entry.get("norm", "min-max"), "norm", NORMS, context)
    return {"norm": norm, **_imputer(entry, context)}, ()


def _auto(entry: Mapping[str, Any], context: str) -> _Options:
    return _imputer(entry, context), ()


def _bucket(entry: Mapping[str, Any], context: str) -> _Options:
    if entry.get("separator") is not None:
        raise InvalidParameter(
            "Invalid 'separator' field for bucket_numerical feature. "
            "Bucket numerical feature property cannot contain multiple values."
        )
    span = entry.get("range")
    if not isinstance(span, list) or len(span) != 2 or not all(_is_number(one) for one in span):
        raise InvalidParameter(f"Error parsing 'range' field for {context}. Expected an array with 2 numeric values.")
    count = _either(entry, "bucket_cnt")
    if not _is_integer(count):
        raise InvalidParameter(f"Error parsing 'bucket_cnt' field for {context}. Expected an integer.")
    window = entry.get("slide_window_size", 0)
    if not _is_number(window):
        raise InvalidParameter(f"Error parsing 'slide_window_size' field for {context}. Expected a numeric value.")
    imputer = _imputer(entry, context)
    warnings = () if imputer else (
        "'imputer' value missing for bucket_numerical feature for '{property}'. "
        "Preprocessing will exit when it encounters an missing value.",
    )  # fmt: skip
    return {"range": sorted(span), "bucket_cnt": count, "slide_window_size": window, **imputer}, warnings


def _datetime(entry: Mapping[str, Any], context: str) -> _Options:
    parts = entry.get("datetime_parts") or list(DATETIME_PARTS)
    if not isinstance(parts, list):
        raise InvalidParameter(f"Error parsing 'datetime_parts' field for {context}. Expected an array of strings.")
    return {
        "datetime_parts": [_one_of(part, "datetime_parts", DATETIME_PARTS, context) for part in parts],
        **_imputer(entry, context),
    }, ()


def _fasttext(entry: Mapping[str, Any], context: str) -> _Options:
    language = entry.get("language")
    if not isinstance(language, str) or not language:
        known = ", ".join(f"'{language}'" for language in _FASTTEXT_LANGUAGES)
        raise InvalidParameter(
            f"Error parsing 'language' field for text_fasttext feature. Expected one of the following values: {known}."
        )
    options: dict[str, Any] = {"language": language}
    if entry.get("max_length") is not None:
        if not _is_integer(entry["max_length"]):
            raise InvalidParameter(
                "Error parsing 'max_length' field for text_fasttext feature. Expected an integer value."
            )
        options["max_length"] = entry["max_length"]
    warnings = () if language in _FASTTEXT_LANGUAGES else (_language("text_fasttext", language, _FASTTEXT_LANGUAGES),)
    return options, warnings


def _word2vec(entry: Mapping[str, Any], context: str) -> _Options:
    language = entry.get("language") or "en_core_web_lg"
    languages = [language] if isinstance(language, str) else language
    if not isinstance(languages, list) or not all(isinstance(language, str) for language in languages):
        raise InvalidParameter(f"Error parsing 'language' field for {context}. Expected a string, or an array.")
    unknown = [language for language in languages if language not in _WORD2VEC_LANGUAGES]
    return {"language": languages}, tuple(_language("text_word2vec", one, _WORD2VEC_LANGUAGES) for one in unknown)


def _language(type_name: str, language: str, supported: tuple[str, ...]) -> str:
    names = ", ".join(f"'{one}'" for one in supported)
    # braces in a language name must survive the later format()
    shown = language.replace("{", "{{").replace("}", "}}")
    return (
        f"Unsupported language for {type_name} feature for '{{property}}': '{shown}'. "
        f"Supported languages are: {names}. "
        "The output embedding is not guaranteed to be valid if you supply another language."
    )


def _tfidf(entry: Mapping[str, Any], context: str) -> _Options:
    """The guide calls the options optional, the exporter requires them; absent ones take the guide's defaults."""
    ngrams = entry.get("ngram_range", [1, 1])
    if not isinstance(ngrams, list) or len(ngrams) != 2 or not all(_is_number(ngram) for ngram in ngrams):
        raise InvalidParameter(
            f"Error parsing 'ngram_range' field for {context}. Expected an array with 2 numeric values."
        )
    options: dict[str, Any] = {"ngram_range": ngrams}
    for name, default in (("min_df", 2), ("max_features", 5000)):
        value = entry.get(name, default)
        if not _is_integer(value):
            raise InvalidParameter(f"Error parsing '{name}' field for {context}. Expected an integer value.")
        options[name] = value
    return options, ()


def _is_number(value: object) -> bool:
    """Whether it is a number that a double can hold; NaN is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


_OPTIONS: dict[str, Callable[[Mapping[str, Any], str], _Options]] = {
    "category": _category,
    "numerical": _numerical,
    "auto": _auto,
    "bucket_numerical": _bucket,
    "datetime": _datetime,
    "text_fasttext": _fasttext,
    "text_word2vec": _word2vec,
    "text_tfidf": _tfidf,
}
