"""The journals of this service keep the contract of journals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.journal_contract import JournalContract
from workflow.graphs.store.journal.journal import Journal, MemoryJournal
from workflow.graphs.store.persistence import GraphFolder, open_graph


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def journal(self) -> Journal:
        return MemoryJournal()


class TestFolder(JournalContract):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Iterator[Journal]:
        journal = GraphFolder(tmp_path, "neptune")
        yield journal
        journal.close()


class TestReopenedFolder(JournalContract):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Iterator[Journal]:
        open_graph(tmp_path).close()
        journal = GraphFolder(tmp_path, "neptune")
        yield journal
        journal.close()
