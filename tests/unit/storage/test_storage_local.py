"""What only the folder driver and the addresses promise."""

from __future__ import annotations

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
