"""Archives are the same bytes for the same content, and nothing in them is trusted."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from training_scripts.graph_ml.judging import report as training_report
from workflow.runners import bundle
from workflow.runners.bundle import BadArchive, pack, unpack
from workflow.runners.publishing import TRIALS_MARK, publish_model
from workflow.storage import S3Uri
from workflow.storage.local import LocalStorage


def folder(path: Path) -> Path:
    (path / "embeddings").mkdir(parents=True)
    (path / "model.json").write_text("{}")
    (path / "embeddings" / "User.npy").write_bytes(b"\x00" * 100)
    (path / "code" / "__pycache__").mkdir(parents=True)
    (path / "code" / "__pycache__" / "x.pyc").write_bytes(b"x")
    return path


def test_equal_folders_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        pack(folder(tmp_path / name), tmp_path / f"{name}.tar.gz")
        os.utime(tmp_path / name / "model.json", (1, 1))
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_what_was_packed_is_unpacked_without_caches(tmp_path: Path) -> None:
    pack(folder(tmp_path / "a"), tmp_path / "a.tar.gz")
    unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    found = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert found == ["embeddings/User.npy", "model.json"]


def test_links_are_neither_packed_nor_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "inner").write_text("s")
    model = folder(tmp_path / "a")
    (model / "link").symlink_to(tmp_path / "secret")
    (model / "own-link").symlink_to("model.json")
    (model / "folder-link").symlink_to(tmp_path / "secrets", target_is_directory=True)
    (model / "dangling").symlink_to(tmp_path / "nothing")
    pack(model, tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert tar.getnames() == ["embeddings/User.npy", "model.json"]


def test_links_and_pipes_of_a_model_are_not_published(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    model = folder(tmp_path / "work" / "a")
    (model / "link").symlink_to(tmp_path / "secret")
    (model / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(model / "embeddings" / "pipe")
    storage, output = LocalStorage(tmp_path / "s3"), S3Uri.parse("s3://lab/model")
    publish_model(model, tmp_path / "no-scripts", storage, output)
    names = [info.uri.relative_to(output) for info in storage.list(output)]
    assert names == ["embeddings/User.npy", "model.json", "model.tar.gz"]


def test_unpacking_replaces_what_was_there(tmp_path: Path) -> None:
    pack(folder(tmp_path / "a"), tmp_path / "a.tar.gz")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out" / "old").exists()


def archive_with(path: Path, info: tarfile.TarInfo, content: bytes = b"") -> Path:
    info.size = len(content)
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["../escape", "/etc/escape", "a/../../escape"])
def test_a_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    archive = archive_with(tmp_path / "evil.tar.gz", tarfile.TarInfo(name), b"x")
    with pytest.raises(BadArchive):
        unpack(archive, tmp_path / "in" / "out")
    assert not (tmp_path / "escape").exists()
    assert not (tmp_path / "in" / "out").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("member")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(BadArchive, match="neither a file nor a folder"):
        unpack(archive_with(tmp_path / "evil.tar.gz", info), tmp_path / "out")


def test_a_damaged_archive_is_refused_by_name(tmp_path: Path) -> None:
    pack(folder(tmp_path / "a"), tmp_path / "a.tar.gz")
    whole = (tmp_path / "a.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadArchive, match=r"cut\.tar\.gz"):
        unpack(tmp_path / "cut.tar.gz", tmp_path / "out")
    (tmp_path / "text.tar.gz").write_text("no archive")
    with pytest.raises(BadArchive):
        unpack(tmp_path / "text.tar.gz", tmp_path / "out")


def test_an_archive_that_would_fill_the_disk_is_refused_before_it_does(tmp_path: Path) -> None:
    info = tarfile.TarInfo("embeddings.npy")
    info.size = 1 << 50
    (tmp_path / "bomb.tar").write_bytes(info.tobuf())
    with pytest.raises(BadArchive, match="that the disk has left"):
        unpack(tmp_path / "bomb.tar", tmp_path / "out")


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_MEMBERS", 2)
    with tarfile.open(tmp_path / "many.tar", "w") as tar:
        for number in range(3):
            tar.addfile(tarfile.TarInfo(str(number)))
    with pytest.raises(BadArchive, match="more than 2 files"):
        unpack(tmp_path / "many.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_report_of_a_model_leads_to_that_of_its_trials_once_that_lies_beside_it(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "report.html").write_text(f"<main>{TRIALS_MARK}</main>")
    storage, output = LocalStorage(tmp_path / "s3"), S3Uri.parse("s3://lab/out")
    publish_model(model, tmp_path / "no-scripts", storage, output, {"report.html": "trials"})
    assert storage.read(output / "report.html") == b"trials"
    own = storage.read(output / "model-report.html").decode()
    assert own == '<main><p><a href="report.html">All trials of this search</a></p></main>'
    template = Path(training_report.__file__).with_name(training_report.TEMPLATE).read_text()
    assert template.count(TRIALS_MARK) == 1  # what the training code writes and the service looks for
