"""What every storage driver promises, asked of each of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workflow.errors import StorageError
from workflow.storage import ObjectNotFound, S3Uri, Storage
from workflow.storage.local import LocalStorage
from workflow.storage.s3 import BrokenOff, DamagedObject, S3Storage

BASE = S3Uri.parse("s3://lab-bucket/base")


class StorageContract:
    @pytest.fixture
    def storage(self) -> Storage:
        raise NotImplementedError

    def test_what_was_written_is_read_back(self, storage: Storage) -> None:
        storage.write(BASE / "a.bin", b"\x00\x01\xff")
        assert storage.read(BASE / "a.bin") == b"\x00\x01\xff"

    def test_a_write_replaces_the_object(self, storage: Storage) -> None:
        storage.write(BASE / "a", b"first and longer")
        storage.write(BASE / "a", b"second")
        assert storage.read(BASE / "a") == b"second"

    def test_reading_nothing_names_the_address(self, storage: Storage) -> None:
        with pytest.raises(ObjectNotFound, match="s3://lab-bucket/base/absent"):
            storage.read(BASE / "absent")

    def test_a_prefix_is_not_an_object(self, storage: Storage) -> None:
        storage.write(BASE / "folder/a", b"x")
        assert not storage.exists(BASE / "folder")
        with pytest.raises(ObjectNotFound):
            storage.read(BASE / "folder")

    def test_exists_tells_present_from_absent(self, storage: Storage) -> None:
        storage.write(BASE / "here", b"")
        assert storage.exists(BASE / "here")
        assert not storage.exists(BASE / "not-here")
        assert not storage.exists(S3Uri.parse("s3://lab-bucket"))

    def test_a_listing_is_recursive_and_sorted_with_sizes(self, storage: Storage) -> None:
        for key in ("b/2", "a", "b/1", "b/c/3"):
            storage.write(BASE / key, key.encode())
        infos = list(storage.list(BASE))
        assert [(str(info.uri), info.size) for info in infos] == [
            ("s3://lab-bucket/base/a", 1),
            ("s3://lab-bucket/base/b/1", 3),
            ("s3://lab-bucket/base/b/2", 3),
            ("s3://lab-bucket/base/b/c/3", 5),
        ]
        assert all(info.modified.tzinfo is not None for info in infos)

    def test_a_prefix_ends_at_a_slash(self, storage: Storage) -> None:
        storage.write(BASE / "run/a", b"")
        storage.write(BASE / "run-2/a", b"")
        assert [str(info.uri) for info in storage.list(BASE / "run")] == ["s3://lab-bucket/base/run/a"]

    def test_listing_one_object_gives_that_object(self, storage: Storage) -> None:
        storage.write(BASE / "a", b"xyz")
        assert [(info.uri, info.size) for info in storage.list(BASE / "a")] == [(BASE / "a", 3)]

    def test_listing_nothing_gives_nothing(self, storage: Storage) -> None:
        assert list(storage.list(BASE / "empty")) == []
        assert list(storage.list(S3Uri.parse("s3://no-such-bucket/x"))) == []

    def test_delete_removes_the_prefix_and_nothing_beside_it(self, storage: Storage) -> None:
        for key in ("gone/a", "gone/b/c", "gone-not/a"):
            storage.write(BASE / key, b"x")
        assert storage.delete(BASE / "gone") == 2
        assert [info.uri.name for info in storage.list(BASE)] == ["a"]
        assert storage.delete(BASE / "gone") == 0

    def test_a_whole_bucket_is_not_deleted(self, storage: Storage) -> None:
        storage.write(BASE / "kept", b"x")
        with pytest.raises(StorageError, match="whole"):
            storage.delete(S3Uri.parse("s3://lab-bucket"))
        assert storage.exists(BASE / "kept")

    def test_upload_then_download_gives_the_same_folder(self, storage: Storage, tmp_path: Path) -> None:
        source, target = tmp_path / "source", tmp_path / "target"
        (source / "sub").mkdir(parents=True)
        (source / "a.txt").write_text("A")
        (source / "sub" / "b c%28d%29.txt").write_text("B")
        assert storage.upload(source, BASE / "up") == 2
        assert storage.download(BASE / "up", target) == 2
        assert (target / "a.txt").read_text() == "A"
        assert (target / "sub" / "b c%28d%29.txt").read_text() == "B"

    def test_links_are_not_uploaded(self, storage: Storage, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        (tmp_path / "secret").write_text("s")
        (folder / "link").symlink_to(tmp_path / "secret")
        assert storage.upload(folder, BASE / "links") == 0

    def test_downloading_one_object_gives_one_file(self, storage: Storage, tmp_path: Path) -> None:
        storage.write(BASE / "x/model.tar.gz", b"m")
        assert storage.download(BASE / "x/model.tar.gz", tmp_path) == 1
        assert (tmp_path / "model.tar.gz").read_bytes() == b"m"

    def test_downloading_nothing_is_an_error(self, storage: Storage, tmp_path: Path) -> None:
        with pytest.raises(ObjectNotFound):
            storage.download(BASE / "nothing", tmp_path)

    def test_a_large_object_is_streamed_whole(self, storage: Storage) -> None:
        data = bytes(range(256)) * 4096 * 9  # 9 MiB, above boto3's multipart threshold
        storage.write(BASE / "large", data)
        with storage.open(BASE / "large") as stream:
            assert stream.read(3) == data[:3]
            assert stream.read() == data[3:]

    def test_a_folder_with_a_large_file_comes_back_byte_for_byte(self, storage: Storage, tmp_path: Path) -> None:
        data = bytes(range(251)) * 80_000  # 20 MB, three parts of a multipart upload
        (tmp_path / "up").mkdir()
        (tmp_path / "up" / "large").write_bytes(data)
        storage.upload(tmp_path / "up", BASE / "folder")
        storage.download(BASE / "folder", tmp_path / "down")
        assert (tmp_path / "down" / "large").read_bytes() == data

    @pytest.mark.parametrize(
        "name",
        [
            "with blank", "a+b", "100%25", "hash#tag?query=1&x", "umlaut ä/ключ/鍵", "quote'\"`", "[glob]*{a,b}",
            "~tilde", "semi;colon,comma", "dots...", ".hidden", "@at$dollar!", "a=b", "UPPER/lower", "emoji 🪐", "-rf",
        ],
    )  # fmt: skip
    def test_an_odd_key_is_written_listed_read_copied_and_deleted(
        self, storage: Storage, tmp_path: Path, name: str
    ) -> None:
        storage.write(BASE / "odd" / name, name.encode())
        assert [info.uri for info in storage.list(BASE / "odd")] == [BASE / "odd" / name]
        assert storage.read(BASE / "odd" / name) == name.encode()
        assert storage.exists(BASE / "odd" / name)
        storage.download(BASE / "odd", tmp_path / "down")
        assert (tmp_path / "down" / name).read_bytes() == name.encode()
        storage.upload(tmp_path / "down", BASE / "again")
        assert storage.read(BASE / "again" / name) == name.encode()
        assert storage.delete(BASE / "odd") == 1
        assert list(storage.list(BASE / "odd")) == []

    def test_a_prefix_of_thousands_of_objects_is_listed_and_deleted_whole(
        self, storage: Storage, tmp_path: Path
    ) -> None:
        for number in range(1050):  # more than a page of a listing, and than one call of a deletion
            (tmp_path / "many" / f"{number % 7}").mkdir(parents=True, exist_ok=True)
            (tmp_path / "many" / f"{number % 7}" / f"{number:04d}").touch()
        assert storage.upload(tmp_path / "many", BASE / "many") == 1050
        keys = [info.uri.key for info in storage.list(BASE / "many")]
        assert len(keys) == 1050
        assert keys == sorted(keys)
        assert storage.delete(BASE / "many") == 1050
        assert list(storage.list(BASE / "many")) == []

    def test_threads_share_a_storage(self, storage: Storage) -> None:
        def work(number: int) -> None:
            for step in range(5):
                storage.write(BASE / f"t{number}/{step}", str(number).encode())

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(storage.list(BASE))) == 20


class TestLocalStorage(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return LocalStorage(root=tmp_path / "s3")


class TestS3Storage(StorageContract):
    @pytest.fixture
    def storage(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
        import boto3
        import moto

        for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}.items():
            monkeypatch.setenv(name, value)
        with moto.mock_aws():
            client = boto3.client("s3", region_name="us-east-1")
            client.create_bucket(Bucket="lab-bucket")
            yield S3Storage("us-east-1", client)
            client.close()

    def test_what_was_changed_behind_its_back_is_refused(self, storage: S3Storage, tmp_path: Path) -> None:
        storage.write(BASE / "a", b"as it was written")
        told = storage.client.head_object(Bucket="lab-bucket", Key="base/a")["Metadata"]
        storage.client.put_object(Bucket="lab-bucket", Key="base/a", Body=b"as it was changed", Metadata=told)
        with pytest.raises(DamagedObject, match="s3://lab-bucket/base/a is damaged"):
            storage.read(BASE / "a")
        with pytest.raises(DamagedObject):
            storage.download(BASE, tmp_path)
        assert not (tmp_path / "a").exists()

    def test_a_download_that_breaks_off_is_begun_again(
        self, storage: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage.write(BASE / "a", b"0123456789")
        whole, left = storage.client.get_object, [2]

        def broken(**request: Any) -> Any:
            answer = whole(**request)
            if left[0]:
                left[0] -= 1
                answer["Body"] = _Breaks(answer["Body"])
            return answer

        monkeypatch.setattr(storage.client, "get_object", broken)
        assert storage.read(BASE / "a") == b"0123456789"
        left[0] = 2
        storage.download(BASE, tmp_path)
        assert (tmp_path / "a").read_bytes() == b"0123456789"
        left[0] = 99
        with pytest.raises(BrokenOff):
            storage.read(BASE / "a")

    def test_a_key_encrypts_what_is_written_under_it_and_nothing_else(self, storage: S3Storage, tmp_path: Path) -> None:
        key = "arn:aws:kms:us-east-1:123456789012:key/1"
        (tmp_path / "file").write_text("x")
        with_key = storage.encrypting(key)
        with_key.write(BASE / "a", b"x")
        with_key.upload(tmp_path, BASE / "folder")
        for name in ("base/a", "base/folder/file"):
            head = storage.client.head_object(Bucket="lab-bucket", Key=name)
            assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
        storage.write(BASE / "b", b"x")
        assert "SSEKMSKeyId" not in storage.client.head_object(Bucket="lab-bucket", Key="base/b")
        assert storage.encrypting(None) is storage

    def test_what_is_large_goes_in_parts_so_that_no_limit_of_one_call_is_met(
        self, storage: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workflow.storage.s3._WHOLE_BYTES", 10 << 20)
        parts: list[int] = []
        storage.client.meta.events.register(
            "before-parameter-build.s3.UploadPart", lambda params, **_: parts.append(params["PartNumber"])
        )
        (tmp_path / "large").write_bytes(bytes(20 << 20))
        storage.upload(tmp_path, BASE / "file")
        assert sorted(parts) == [1, 2, 3]  # of 8 MiB: one call alone takes 5 GB at most
        parts.clear()
        storage.write(BASE / "bytes", bytes(10 << 20))
        assert sorted(parts) == [1, 2]
        storage.write(BASE / "small", bytes(9 << 20))
        assert sorted(parts) == [1, 2]

    def test_no_key_of_a_stranger_leads_out_of_the_folder(self, storage: S3Storage, tmp_path: Path) -> None:
        storage.client.put_object(Bucket="lab-bucket", Key="base/in/../../out", Body=b"x")
        with pytest.raises(StorageError, match="no path below a folder"):
            storage.download(BASE, tmp_path / "down" / "here")
        assert not (tmp_path / "down" / "out").exists()


class _Breaks:
    """A body that ends after three bytes, as a connection that was cut."""

    def __init__(self, body: Any) -> None:
        self._body, self._given = body, False

    def __enter__(self) -> _Breaks:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()

    def read(self, size: int) -> bytes:
        from botocore.exceptions import ResponseStreamingError

        if self._given:
            raise ResponseStreamingError(error="cut")
        self._given = True
        return bytes(self._body.read(3))
