"""Tests wait for what they need, and fail where it does not come: nothing is hoped to be there after a fixed time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
# loops that pause for another reason than to wait for something, or that tell more than that it did not come
PAUSES = {
    "waiting.py",
    "contracts/toys/plain_runner.py",  # the toy's own watch of a process
    "fake_scripts/behaviour.py",  # a job that takes its time
    "integration/kills.py",  # a writer that pauses between writes
    "peers/peer.py",  # a peer that does not start is named, not failed
    "unit/server/test_connections.py",  # a client that sends a byte now and then
}


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if called == name:
                yield node


def is_positive(call: ast.Call, below: float = float("inf")) -> bool:
    given = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    if not given:
        return bool(call.args)
    return isinstance(given[0], int | float) and 0 < given[0] < below


def pauses_in_loops(tree: ast.AST) -> set[int]:
    """Lines of loops that sleep, or wait briefly: each is a wait of its own making."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While | ast.For | ast.AsyncFor)]
    pauses = (call for loop in loops for call in calls(loop, "sleep") if is_positive(call))
    waits = (call for loop in loops for call in calls(loop, "wait") if is_positive(call, below=3) and is_given(call))
    return {call.lineno for call in (*pauses, *waits)}


def is_given(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant)


def answers_of_one_read(tree: ast.AST) -> set[int]:
    """Lines that take what one ``recv`` brings for the whole of an answer."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    in_loops = {id(call) for loop in loops for call in calls(loop, "recv")}
    ends = {
        id(node.left)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(other, ast.Constant) and other.value == b"" for other in node.comparators)
    }
    return {call.lineno for call in calls(tree, "recv") if id(call) not in in_loops | ends}


def modules(*words: str) -> Iterator[tuple[str, ast.AST]]:
    """The modules of tests in which one of some words stands."""
    for path in sorted(TESTS.rglob("*.py")):
        text = path.read_text()
        if any(word in text for word in words):
            yield path.relative_to(TESTS).as_posix(), ast.parse(text)


def test_whoever_waits_fails_where_nothing_comes() -> None:
    found = {name for name, tree in modules("sleep(", ".wait(") if pauses_in_loops(tree)}
    assert found == PAUSES, "use tests/waiting.py, which fails and says what did not come"


def test_no_read_of_a_socket_is_taken_for_a_whole_answer() -> None:
    read = ((name, sorted(answers_of_one_read(tree))) for name, tree in modules(".recv(") if name != "raw_http.py")
    found = [f"{name}:{line}" for name, lines in read for line in lines]
    assert not found, "an answer may come in pieces; use tests/raw_http.py"


@pytest.mark.parametrize(
    ("program", "is_found"),
    [
        ("while time.monotonic() < end:\n    sleep(0.1)", True),
        ("for _ in range(500):\n    if done():\n        break\n    event.wait(0.01)", True),
        ("while not done():\n    time.sleep(pause_s)", True),
        ("while ready:\n    await asyncio.sleep(0)", False),
        ("for event in events:\n    assert event.wait(30)", False),
        ("sleep(1)", False),
    ],
)
def test_a_wait_of_its_own_making_is_seen(program: str, is_found: bool) -> None:
    assert bool(pauses_in_loops(ast.parse(program))) is is_found


@pytest.mark.parametrize(
    ("program", "is_found"),
    [
        ("assert b'200' in one.recv(4096)", True),
        ("head = one.recv(2)", True),
        ("while piece := one.recv(100):\n    all += piece", False),
        ("assert one.recv(100) == b''", False),
    ],
)
def test_an_answer_of_one_read_is_seen(program: str, is_found: bool) -> None:
    assert bool(answers_of_one_read(ast.parse(program))) is is_found
