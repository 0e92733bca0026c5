"""Some of TinkerPop's own scenarios, before every commit; ``make test-peers`` runs them all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.peers import gherkin
from tests.peers.peer import PeerMissing
from tests.peers.scenarios import TABLES, known_gaps, outcome, runnable, served

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
EACH = 2  # of every feature: 159 of them
FEWEST = 250


def test_two_scenarios_of_every_feature_pass(tmp_path: Path) -> None:
    try:
        source = gherkin.jar(fetch=False)
    except PeerMissing as missing:
        pytest.skip(str(missing))
    taken: Counter[str] = Counter()
    failed = {}
    with served(tmp_path, tuple(TABLES), source) as server:
        for scenario in gherkin.scenarios(source):
            feature = scenario.name.partition(":")[0]
            if taken[feature] < EACH and scenario.graph != "grateful" and runnable(scenario):
                taken[feature] += 1
                failed[scenario.name] = outcome(scenario, server)
    assert {name: why for name, why in failed.items() if why and name not in known_gaps()} == {}
    assert len(failed) > FEWEST
