"""Several questions in one call of an endpoint: which go together, what is asked for all, and who gets what."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

from workflow.predictions.question import LinkQuery, NodeInput, Predictions, PropertyQuery, Question, RelationQuery
from workflow.predictions.requests import inputs_of

MOST_SHARED = 256
"""Inputs of one shared call: enough for a crowd of point predictions, little enough that nobody waits for long."""


def kind_of(question: Question) -> Hashable | None:
    """Questions of one kind can share a call; None for one that is asked by itself."""
    inputs = inputs_of(question)
    if question.subgraph is not None or not 0 < len(inputs) <= MOST_SHARED:
        return None
    if isinstance(question, RelationQuery):
        return "relation", question.topk, question.as_of
    if isinstance(question, LinkQuery):
        return question.relation, question.way, question.candidate_type, question.topk, question.as_of, question.mask
    first = question.inputs[0]
    return isinstance(first, NodeInput), first.type, question.task, question.property, question.topk, question.as_of


def companions(first: Question, waiting: Sequence[Question]) -> list[int]:
    """Where in ``waiting`` the questions stand that can go with ``first`` into one call."""
    kind = kind_of(first)
    if kind is None:
        return []
    found: list[int] = []
    size = len(inputs_of(first))
    excluded = dict(first.exclude) if isinstance(first, LinkQuery) else {}
    seen = set(inputs_of(first))
    for place, question in enumerate(waiting):
        inputs = inputs_of(question)
        if kind_of(question) != kind or size + len(inputs) > MOST_SHARED:
            continue
        if isinstance(question, LinkQuery):
            # a call has one list of exclusions for each input
            if any(one in seen and question.exclude.get(one) != excluded.get(one) for one in inputs):
                continue
            excluded.update(question.exclude)
        found.append(place)
        seen.update(inputs)
        size += len(inputs)
    return found


def merged(questions: Sequence[Question]) -> Question:
    """One question that asks about everything that several of one kind ask about, each input once."""
    first, *others = questions
    if not others:
        return first
    inputs: Any = tuple(dict.fromkeys(one for question in questions for one in inputs_of(question)))
    patience = [question.timeout_s for question in questions]
    timeout_s = None if None in patience else max(one for one in patience if one is not None)
    if isinstance(first, RelationQuery):
        return replace(first, pairs=inputs, timeout_s=timeout_s)
    if isinstance(first, PropertyQuery):
        return replace(first, inputs=inputs, timeout_s=timeout_s)
    excluded = {
        id: names for question in questions if isinstance(question, LinkQuery) for id, names in question.exclude.items()
    }
    return replace(first, inputs=inputs, exclude=excluded, timeout_s=timeout_s)


def shares(questions: Sequence[Question], whole: Question, answer: Predictions) -> list[Predictions]:
    """The part of the answer to ``merged(questions)`` that belongs to each of them."""
    if len(questions) == 1:
        return [answer]
    results = dict(zip(inputs_of(whole), answer.results, strict=True))
    return [replace(answer, results=tuple(results[one] for one in inputs_of(question))) for question in questions]
