"""openCypher's own compatibility kit, all of it, over Bolt through Neo4j's driver.

``kit_gaps.txt`` lists what does not pass yet. It can only shrink: a scenario that fails and is not in it fails the
test, and so does one that is in it and passes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bolt_server import BoltServers
from tests.peers.kit_run import BoltSubject, kit_outcome, known_gaps
from tests.peers.kit_scenarios import IGNORED, kit_jar, kit_scenarios
from tests.peers.peer import PeerMissing
from workflow.cypher.engine import CypherEngine
from workflow.cypher.planning.procedures import Library

# the driver has no seconds in offsets; the engine itself passes these
OF_THE_DRIVER = {
    f"expressions/temporal/Temporal1: [13] Should construct temporal with time offset with second precision #{number}"
    for number in (2, 3, 4)
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Scenario name to what went wrong; empty text where nothing did."""
    try:
        source = kit_jar()
    except PeerMissing as missing:
        pytest.skip(str(missing))
    with BoltServers(tmp_path_factory.mktemp("home")) as servers:
        server = servers.begin()

        def offer(table: Library) -> None:
            engines = server.service.runner.engines
            engines["g"] = CypherEngine(engines["g"].graph, "neptune", table)  # type: ignore[index]

        with server.driver() as driver, driver.session() as session:
            subject = BoltSubject(session, offer)
            every = [one for one in kit_scenarios(source) if IGNORED not in one.tags]
            yield {one.name: kit_outcome(one, subject, source) for one in every}


def test_all_scenarios_are_run(outcomes: dict[str, str]) -> None:
    assert len(outcomes) == 3896  # 3,897, of which the kit itself ignores one


def test_only_known_gaps_fail(outcomes: dict[str, str]) -> None:
    unexpected = {name: why for name, why in outcomes.items() if why and name not in known_gaps() | OF_THE_DRIVER}
    assert unexpected == {}


def test_no_known_gap_passes_any_more(outcomes: dict[str, str]) -> None:
    assert sorted(name for name in known_gaps() if not outcomes.get(name, "")) == []
