"""Metrics, by hand where hands suffice and against scikit-learn where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as judge

from training_scripts.graph_ml.judging.metrics import (
    Exclusions,
    auc,
    classification_metrics,
    filtered_ranks,
    hits_at,
    mean_reciprocal_rank,
    rank_of_true,
    ranking_metrics,
    ranks_clearly_better,
    regression_metrics,
)


def index(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_tied_scores_share_the_middle_rank() -> None:
    # 0.9 beats the true 0.5; one rival ties with it: ranks 2 and 3, so 2.5
    assert rank_of_true(np.array([[0.9, 0.5, 0.5, 0.1]]), index(1)).tolist() == [2.5]


def test_a_constant_scorer_gets_the_middle_of_all_ranks() -> None:
    # five candidates, all tied: ranks 1..5, mean 3
    assert rank_of_true(np.zeros((1, 5)), index(4)).tolist() == [3.0]


def test_an_excluded_rival_does_not_push_the_true_one_down() -> None:
    scores = np.array([[0.9, 0.5, 0.7, 0.1]])
    assert rank_of_true(scores, index(1), (index(0), index(0))).tolist() == [2.0]


def test_the_true_candidate_takes_part_even_if_it_is_excluded() -> None:
    assert rank_of_true(np.array([[0.9, 0.5]]), index(1), (index(0, 0), index(0, 1))).tolist() == [1.0]


def test_a_score_that_is_no_number_is_the_worst() -> None:
    assert rank_of_true(np.array([[np.nan, 0.5]]), index(1)).tolist() == [1.0]
    assert rank_of_true(np.array([[np.nan, 0.5]]), index(0)).tolist() == [2.0]


def test_blocks_give_the_ranks_of_the_whole() -> None:
    rng = np.random.default_rng(3)
    table = rng.integers(0, 4, size=(20, 30)).astype(np.float32)  # few values, many ties
    queries, true = rng.integers(0, 20, 57), rng.integers(0, 30, 57)
    known = Exclusions.from_edges(20, [(rng.integers(0, 20, 40), rng.integers(0, 30, 40))])
    whole = filtered_ranks(lambda q: table[q], queries, true, known, block=1000)
    parts = filtered_ranks(lambda q: table[q], queries, true, known, block=7)
    assert parts.tolist() == whole.tolist()
    for rank, query, partner in zip(whole, queries, true, strict=True):
        out = set(known.indices[known.indptr[query] : known.indptr[query + 1]].tolist()) | {partner}
        rivals = np.array([table[query, c] for c in range(30) if c not in out])
        own = table[query, partner]
        assert rank == 1 + (rivals > own).sum() + (rivals == own).sum() / 2


def test_the_query_itself_is_no_candidate_when_it_is_left_out() -> None:
    table = np.eye(3)
    ranks = filtered_ranks(lambda q: table[q], index(0), index(1), exclude_self=True)
    assert ranks.tolist() == [1.5]  # ties with node 2 only


def test_exclusions_of_several_lists_are_joined() -> None:
    known = Exclusions.from_edges(3, [(index(2, 0), index(5, 6)), (index(2), index(7))])
    rows, columns = known.pairs(index(2, 1, 0, 2))
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 5), (0, 7), (2, 6), (3, 5), (3, 7)]


def test_mrr_and_hits_of_known_ranks() -> None:
    ranks = np.array([1.0, 2.0, 4.0, 20.0])
    assert mean_reciprocal_rank(ranks) == pytest.approx((1 + 0.5 + 0.25 + 0.05) / 4)
    assert hits_at(ranks, 3) == 0.5
    assert ranking_metrics(ranks)["hits@50"] == 1.0
    assert np.isnan(ranking_metrics(np.empty(0))["mrr"])


def test_auc_agrees_with_scikit_learn_under_ties() -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(2, 9, 200) / 3, rng.integers(0, 7, 300) / 3
    truth = np.r_[np.ones(200), np.zeros(300)]
    assert auc(positive, negative) == pytest.approx(judge.roc_auc_score(truth, np.r_[positive, negative]))


@pytest.mark.parametrize("seed", range(5))
def test_single_label_figures_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(5), 200)
    truth = np.where(rng.random(200) < 0.4, scores.argmax(1), rng.integers(0, 5, 200))
    best = scores.argmax(1)
    figures = classification_metrics(scores, truth, topk=2)
    assert figures["acc"] == pytest.approx(judge.accuracy_score(truth, best))
    assert figures["F1"] == pytest.approx(judge.f1_score(truth, best, average="macro"))
    assert figures["precision"] == pytest.approx(judge.precision_score(truth, best, average="macro", zero_division=0))
    assert figures["recall"] == pytest.approx(judge.recall_score(truth, best, average="macro"))
    assert figures["acc_topk"] == pytest.approx(judge.top_k_accuracy_score(truth, scores, k=2))
    assert figures["roc_auc"] == pytest.approx(judge.roc_auc_score(truth, scores, multi_class="ovr", average="macro"))
    indicator = np.eye(5)[truth]
    assert figures["average_precision"] == pytest.approx(judge.average_precision_score(indicator, scores))


def test_several_label_figures_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    scores, truth = rng.random((150, 4)), (rng.random((150, 4)) < 0.3).astype(int)
    said = (scores >= 0.5).astype(int)
    figures = classification_metrics(scores, truth)
    assert figures["acc"] == pytest.approx(judge.accuracy_score(truth, said))
    assert figures["F1"] == pytest.approx(judge.f1_score(truth, said, average="macro"))
    assert figures["precision"] == pytest.approx(judge.precision_score(truth, said, average="macro"))
    assert figures["recall"] == pytest.approx(judge.recall_score(truth, said, average="macro"))
    assert figures["roc_auc"] == pytest.approx(judge.roc_auc_score(truth, scores, average="macro"))
    assert figures["average_precision"] == pytest.approx(judge.average_precision_score(truth, scores))


def test_average_precision_of_two_classes_is_that_of_the_rarer_one_under_ties() -> None:
    rng = np.random.default_rng(2)
    fraud = rng.random(2000) < 0.02
    said = np.round(np.clip(0.3 * fraud + 0.7 * rng.random(2000), 0, 1), 1)
    figures = classification_metrics(np.stack([1 - said, said], axis=1), fraud.astype(int))
    assert figures["average_precision"] == pytest.approx(judge.average_precision_score(fraud, said))


def test_a_class_nobody_has_does_not_lower_the_mean() -> None:
    # class 2 is neither true nor predicted; the two others are all right
    figures = classification_metrics(np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]]), index(0, 1))
    assert figures["F1"] == 1.0


def test_regression_figures_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    truth, said = rng.random(50), rng.random(50)
    figures = regression_metrics(said, truth)
    assert figures["mse"] == pytest.approx(judge.mean_squared_error(truth, said))
    assert figures["rmse"] == pytest.approx(judge.root_mean_squared_error(truth, said))
    assert figures["mae"] == pytest.approx(judge.mean_absolute_error(truth, said))


def test_a_gap_within_its_noise_is_no_better_ranking() -> None:
    # reciprocal ranks 1, 1/2, 1, 1/2 beside 1/2 everywhere: gaps 1/2, 0, 1/2, 0, mean .25, standard error .144
    assert ranks_clearly_better(np.array([1.0, 2, 1, 2]), np.array([2.0, 2, 2, 2]))
    # gaps 1/2, -1/2, 1/2, 0: mean .125, standard error .239
    assert not ranks_clearly_better(np.array([1.0, 2, 1, 2]), np.array([2.0, 1, 2, 2]))
    assert not ranks_clearly_better(np.array([2.0, 2]), np.array([2.0, 2]))
    assert not ranks_clearly_better(np.array([2.0, 2]), np.array([1.0, 1]))
    assert not ranks_clearly_better(np.empty(0), np.empty(0))
