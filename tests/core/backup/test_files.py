"""The files of the store and the keys of the instance folder, in a backup and out of it again."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask

from app.core.backup import files, keys, making
from app.core.backup.container import Unfit, Unwritable, opened, writing
from app.core.backup.files import PART
from app.core.storage import Storage, make_store
from tests.core.backup.backing import silent

pytestmark = pytest.mark.once
AT = datetime(2026, 11, 21, 21, 0, 0)  # noqa: DTZ001 it is only a name
OBJECTS = {
    "20261121/abc.json": b"{}\n",
    "photos/Zoë 李.jpg": bytes(range(256)) * 40_000,
    "x/" + "long" * 60: b"",
    "empty": b"",
}


def filled(store: Storage) -> Storage:
    for name, content in OBJECTS.items():
        store.put(name, io.BytesIO(content))
    return store


def held(store: Storage) -> dict[str, bytes]:
    found = {}
    for name in store.names():
        with store.open(name) as stream:
            found[name] = stream.read()
    return found


def dump(store: Storage, path: Path) -> Path:
    with writing(path) as into:
        into.told["files"] = files.dump(store, into, path.parent, silent)
    return path


def folder(path: Path) -> Storage:
    return make_store(path.as_uri(), path)


def test_files_of_any_store_are_put_into_any_other(context: Flask, s3_url: str, tmp_path: Path) -> None:
    bucket = filled(make_store(s3_url, tmp_path))
    path = dump(bucket, tmp_path / "s3.backup")
    with opened(path) as backup:
        size = sum(map(len, OBJECTS.values()))
        assert backup.told["files"] == {"count": len(OBJECTS), "bytes": size}
        store = folder(tmp_path / "store")
        assert files.load(store, backup, silent) == (len(OBJECTS), 0)
    assert held(store) == OBJECTS
    for found in (tmp_path / "store").rglob("*"):
        assert found.stat().st_mode & 0o777 == (0o700 if found.is_dir() else 0o600)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["s3.backup", "store"]  # large ones passed through here


def test_what_the_store_has_stays_as_it_is(context: Flask, tmp_path: Path) -> None:
    path = dump(filled(folder(tmp_path / "a")), tmp_path / "x.backup")
    store = folder(tmp_path / "b")
    store.put("20261121/abc.json", io.BytesIO(b"rewritten by an erasure"))
    store.put("20261122/new.json", io.BytesIO(b"later"))
    with opened(path) as backup:
        assert files.load(store, backup, silent) == (len(OBJECTS) - 1, 1)
    later = {"20261121/abc.json": b"rewritten by an erasure", "20261122/new.json": b"later"}
    assert held(store) == OBJECTS | later


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", ".hidden"])
def test_no_file_gets_out_of_the_store(context: Flask, tmp_path: Path, name: str) -> None:
    class Odd:
        def names(self) -> list[str]:
            return [name]

        def open(self, _name: str) -> io.BytesIO:
            return io.BytesIO(b"!")

    path = dump(Odd(), tmp_path / "x.backup")  # type: ignore[arg-type]
    with opened(path) as backup, pytest.raises(Unfit):
        files.load(folder(tmp_path / "store"), backup, silent)
    assert not [found for found in tmp_path.rglob("*") if found.is_file() and found != path]


@pytest.mark.slow
def test_store_of_very_many_files_takes_no_memory_for_them(context: Flask, tmp_path: Path) -> None:
    import tracemalloc

    class Large:
        def names(self) -> list[str]:
            return (f"d/{number}" for number in range(5_000))  # type: ignore[return-value]

        def open(self, _name: str) -> io.BytesIO:
            return io.BytesIO(b"x" * 100)

    tracemalloc.start()
    try:
        path = dump(Large(), tmp_path / "x.backup")  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    with opened(path) as backup:
        assert backup.told["files"] == {"count": 5_000, "bytes": 500_000}


def test_keys_come_back_and_settings_of_another_machine_do_not_come_into_force(context: Flask, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    (here / "secret_key").write_text("the key")
    (here / "config.py").write_text("DATABASE_URL = 'sqlite:////old'")
    path = tmp_path / "x.backup"
    with writing(path) as into:
        assert keys.dump(here, None, into) == ["secret_key", "config.py"]
    with opened(path) as backup:
        assert keys.load(here, backup, AT) == []
        assert keys.load(there, backup, AT) == [there / "secret_key", there / "config.py.restored"]
        (there / "secret_key").write_text("made at the start")
        keys.load(there, backup, AT)
    content = {found.name: found.read_text() for found in there.iterdir()}
    assert content == {
        "secret_key": "the key",
        "secret_key-before-20261121-210000": "made at the start",
        "config.py.restored": "DATABASE_URL = 'sqlite:////old'",
    }
    assert (there / "secret_key").stat().st_mode & 0o777 == 0o600
    assert there.stat().st_mode & 0o777 == 0o700


def test_key_of_a_setting_is_written_only_when_it_is_given(context: Flask, tmp_path: Path) -> None:
    for key, names in ((None, []), ("from a setting", ["secret_key"])):
        path = tmp_path / f"{key}.backup"
        with writing(path) as into:
            assert keys.dump(tmp_path, key, into) == names
        assert (b"from a setting" in zipfile.ZipFile(path).read("keys/secret_key")) if names else True


def test_where_a_backup_goes(tmp_path: Path) -> None:
    name = "rollcall-20261121-210000.backup"
    assert making.path_for(None, tmp_path, AT) == tmp_path / "backups" / name
    assert making.path_for(tmp_path, tmp_path, AT) == tmp_path / name
    assert making.path_for(tmp_path / "new", tmp_path, AT) == tmp_path / "new" / name
    assert making.path_for(tmp_path / "my.backup", tmp_path, AT) == tmp_path / "my.backup"
    with pytest.raises(Unwritable, match="among the files of the store"):
        making.refuse_inside(tmp_path, tmp_path / "backups" / name)


def test_older_backups_go_and_nothing_else_does(tmp_path: Path) -> None:
    names = [f"rollcall-2026112{day}-000000.backup" for day in range(5)]
    others = ["rollcall-20261120-000000.backup.unfinished", "mine.backup", "rollcall-old.backup"]
    for name in (*names, *others):
        (tmp_path / name).touch()
    gone = making.prune(tmp_path, 2)
    assert [path.name for path in gone] == names[:3]
    assert sorted(found.name for found in tmp_path.iterdir()) == sorted([*names[3:], *others])


def test_part_of_files_is_a_tar_archive_for_any_tool(context: Flask, tmp_path: Path) -> None:
    import tarfile

    path = dump(filled(folder(tmp_path / "a")), tmp_path / "x.backup")
    with zipfile.ZipFile(path) as archive, archive.open(PART) as part, tarfile.open(fileobj=part) as found:
        assert {*found.getnames()} == {*OBJECTS}
