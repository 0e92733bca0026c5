"""Engines are known by name before they are built, and built once."""

from __future__ import annotations

import threading

import pytest

from workflow.queries.engines import EnginesOnDemand


def test_names_are_known_without_an_engine() -> None:
    def build() -> dict[str, int]:
        raise AssertionError("nobody asked for one")

    engines = EnginesOnDemand(["g", "gmodern"], build)
    assert (list(engines), len(engines), "g" in engines, "h" in engines) == (["g", "gmodern"], 2, True, False)
    with pytest.raises(KeyError):
        engines["h"]
    assert engines.get("h") is None
    assert not EnginesOnDemand([], build)


def test_engines_are_built_once_however_many_threads_ask_first() -> None:
    began, built = threading.Barrier(4), []

    def build() -> dict[str, object]:
        built.append(threading.current_thread())
        return {"g": object(), "h": object()}

    engines = EnginesOnDemand(["g", "h"], build)
    found: list[object] = []

    def ask() -> None:
        began.wait(60)
        found.append(engines["g"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(built) == 1
    assert found == [engines["g"]] * 4


def test_a_build_that_fails_is_tried_again_by_the_next_question() -> None:
    answers = iter([OSError("the disk is full"), {"g": 1}])

    def build() -> dict[str, int]:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    engines = EnginesOnDemand(["g"], build)
    with pytest.raises(OSError, match="full"):
        engines["g"]
    assert engines["g"] == 1
