"""What every store promises, in a folder and in a bucket alike."""

from __future__ import annotations

import subprocess
import sys
import threading
import tracemalloc
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from app.core.problems import NotFound
from app.core.storage import Missing, Storage, s3, storage
from tests.applications import application
from tests.core.storage.streams import MEGABYTE, Broken, Made, get, hash_of, put

ROOT = Path(__file__).parents[3]
# In the order of their bytes, which is neither that of the folders nor that of the letters.
NAMES = [
    "20261120/b.json",
    "20261121-late.json",
    "20261121.json",
    "20261121/A.json",
    "20261121/a b+c&d=e%20?#.json",
    "20261121/a.json",
    "20261121/deep/er/x",
    "20261121/é.json",
    "20261121/名前.json",
    "20261121/😀.json",
    "202611210.json",
    "erasures/~(it's) [so]!@$*.json",
]
UNFIT_NAMES = [
    "",
    "/etc/passwd",
    "..",
    "../x",
    "a/../../x",
    "a/./b",
    "a//b",
    "a/",
    "a\\b",
    "a\nb",
    "a\0b",
    "a\x85b",
    "\ud800",
    ".hidden",
    "a/.unfinished/b",
    ".check-",
    "é" * 128,
    "/".join(["a" * 100] * 10),
]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a bucket list few names at a time."""
    monkeypatch.setattr(s3, "PAGE", 3)


def test_what_is_put_is_read_replaced_and_removed(store: Storage) -> None:
    put(store, "20261121/a.json", b"first")
    assert get(store, "20261121/a.json") == b"first"
    put(store, "20261121/a.json", b"")
    assert get(store, "20261121/a.json") == b""
    store.delete("20261121/a.json")
    with pytest.raises(Missing):
        get(store, "20261121/a.json")
    assert list(store.names()) == []


def test_what_is_not_there_is_missing_and_removed_without_a_word(store: Storage) -> None:
    assert list(store.names()) == []
    put(store, "there/too", b"x")
    for name in ("nowhere", "no/where", "there", "there/too/deep"):
        with pytest.raises(NotFound, match="not in the store"):
            get(store, name)
        store.delete(name)
    assert list(store.names()) == ["there/too"]


def test_only_what_is_left_in_the_stream_is_put(store: Storage) -> None:
    stream = Made(20, most=3)
    assert len(stream.read(2)) == 2
    store.put("rest", stream)
    assert len(get(store, "rest")) == 18


@pytest.mark.usefixtures("small_pages")
def test_names_of_all_sorts_are_listed_by_their_bytes(store: Storage) -> None:
    for name in reversed(NAMES):
        put(store, name, name.encode())
    assert sorted(NAMES, key=str.encode) == NAMES
    assert list(store.names()) == NAMES
    assert [get(store, name) for name in NAMES] == [name.encode() for name in NAMES]


@pytest.mark.usefixtures("small_pages")
def test_prefix_chooses_names_and_leads_nowhere_else(store: Storage) -> None:
    for name in NAMES:
        put(store, name)
    for prefix in ("2", "20261121", "20261121/", "20261121/a", "20261121/deep/", "erasures/", "20261121/a.json", "é"):
        assert list(store.names(prefix)) == [name for name in NAMES if name.startswith(prefix)], prefix
    for prefix in ("../", "/", "x/", "20261121//", "."):
        assert list(store.names(prefix)) == []


def test_more_than_a_page_is_listed_to_the_end_and_asked_for_as_it_is_used(
    store: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PAGE", 20)
    names = [f"{day}/{number:03}.json" for day in range(20261121, 20261126) for number in range(21)]
    for name in names:
        put(store, name, b"")
    found = store.names()
    assert [next(found) for _ in range(21)] == names[:21]
    store.delete(names[-1])
    assert list(found) == names[21:-1]


def test_name_that_could_lead_elsewhere_is_no_name(store: Storage) -> None:
    for name in UNFIT_NAMES:
        for use in (partial(put, store), partial(get, store), store.delete):
            with pytest.raises(ValueError, match="can't be the name"):
                use(name)
    assert list(store.names()) == []


def test_put_that_breaks_off_leaves_what_was_there(store: Storage) -> None:
    for size in (10, 6 * MEGABYTE):
        put(store, "a/kept", b"the old one")
        for name in ("a/kept", "a/new"):
            with pytest.raises(OSError, match="the sender is gone"):
                store.put(name, Broken(size))
        assert get(store, "a/kept") == b"the old one"
        assert list(store.names()) == ["a/kept"]


def test_reader_sees_the_old_object_or_the_new_one_never_half(store: Storage) -> None:
    size = 2 * MEGABYTE
    store.put("both", Made(size))
    contents = {get(store, "both")[:1] + bytes([letter]) * size for letter in b"xy"}
    put(store, "both", min(contents))
    stopping = threading.Event()
    wrong: list[int] = []

    def read() -> None:
        while not stopping.is_set():
            found = get(store, "both")
            if found not in contents:
                wrong.append(len(found))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(5):
        for content in contents:
            put(store, "both", content)
    stopping.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_who_reads_is_not_disturbed_by_who_replaces(store: Storage) -> None:
    put(store, "long", b"a" * MEGABYTE)
    with store.open("long") as stream:
        assert stream.read(1) == b"a"
        put(store, "long", b"b" * MEGABYTE)
        assert stream.read().strip(b"a") == b""
    assert get(store, "long") == b"b" * MEGABYTE


def test_large_file_passes_through_little_memory(store: Storage) -> None:
    put(store, "warm", b"up")
    assert get(store, "warm") == b"up"
    large = Made(20 * MEGABYTE + 1)
    tracemalloc.start()
    try:
        store.put("large", large)
        with store.open("large") as stream:
            found = hash_of(stream)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == large.hash.hexdigest()
    assert peak < 15 * MEGABYTE  # of which a part of an upload, twice while it is put together, is 10


@pytest.mark.parametrize("size", [5 * MEGABYTE - 1, 5 * MEGABYTE, 5 * MEGABYTE + 1, 10 * MEGABYTE])
def test_sizes_around_the_parts_of_an_upload_arrive_whole(store: Storage, size: int) -> None:
    stream = Made(size, most=700_000)
    store.put("parts", stream)
    with store.open("parts") as found:
        assert hash_of(found) == stream.hash.hexdigest()


def test_many_threads_use_one_store(store: Storage) -> None:
    wrong: list[object] = []

    def use(number: int) -> None:
        try:
            for turn in range(5):
                put(store, f"{number}/{turn}", f"{number} {turn}".encode())
                if get(store, f"{number}/{turn}") != f"{number} {turn}".encode():
                    wrong.append((number, turn))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(list(store.names())) == 40


def test_check_leaves_nothing_behind(store: Storage) -> None:
    put(store, "kept")
    store.check()
    assert list(store.names()) == ["kept"]


def test_what_a_broken_check_left_is_not_listed(store: Storage) -> None:
    put(store, ".check-0123abcd")
    put(store, "kept")
    assert list(store.names()) == ["kept"]


@pytest.fixture
def two_stores(tmp_path: Path, s3_url: str) -> dict[str, str]:
    """Return the URLs of two stores."""
    return {"folder": (tmp_path / "elsewhere").as_uri(), "bucket": s3_url}


def test_two_applications_in_one_process_share_no_store(tmp_path: Path, two_stores: dict[str, str]) -> None:
    with ExitStack() as stack:
        apps = {
            name: stack.enter_context(
                application(f"sqlite:///{tmp_path / name}", INSTANCE_PATH=str(tmp_path), STORAGE_URL=url)
            )
            for name, url in two_stores.items()
        }
        for name, app in apps.items():
            with app.app_context():
                put(storage(), "mine", name.encode())
        for name, app in apps.items():
            with app.app_context():
                assert get(storage(), "mine") == name.encode()


def test_store_of_an_application_that_names_none_is_in_its_instance_folder(tmp_path: Path) -> None:
    instance = tmp_path / "an instance"
    with application(f"sqlite:///{tmp_path / 'x'}", INSTANCE_PATH=str(instance)) as app, app.app_context():
        assert not instance.exists()
        assert storage().where == str(instance / "storage")
        put(storage(), "a/b")
        assert (instance / "storage" / "a" / "b").read_bytes() == b"content"


def test_the_client_of_s3_is_not_loaded_before_it_is_used() -> None:
    code = (
        "import sys; from app import create_app; from config import load_config;"
        "create_app(load_config('testing', environ={}, STORAGE_URL='s3://bucket'));"
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
