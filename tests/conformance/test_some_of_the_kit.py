"""Some scenarios of openCypher's kit in this process, before every commit; ``make test-peers`` runs them all."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.peers.kit_run import EngineSubject, kit_outcome, known_gaps
from tests.peers.kit_scenarios import IGNORED, kit_jar, kit_scenarios
from tests.peers.peer import PeerMissing

EACH = 3  # of every feature: 220 of them


def test_three_scenarios_of_every_feature_pass() -> None:
    try:
        source = kit_jar(fetch=False)
    except PeerMissing as missing:
        pytest.skip(str(missing))
    taken: Counter[str] = Counter()
    failed = {}
    subject = EngineSubject()
    for scenario in kit_scenarios(source):
        if taken[scenario.feature] < EACH and IGNORED not in scenario.tags:
            taken[scenario.feature] += 1
            failed[scenario.name] = kit_outcome(scenario, subject, source)
    assert {name: why for name, why in failed.items() if why and name not in known_gaps()} == {}
    assert len(failed) > 500
