"""TinkerPop's own scenarios, all of them.

``known_gaps.txt`` lists what does not pass yet. It can only shrink: a scenario that fails and is not in it fails the
test, and so does one that is in it and passes.
"""

from __future__ import annotations

import pytest

from tests.peers import gherkin
from tests.peers.peer import PeerMissing
from tests.peers.scenarios import TABLES, known_gaps, outcome, runnable, served


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Scenario name to what went wrong; empty text where nothing did."""
    try:
        source = gherkin.jar()
    except PeerMissing as missing:
        pytest.skip(str(missing))
    with served(tmp_path_factory.mktemp("scenarios"), (*TABLES, "grateful"), source) as server:
        return {s.name: outcome(s, server) for s in gherkin.scenarios(source) if runnable(s)}


def test_all_scenarios_are_run(outcomes: dict[str, str]) -> None:
    # 2,061 scenarios of 3.8.1 less 11 unsupported, 33 OLAP, 14 tree and subgraph results and 9 nulls as values
    assert len(outcomes) == 1994


def test_only_known_gaps_fail(outcomes: dict[str, str]) -> None:
    unexpected = {name: why for name, why in outcomes.items() if why and name not in known_gaps()}
    assert unexpected == {}


def test_no_known_gap_passes_any_more(outcomes: dict[str, str]) -> None:
    assert sorted(name for name in known_gaps() if not outcomes.get(name, "")) == []
