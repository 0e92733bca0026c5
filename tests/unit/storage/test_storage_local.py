"""What only the folder driver and the addresses promise."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workflow.errors import StorageError
from workflow.storage import InvalidS3Uri, S3Uri
from workflow.storage.local import LocalStorage


@pytest.mark.parametrize(
    ("text", "bucket", "key"),
    [
        ("s3://lab/a/b", "lab", "a/b"),
        ("s3://lab", "lab", ""),
        ("s3://lab/", "lab", ""),
        (" s3://lab//a///b/ ", "lab", "a/b"),
        ("S3A://lab/a", "lab", "a"),
    ],
)
def test_addresses_are_read_leniently(text: str, bucket: str, key: str) -> None:
    assert S3Uri.parse(text) == S3Uri(bucket, key)


@pytest.mark.parametrize(
    "text",
    ["", "lab/a", "/tmp/x", "file:///etc/passwd", "s3://", "s3:///a", "s3://../x", "s3://lab/../x", "s3://lab/a/./b",
     "s3://lab/a\\b", "s3://lab/a\0b", "http://lab/a", "s3://a b/c", "s3://lab/\ud800", "s3://lab/" + "x" * 1025],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_the_guides_words(text: str) -> None:
    with pytest.raises(InvalidS3Uri, match="Invalid S3 URL or incorrect S3 permissions"):
        S3Uri.parse(text)


def test_joining_cannot_step_out() -> None:
    with pytest.raises(InvalidS3Uri):
        S3Uri("lab", "a") / "../../etc"


def test_the_folder_layout_is_bucket_then_key(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.write(S3Uri.parse("s3://lab/a/b.txt"), b"x")
    assert (tmp_path / "lab" / "a" / "b.txt").read_bytes() == b"x"
    assert storage.local_path(S3Uri.parse("s3://lab/a")) == tmp_path / "lab" / "a"


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    storage, uri = LocalStorage(tmp_path), S3Uri.parse("s3://lab/" + "x" * 256)
    for use in (storage.exists, storage.read, lambda uri: list(storage.list(uri)), lambda uri: storage.write(uri, b"")):
        with pytest.raises(StorageError, match="longer than 255 bytes"):
            use(uri)


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("s")
    (tmp_path / "root" / "lab").mkdir(parents=True)
    (tmp_path / "root" / "lab" / "link").symlink_to(tmp_path / "outside")
    storage = LocalStorage(tmp_path / "root")
    with pytest.raises(StorageError, match="link"):
        storage.read(S3Uri.parse("s3://lab/link/secret"))
    with pytest.raises(StorageError, match="link"):
        storage.write(S3Uri.parse("s3://lab/link/new"), b"")


def test_a_failed_write_leaves_the_old_object_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = LocalStorage(tmp_path)
    uri = S3Uri.parse("s3://lab/a")
    storage.write(uri, b"old")

    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        storage.write(uri, b"new")
    monkeypatch.undo()
    assert storage.read(uri) == b"old"
    assert [path.name for path in (tmp_path / "lab").iterdir()] == ["a"]


@pytest.fixture(params=["pipe", "socket", "device"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A path below the root ``lab`` of a storage that somebody made no file of."""
    path = tmp_path / "lab" / "in" / "x.csv"
    path.parent.mkdir(parents=True)
    if request.param == "pipe":
        os.mkfifo(path)
        yield path
    elif request.param == "device":
        try:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero, which has no end
        except PermissionError:
            pytest.skip("only root makes devices")
        yield path
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.relpath(path))  # a socket's name may have 107 bytes
            yield path


def test_what_is_no_file_is_refused_and_can_be_removed(no_file: Path, tmp_path: Path) -> None:
    storage, folder, uri = LocalStorage(tmp_path), S3Uri.parse("s3://lab/in"), S3Uri.parse("s3://lab/in/x.csv")
    (no_file.parent / "a.csv").write_text("~id\n")
    reads: list[Callable[[], object]] = [
        lambda: storage.read(uri),
        lambda: list(storage.list(folder)),
        lambda: list(storage.list(uri)),
        lambda: storage.download(folder, tmp_path / "copy"),
    ]
    for read in reads:
        with pytest.raises(StorageError, match=r"s3://lab/in/x.csv is a pipe, a socket or a device"):
            read()
    assert not storage.exists(uri)
    assert storage.delete(folder) == 2
    assert not no_file.exists()


def test_what_is_no_file_is_not_uploaded(no_file: Path, tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    assert storage.upload(no_file.parent, S3Uri.parse("s3://lab/out")) == 0


def test_what_was_written_is_on_the_disk_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    really = os.fsync

    def fsync(handle: int) -> None:
        really(handle)
        synced.add(os.fstat(handle).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    storage = LocalStorage(tmp_path / "s3")
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "a").write_text("a")
    (source / "deep" / "er" / "b").write_text("b")
    storage.upload(source, S3Uri.parse("s3://lab/out"))
    storage.write(S3Uri.parse("s3://lab/beside/c"), b"c")
    root = tmp_path / "s3"
    below = [root, *root.rglob("*")]
    # root, lab, out, a, deep, er, b, beside and c
    assert len(below) == 9
    assert [str(path) for path in below if path.stat().st_ino not in synced] == []
