"""Planted leaks are named in the answer of the job and in its report; graphs without any are left in peace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from training_scripts.graph_ml.graph import EdgeType
from training_scripts.graph_ml.processing.leaks.columns import names_rows
from training_scripts.graph_ml.processing.leaks.drift import of_numbers, of_values
from training_scripts.graph_ml.processing.leaks.times import days_of

Run = Callable[..., Any]
FRIEND, KNOWS = EdgeType("User", "FRIEND", "User"), EdgeType("User", "KNOWS", "User")
RATED = EdgeType("User", "RATED", "Film")
PEOPLE = 120


def table(header: str, *columns: Any) -> str:
    rows = [header, *(",".join(str(cell) for cell in row) for row in zip(*columns, strict=True))]
    return "\n".join(rows) + "\n"


def people(**columns: Any) -> str:
    ids = [f"u{i}" for i in range(PEOPLE)]
    return table(",".join(["~id", "~label", *columns]), ids, ["User"] * PEOPLE, *columns.values())


def edges(kind: EdgeType, pairs: Any, **columns: Any) -> str:
    first, second = (["u", "u" if kind.target == "User" else "f"][place] for place in (0, 1))
    return table(
        ",".join(["~id", "~label", "~from", "~to", *columns]),
        [f"{kind.relation}{i}" for i in range(len(pairs))],
        [kind.relation] * len(pairs),
        [f"{first}{a}" for a, _ in pairs],
        [f"{second}{b}" for _, b in pairs],
        *columns.values(),
    )


def random_pairs(number: int, seed: int = 0) -> list[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    found = {(int(a), int(b)) for a, b in rng.integers(0, PEOPLE, (number, 2)) if a < b}
    return sorted(found)


def features(*specs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"feature": [column, column, kind]} for column, kind in specs]


def label(column: str, task: str, *rates: float) -> list[dict[str, Any]]:
    return [{"label": [column, task], "split_rate": list(rates) or [0.7, 0.15, 0.15]}]


def said(found: Any) -> str:
    """The warnings of the manifest, of which the report must have every one."""
    warnings = list(found.json("manifest.json").get("warnings", []))
    page = found.text("report.html")
    for warning in warnings:
        assert warning.replace("'", "&#39;").replace(">", "&gt;") in page
    return "\n".join(warnings)


@pytest.mark.parametrize("turned", [False, True])
def test_a_twin_edge_type_is_named_with_its_share_whichever_way_it_points(export: Any, run: Run, turned: bool) -> None:
    links = random_pairs(600)
    half = [(b, a) if turned else (a, b) for a, b in links[::4]]
    export.node(people())
    export.edge(edges(FRIEND, links), FRIEND, labels=label("", "link_prediction"))
    export.edge(edges(KNOWS, half), KNOWS)
    share = len(half) / len(links)
    assert f"(User)-KNOWS-(User) repeats {share:.1%} of the links (User)-FRIEND-(User)" in said(run())


def test_copies_are_told_in_the_report_but_are_no_reason_to_warn(export: Any, run: Run) -> None:
    links = random_pairs(300)
    export.node(people())
    export.edge(edges(FRIEND, [*links, *((b, a) for a, b in links)]), FRIEND, labels=label("", "link_prediction"))
    found = run()
    assert "50.0% of the edges repeat another one between the same two vertices" in found.text("report.html")
    assert said(found) == ""


def test_a_given_split_that_parts_copies_is_named(export: Any, run: Run) -> None:
    links = random_pairs(200)
    export.node(people())
    export.file("split/train.csv", "~from,~to\n" + "".join(f"u{a},u{b}\n" for a, b in links[:100]))
    export.file("split/test.csv", "~from,~to\n" + "".join(f"u{b},u{a}\n" for a, b in links[:50]))
    both = [*links[:100], *((b, a) for a, b in links[:50])]
    names = {"train": "split/train.csv", "test": "split/test.csv"}
    export.edge(
        edges(FRIEND, both),
        FRIEND,
        labels=[{"label": ["", "link_prediction"], "custom_split_filenames": names}],
    )
    assert "100.0% of the test edges have a copy or an opposite in a part before" in said(run())


def test_a_column_that_tells_the_label_is_named_and_one_that_only_helps_is_not(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    town = rng.integers(0, 3, PEOPLE)
    helps = np.where(rng.random(PEOPLE) < 0.8, town, rng.integers(0, 3, PEOPLE))
    export.node(
        people(town=[f"t{t}" for t in town], code=[f"c{2 - t}" for t in town], helps=[f"h{h}" for h in helps]),
        features=features(("code", "category"), ("helps", "category")),
        labels=label("town", "classification"),
    )
    warnings = said(run())
    assert "node_class of User.town: column 'code' alone tells 100.0% of it" in warnings
    assert "'helps'" not in warnings


@pytest.mark.parametrize(("wrong", "named"), [(1, True), (6, False)])
def test_a_column_is_named_from_ninety_nine_in_a_hundred_on(export: Any, run: Run, wrong: int, named: bool) -> None:
    # 108 people are trained on, and those alone are asked: one wrong leaves 99.1 %, two or more at most 98.2 %
    town = np.random.default_rng(0).integers(0, 2, PEOPLE)
    code = np.where(np.arange(PEOPLE) < wrong, 1 - town, town)
    export.node(
        people(town=[f"t{t}" for t in town], code=[f"c{c}" for c in code]),
        features=features(("code", "category")),
        labels=label("town", "classification", 0.9, 0.1, 0.0),
    )
    assert ("column 'code' alone tells" in said(run())) == named


def test_dates_and_whether_there_is_a_value_tell_the_label_too(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    left = rng.random(PEOPLE) < 0.4
    day = rng.permutation(PEOPLE)
    export.node(
        people(
            left=np.where(left, "yes", "no"),
            cancelled=[
                f"2024-{1 + d // 28:02}-{1 + d % 28:02}" if gone else "" for d, gone in zip(day, left, strict=True)
            ],
            reason=[f"ticket number {d} was written" if gone else "" for d, gone in zip(day, left, strict=True)],
            joined=[f"2020-{1 + d // 28:02}-{1 + d % 28:02}" for d in day],
            note=[f"word{d} and more" if d % 3 else "" for d in day],
        ),
        features=features(
            ("cancelled", "datetime"), ("reason", "text_tfidf"), ("joined", "datetime"), ("note", "text_tfidf")
        ),
        labels=label("left", "classification", 0.9, 0.1, 0.0),
    )
    warnings = said(run())
    for name in ("cancelled", "reason"):
        assert f"column '{name}' alone tells 100.0% of it" in warnings
    for name in ("joined", "note"):
        assert f"column '{name}' alone" not in warnings


def test_a_date_that_divides_the_labels_tells_them(export: Any, run: Run) -> None:
    day = np.random.default_rng(0).permutation(PEOPLE)
    export.node(
        people(
            age=np.where(day < 60, "old", "new"),
            since=[f"2024-{1 + d // 28:02}-{1 + d % 28:02}" for d in day],
        ),
        features=features(("since", "datetime")),
        labels=label("age", "classification", 0.9, 0.1, 0.0),
    )
    assert "column 'since' alone tells 100.0% of it" in said(run())


@pytest.mark.parametrize(("wrong", "named"), [(0, True), (20, False)])
def test_a_column_of_the_only_neighbour_that_tells_the_label_is_named(
    export: Any, run: Run, wrong: int, named: bool
) -> None:
    paid = np.random.default_rng(0).random(PEOPLE) < 0.5
    export.node(people(state=np.where(paid, "paid", "open")), labels=label("state", "classification"))
    told = paid ^ (np.arange(PEOPLE) < wrong)
    ids = [f"f{i}" for i in range(PEOPLE)]
    films = table("~id,~label,status", ids, ["Film"] * PEOPLE, np.where(told, "P", "O"))
    export.node(films, "Film", features=features(("status", "category")))
    export.edge(edges(RATED, [(i, i) for i in range(PEOPLE)]), RATED)
    wanted = "column 'status' of Film, joined by (User)-RATED-(Film), alone tells 100.0% of it"
    assert (wanted in said(run())) is named


@pytest.mark.parametrize("turned", [False, True])
def test_a_property_of_another_edge_between_the_same_vertices_that_tells_the_label_is_named(
    export: Any, run: Run, turned: bool
) -> None:
    # two pairs are linked twice, and their numbers differ
    pairs = [*random_pairs(200), *random_pairs(200)[:2]]
    score = np.random.default_rng(1).permutation(len(pairs))
    export.node(people(age=range(PEOPLE)), features=features(("age", "numerical")))
    export.edge(edges(FRIEND, pairs, score=score), FRIEND, labels=label("score", "regression"))
    other = [(b, a) for a, b in pairs] if turned else pairs
    export.edge(edges(KNOWS, other, stars=2 * score + 1), KNOWS, features=features(("stars", "numerical")))
    assert "column 'stars' of (User)-KNOWS-(User) between the same vertices alone tells" in said(run())


@pytest.mark.parametrize(("wrong", "named"), [(0, True), (20, False)])
def test_an_edge_that_only_one_class_of_vertices_has_is_named(export: Any, run: Run, wrong: int, named: bool) -> None:
    fraud = np.random.default_rng(0).random(PEOPLE) < 0.5
    export.node(people(fraud=np.where(fraud, "yes", "no")), labels=label("fraud", "classification"))
    complained = np.flatnonzero(fraud ^ (np.arange(PEOPLE) < wrong)).tolist()
    export.edge(edges(KNOWS, [((user + 1) % PEOPLE, user) for user in complained]), KNOWS)
    wanted = "the number of edges (User)-KNOWS-(User) to a vertex alone tells 100.0% of it"
    assert (wanted in said(run())) is named


@pytest.mark.parametrize("turned", [False, True])
def test_an_edge_beside_edges_of_one_class_alone_is_named(export: Any, run: Run, turned: bool) -> None:
    pairs = random_pairs(300)
    fraud = np.random.default_rng(0).random(len(pairs)) < 0.5
    export.node(people())
    export.edge(edges(FRIEND, pairs, fraud=np.where(fraud, 1, 0)), FRIEND, labels=label("fraud", "classification"))
    refunds = [pair[::-1] if turned else pair for pair, told in zip(pairs, fraud, strict=True) if told]
    export.edge(edges(KNOWS, refunds), KNOWS)
    wanted = "whether there is (User)-KNOWS-(User) between the same vertices alone tells 100.0% of it"
    assert wanted in said(run())


def test_a_number_is_told_by_another_that_is_a_multiple_of_it(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(10, 2, PEOPLE)
    export.node(
        people(price=value.round(4), cents=(100 * value).round(2), noise=rng.normal(size=PEOPLE).round(3)),
        features=features(("cents", "numerical"), ("noise", "numerical")),
        labels=label("price", "regression"),
    )
    warnings = said(run())
    assert "node_regression of User.price: column 'cents' alone tells" in warnings
    assert "'noise'" not in warnings


def test_a_number_in_another_measure_tells_the_label_and_a_noisy_one_does_not(export: Any, run: Run) -> None:
    rng = np.random.default_rng(4)
    income = rng.normal(size=PEOPLE)
    export.node(
        people(
            income=income.round(4),
            cubed=(income**3).round(6),
            near=(income + rng.normal(0, 0.2, PEOPLE)).round(4),
        ),
        features=features(("cubed", "numerical"), ("near", "numerical")),
        labels=label("income", "regression"),
    )
    warnings = said(run())
    assert "column 'cubed' alone tells it: both put the items in one order" in warnings
    assert "'near'" not in warnings


def test_two_columns_that_tell_the_label_together_are_named(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random(PEOPLE), rng.random(PEOPLE)
    # one question about a, and one about b where a is high
    export.node(
        people(a=a.round(3), b=b.round(3), late=np.where((a > 0.5) & (b > 0.5), "yes", "no")),
        features=features(("a", "numerical"), ("b", "numerical")),
        labels=label("late", "classification", 0.9, 0.1, 0.0),
    )
    assert "two questions about 'a' and 'b' tell 100.0% of it" in said(run())


@pytest.mark.parametrize("kind", ["category", "numerical"])
def test_one_but_not_both_is_told_although_neither_half_says_anything(export: Any, run: Run, kind: str) -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.random((3, PEOPLE)).round(3)
    late = np.where((a > np.median(a)) != (b > 0.3), "yes", "no")
    shown = [np.where(a > np.median(a), "x", "y"), np.where(b > 0.3, "m", "f")] if kind == "category" else [a, b]
    export.node(
        people(a=shown[0], b=shown[1], c=c, late=late),
        features=features(("a", kind), ("b", kind), ("c", "numerical")),
        labels=label("late", "classification", 0.9, 0.1, 0.0),
    )
    assert "two questions about 'a' and 'b' tell" in said(run())


def test_a_frequent_class_does_not_look_told(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    rare = ["no"] * (PEOPLE - 1) + ["yes"]
    export.node(
        people(fraud=rare, noise=rng.normal(size=PEOPLE).round(3), kind=[f"k{i % 3}" for i in range(PEOPLE)]),
        features=features(("noise", "numerical"), ("kind", "category")),
        labels=label("fraud", "classification"),
    )
    assert "tells" not in said(run())


def test_a_date_after_the_event_knows_the_future(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    day = rng.integers(1, 28, PEOPLE)
    export.node(
        people(
            created=[f"2024-01-{d:02}" for d in day],
            closed=[f"2024-02-{d:02}" for d in day],
            birthday=[f"{1950 + d}-05-0{d % 9 + 1}" for d in day],
            lost=np.where(rng.random(PEOPLE) < 0.5, "yes", "no"),
        ),
        features=features(("created", "datetime"), ("closed", "datetime"), ("birthday", "datetime")),
        labels=label("lost", "classification"),
    )
    warnings = said(run())
    assert "column 'closed' of User knows the future: in 100% of the rows it lies after 'created'" in warnings
    assert "'birthday'" not in warnings


def test_a_day_is_no_earlier_than_an_hour_of_it(export: Any, run: Run) -> None:
    day = np.random.default_rng(0).integers(1, 28, PEOPLE)
    export.node(
        people(
            created=[f"2024-01-{d:02}" for d in day],
            exactly=[f"2024-01-{d:02}T{d % 23 + 1:02}:30:00Z" for d in day],
            lost=np.where(np.random.default_rng(1).random(PEOPLE) < 0.5, "yes", "no"),
        ),
        features=features(("created", "datetime"), ("exactly", "datetime")),
        labels=label("lost", "classification"),
    )
    assert "knows the future" not in said(run())


def test_a_time_is_suggested_where_the_split_is_random(export: Any, run: Run) -> None:
    links = random_pairs(200)
    when = np.random.default_rng(0).integers(1_600_000_000, 1_650_000_000, len(links))
    export.node(people(age=range(PEOPLE)), features=features(("age", "numerical")))
    export.edge(edges(FRIEND, links, since=when), FRIEND, labels=label("", "link_prediction"))
    done = run()
    page = done.text("report.html")
    assert "&#39;since&#39; may say when its items came to be, and the split is random" in page
    assert "may say when" not in said(done)


def test_a_vertex_that_knows_what_came_after_the_edge_is_named(export: Any, run: Run) -> None:
    links = random_pairs(400)
    when = np.random.default_rng(0).integers(1_600_000_000, 1_650_000_000, len(links))
    export.node(
        people(lastSeen=["2023-05-01"] * (PEOPLE // 2) + ["2023-06-01"] * (PEOPLE // 2)),
        features=features(("lastSeen", "datetime")),
    )
    # the time of an edge counts although it is no feature
    export.edge(edges(FRIEND, links, timestamp=when), FRIEND, labels=label("", "link_prediction"))
    assert "column 'lastSeen' of User knows the future" in said(run())


def test_a_mean_over_held_out_edges_is_named_and_one_over_training_edges_is_not(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    films = 30
    pairs = [(u, f) for u in range(PEOPLE) for f in range(films) if rng.random() < 0.2]
    stars = rng.integers(1, 6, len(pairs))
    mean = [np.mean([s for s, (_, f) in zip(stars, pairs, strict=True) if f == film]) for film in range(films)]
    export.node(people())
    ids = [f"f{i}" for i in range(films)]
    text = table("~id,~label,average,length", ids, ["Film"] * films, np.round(mean, 6), rng.integers(80, 200, films))
    export.node(text, "Film", features=features(("average", "numerical"), ("length", "numerical")))
    export.edge(edges(RATED, pairs, stars=stars), RATED, labels=label("stars", "regression"))
    warnings = said(run())
    assert "column 'average' of Film is the mean over all (User)-RATED-(Film) edges" in warnings
    assert "'length'" not in warnings


def test_identifiers_and_columns_that_say_one_thing_are_named(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    export.node(
        people(
            number=range(1000, 1000 + PEOPLE),
            mail=[f"user{i}@example.org" for i in range(PEOPLE)],
            planet=["earth"] * (PEOPLE - 1) + ["mars"],
            height=rng.normal(170, 10, PEOPLE).round(3),
            town=[f"t{i % 3}" for i in range(PEOPLE)],
        ),
        features=features(
            ("number", "numerical"), ("mail", "category"), ("planet", "category"), ("height", "numerical")
        ),
        labels=label("town", "classification"),
    )
    warnings = said(run())
    for name in ("number", "mail"):
        assert f"User: column '{name}' is an identifier" in warnings
    assert "User: column 'planet' is nearly constant: 99.2% are 'earth'" in warnings
    assert "'height'" not in warnings


def test_vertices_with_further_labels_are_counted_where_a_target_passes_them_over(export: Any, run: Run) -> None:
    export.node(people(town=[f"t{i % 2}" for i in range(PEOPLE)]), labels=label("town", "classification"))
    export.node("~id,~label,town\nadmin,User;Admin,t1\nroot,User;Admin,t0\n", "User;Admin")
    assert "node_class of User.town: 2 vertices of type User;Admin are passed over" in said(run())


def test_parts_that_differ_are_named(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    # an old and a new half: heights and the share of yes change
    new = np.arange(PEOPLE) >= PEOPLE // 2
    answers = np.where(rng.random(PEOPLE) < np.where(new, 0.9, 0.1), "yes", "no")
    export.node(
        people(answer=answers, height=(rng.normal(0, 1, PEOPLE) + 3 * new).round(3), noise=rng.random(PEOPLE).round(3)),
        features=features(("height", "numerical"), ("noise", "numerical")),
        labels=[
            {
                "label": ["answer", "classification"],
                "custom_split_filenames": {"train": "split/train.csv", "test": "split/test.csv"},
            }
        ],
    )
    for name, part in (("train", np.flatnonzero(~new)), ("test", np.flatnonzero(new))):
        export.file(f"split/{name}.csv", "~id\n" + "".join(f"u{i}\n" for i in part))
    warnings = said(run())
    assert "node_class of User.answer: held-out labels differ from those trained on" in warnings
    assert "column 'height' of the held-out items differs" in warnings
    assert "'noise'" not in warnings


def test_an_honest_graph_is_left_in_peace(export: Any, run: Run) -> None:
    rng = np.random.default_rng(0)
    town = rng.integers(0, 3, PEOPLE)
    export.node(
        people(town=[f"t{t}" for t in town], height=rng.normal(170, 10, PEOPLE).round(2)),
        features=features(("height", "numerical")),
        labels=label("town", "classification"),
    )
    export.edge(edges(FRIEND, random_pairs(400)), FRIEND)
    found = run()
    assert said(found) == ""
    assert "Nothing was found: no edge type repeats the links to predict" in found.text("report.html")


def test_dates_and_seconds_are_days_since_1970() -> None:
    assert days_of("seen", ["1970-01-02", None, "1970-02-01T12:00:00Z"]) == pytest.approx(
        [1, np.nan, 31.5], nan_ok=True
    )
    assert days_of("timestamp", ["864000000", "864086400"]) == pytest.approx([10_000, 10_001])
    assert days_of("timestamp", ["864000000000"]) == pytest.approx([10_000])  # milliseconds, or it were the year 29349
    assert days_of("timestamp", ["5"]) is None
    assert days_of("timestamp", ["1640995200000"]) == pytest.approx([18_993])
    assert days_of("salary", ["864000000"]) is None
    assert days_of("seen", [None, None]) is None
    # 31 shows that the day comes first
    assert days_of("seen", ["02/01/1970", "31/01/1970"]) == pytest.approx([1, 30])
    assert days_of("seen", ["2 January 1970", "Jan 31, 1970"]) == pytest.approx([1, 30])


def test_running_numbers_are_names_and_measures_are_none() -> None:
    rng = np.random.default_rng(0)
    assert names_rows([str(i) for i in range(50)], 50)
    assert not names_rows([str(i) for i in rng.choice(10**6, 50, replace=False)], 50)
    assert not names_rows([f"{i};0;1;{i % 7};3" for i in range(50)], 50)  # a vector
    assert not names_rows([f"{x:.4f}" for x in rng.normal(size=50)], 50)
    assert not names_rows([f"word{i} and five more in it" for i in range(50)], 50)
    assert not names_rows([f"2024-01-{i + 1:02}T0{j}" for i in range(28) for j in range(2)], 56)


def test_distances_are_those_of_kolmogorov_and_of_shares() -> None:
    one, other = np.arange(100.0), np.arange(100.0) + 50
    # half of the first lies below all of the second
    assert of_numbers(one, other) == pytest.approx(0.5)
    assert of_numbers(one, one) == 0
    # 80 and 20 against 40 and 60
    assert of_values(["a"] * 80 + ["b"] * 20, ["a"] * 40 + ["b"] * 60) == pytest.approx(0.4)
    assert of_values(["a"] * 80 + ["b"] * 20, ["a"] * 75 + ["b"] * 25) == 0
