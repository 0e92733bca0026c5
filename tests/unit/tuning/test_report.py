"""The page of a search says what it cost where somebody is paid, and nothing of money where nobody is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workflow.tuning.report import render
from workflow.tuning.results import Trial, Tuned, dollars
from workflow.tuning.samplers import Search
from workflow.tuning.space import Dimension, Space

SEARCH = Search(Space((Dimension("lr", low=0.001, high=0.1, default=0.01),), {"model": "rgcn"}), "maximize", 0, 1)
FIRST = Trial(1, "t1", "Completed", {"lr": 0.1}, {"model": "rgcn"}, value=0.5, wall_s=1000.0)
SECOND = replace(FIRST, number=2, name="t2", state="Failed", value=None, wall_s=500.0)
TUNED = Tuned((FIRST, SECOND), FIRST, "rgcn won", 1500.0, 10)


def test_a_search_costs_the_time_of_all_its_trials_failed_ones_too() -> None:
    # 1,500 s at 7.20 an hour
    assert dollars(TUNED.trials, 7.2) == pytest.approx(3.0)
    assert dollars(TUNED.trials, None) is None
    page = render("s", "mrr", SEARCH, TUNED, hourly=7.2)
    assert "<strong>3.00 US" in page
    assert "At 7.2" in page
    # the trials alone: 1,000 s and 500 s
    assert '<td class="n">2.000</td>' in page
    assert '<td class="n">1.000</td>' in page


def test_a_search_on_a_machine_of_ones_own_says_nothing_of_money() -> None:
    page = render("s", "mrr", SEARCH, TUNED)
    assert "US dollars" not in page
    assert "25 min" in page


def test_the_page_draws_how_all_trials_learned_what_more_of_them_gained_and_what_mattered() -> None:
    # the larger the rate, the better; five trials of a family are enough to say so
    trials = tuple(
        replace(
            FIRST, number=n, name=f"t{n}", sample={"lr": n / 100}, value=n / 10, curve=((0.5, n / 20), (1.0, n / 10))
        )
        for n in range(1, 6)
    )
    page = render("s", "mrr", SEARCH, Tuned(trials, trials[-1], "rgcn won", 1500.0, 10))
    learned, gained, mattered = page.index("How the trials learned"), page.index("What more"), page.index("mattered")
    assert page[learned:gained].count("<polyline") == 5
    assert page[gained:mattered].count("<polyline") == 1
    assert "from 0.1 to 0.5" in page[gained:mattered]
    assert "<td><code>lr</code></td>" in page[mattered:]
    assert '<td class="n">+1.00</td>' in page[mattered:]
