"""What is special about a store in a folder: who may read it, what a crash leaves, and disks that fail."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.core.storage import Storage, StorageAway, StorageRefused, make_store
from tests.core.storage.streams import get, put

ROOT = Path(__file__).parents[3]
WRITE_UNTIL_KILLED = """
import sys
from pathlib import Path
from app.core.storage import make_store

class Slow:
    def read(self, size):
        print("writing", flush=True)
        sys.stdin.read(1)
        return b"x" * size

make_store(sys.argv[1], Path("/")).put("a/kept", Slow())
"""
WRITE_TOO_MUCH = """
import io, resource, sys
from pathlib import Path
from app.core.storage import StorageAway, make_store

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
store = make_store(sys.argv[1], Path("/"))
try:
    store.put("a/large", io.BytesIO(b"x" * 1_000_000))
except StorageAway as problem:
    print(problem)
print(*store.names())
"""


@pytest.fixture
def store(folder_url: str, tmp_path: Path) -> Storage:
    return make_store(folder_url, tmp_path)


@pytest.fixture
def folder(store: Storage) -> Path:
    return Path(store.where)


@contextmanager
def somebody_else() -> Iterator[None]:
    """Give up the rights of root, who may do everything, for a moment."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_files_and_folders_are_the_owner_s_alone(store: Storage, folder: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        put(store, "a/b/c")
    finally:
        os.umask(before)
    assert modes(tmp_path) == {
        "a store": 0o700,
        "a store/of ours": 0o700,
        "a store/of ours/.unfinished": 0o700,
        "a store/of ours/a": 0o700,
        "a store/of ours/a/b": 0o700,
        "a store/of ours/a/b/c": 0o600,
    }


def test_nothing_is_made_before_something_is_put(store: Storage, folder: Path) -> None:
    assert list(store.names()) == []
    store.delete("a/b")
    assert not folder.exists()


def test_file_gets_its_name_when_the_disk_has_it(store: Storage, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "a/first")
    done: list[str] = []

    def noting(name: str, real: Callable[..., Any], path_of: Callable[..., str]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            done.append(f"{name} {path_of(*arguments)}")
            return real(*arguments)

        return call

    def opened(handle: int) -> str:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        return "the new file" if path.parent.name == ".unfinished" else str(path.relative_to(folder))

    monkeypatch.setattr(os, "fsync", noting("sync", os.fsync, opened))
    monkeypatch.setattr(os, "replace", noting("rename to", os.replace, lambda _old, new: os.fsdecode(new)))
    put(store, "b/second")
    # The new folder's own name is in the folder above it.
    assert done == ["sync the new file", "sync .", f"rename to {folder}/b/second", "sync b"]
    done.clear()
    store.delete("b/second")
    assert done == ["sync b"]


def test_writer_that_is_killed_leaves_the_old_file_and_nothing_for_long(
    store: Storage, folder: Path, folder_url: str
) -> None:
    put(store, "a/kept", b"the old one")
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, folder_url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for _ in range(3):
            assert writer.stdout.readline() == b"writing\n"
            writer.stdin.write(b"\n")
            writer.stdin.flush()
        writer.send_signal(signal.SIGKILL)
    left = list((folder / ".unfinished").iterdir())
    assert [file.stat().st_size > 0 for file in left] == [True]
    assert get(store, "a/kept") == b"the old one"
    assert list(store.names()) == ["a/kept"]

    put(store, "a/other")
    assert left[0].exists()  # it might be another writer's, who is slow
    long_ago = time.time() - 25 * 3600
    os.utime(left[0], (long_ago, long_ago))
    put(store, "a/other")
    assert list((folder / ".unfinished").iterdir()) == []


def test_disk_without_space_is_told_and_passes(folder: Path, folder_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITE_TOO_MUCH, folder_url], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{folder} has no space left: make room there.\n\n"
    assert list((folder / ".unfinished").iterdir()) == []


def test_folder_that_is_somebody_else_s_is_told_and_passes(store: Storage, folder: Path) -> None:
    put(store, "a/b")
    folder.chmod(0o500)
    uses = (lambda: put(store, "c"), lambda: store.delete("a/b"), store.check)
    for use in (*uses, lambda: get(store, "a/b"), lambda: list(store.names())):
        with somebody_else() if os.geteuid() == 0 else _unreadable(folder), pytest.raises(StorageAway) as caught:
            use()
        assert str(caught.value) == (f"{folder} can’t be used: let the user that Rollcall runs as read and write it.")
    folder.chmod(0o700)
    assert get(store, "a/b") == b"content"


@contextmanager
def _unreadable(folder: Path) -> Iterator[None]:
    folder.chmod(0)
    try:
        yield
    finally:
        folder.chmod(0o500)


def test_file_where_the_folder_should_be_is_told(store: Storage, folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("no folder")
    for use in (lambda: put(store, "a"), lambda: list(store.names())):
        with pytest.raises((StorageAway, StorageRefused)) as caught:
            use()
        assert str(caught.value).startswith(str(folder))
    assert folder.read_text() == "no folder"


def test_name_of_a_folder_is_refused_and_nothing_is_lost(store: Storage, folder: Path) -> None:
    put(store, "a/b")
    for name in ("a", "a/b/c"):
        with pytest.raises(StorageRefused, match="holds something else"):
            put(store, name)
    assert list(store.names()) == ["a/b"]
    assert list((folder / ".unfinished").iterdir()) == []


def test_what_others_put_beside_the_files_is_left_alone(store: Storage, folder: Path, tmp_path: Path) -> None:
    put(store, "a/b")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").touch()
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "a" / "round").symlink_to(folder)
    (folder / "a" / ".DS_Store").touch()
    (folder / "lost+found").mkdir()
    (folder / "lost+found" / "#12").touch()
    Path(os.fsdecode(os.fsencode(folder) + b"/a/not-\xff-utf8")).touch()
    (folder / "a" / "two\nlines").touch()
    assert list(store.names()) == ["a/b"]


def test_folders_are_read_when_their_turn_comes(store: Storage, folder: Path) -> None:
    put(store, "1/a")
    put(store, "2/a")
    found = store.names()
    assert next(found) == "1/a"
    put(store, "2/b")
    assert list(found) == ["2/a", "2/b"]


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("file:///var/lib/rollcall", "/var/lib/rollcall"),
        ("FILE://localhost/var/lib/rollcall/", "/var/lib/rollcall"),
        ("file:///var/lib/our%20store%3F/%C3%A9", "/var/lib/our store?/é"),
        ("file:///var/lib/é", "/var/lib/é"),
        ("file:storage", "/base/storage"),
        ("file:./storage/of%20ours", "/base/storage/of ours"),
        ("file:../storage", "/storage"),
    ],
)
def test_url_of_a_folder_is_understood(url: str, meant: str) -> None:
    assert make_store(url, Path("/base")).where == meant


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file://storage/files", "write file:///… with three slashes"),
        ("file:///", "names no folder"),
        ("file:", "names no folder"),
        ("file:///a%00b", "names no folder"),
        ("file:///a?b", "write them as %3F and %23"),
        ("file:///a#b", "write them as %3F and %23"),
        ("/var/lib/rollcall", "is neither file:///… nor s3://bucket/prefix"),
    ],
)
def test_url_of_no_folder_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_store(url, Path("/base"))
