"""The file of a backup: whole or not there, and never taken for whole when it isn't."""

from __future__ import annotations

import errno
import fcntl
import json
import random
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.core.backup import restoring
from app.core.backup.container import MANIFEST, UNFINISHED, Unfit, Unwritable, clear_unfinished, opened, writing
from tests.core.backup.backing import silent
from tests.core.backup.conftest import Kept

pytestmark = pytest.mark.once
PARTS = {"a/one.txt": b"first\nsecond\n", "b.bin": bytes(range(256)) * 50}


def write(path: Path) -> Path:
    with writing(path) as into:
        into.told["version"] = "7"
        for name, content in PARTS.items():
            with into.part(name) as part:
                part.write(content)
    return path


def read(path: Path) -> dict[str, bytes]:
    """Check a backup and return what is in it."""
    with opened(path) as backup:
        backup.check(silent)
        return {name: backup.read(name) for name in backup.parts}


def test_what_was_written_is_read_again_by_us_and_by_any_tool(tmp_path: Path) -> None:
    path = write(tmp_path / "new" / "folder" / "x.backup")
    assert read(path) == PARTS
    with opened(path) as backup:
        assert list(backup.lines("a/one.txt")) == [b"first\n", b"second\n"]
        assert (backup.told["product"], backup.told["format"], backup.told["version"]) == ("rollcall", 1, "7")
    with zipfile.ZipFile(path) as archive:
        assert {*archive.namelist()} == {*PARTS, MANIFEST}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_any_wrong_byte_is_found_or_means_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "x.backup")
    content, chance = bytearray(path.read_bytes()), random.Random(5)
    found = 0
    for place in range(len(content)):
        was = content[place]
        content[place] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        content[place] = was
        try:
            assert read(path) == PARTS  # a moment in the headers, say, which nobody reads
        except Unfit:
            found += 1
    assert found > len(content) / 2


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_file_that_was_cut_off_is_found_to_be(tmp_path: Path, share: float) -> None:
    path = write(tmp_path / "x.backup")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(Unfit, match="damaged, or was cut off"):
        read(path)


def manifested(path: Path, **changes: Any) -> Path:
    """Write a file with a manifest, and what it tells changed."""
    told = {"product": "rollcall", "format": 1, "version": "9.9", "parts": {}, **changes}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, json.dumps(told))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.with_name("missing"), "can’t be read"),
        (lambda path: path.parent, "can’t be read"),
        (lambda path: path.write_text("SELECT 1") and path, "damaged, or was cut off"),
        (lambda path: manifested(path, product="other"), "no backup of Rollcall"),
        (lambda path: manifested(path, format=2), r"newer Rollcall \(9.9\)"),
        (lambda path: manifested(path, parts={"a": {"sha256": "0", "bytes": 1}}), "its parts are not those"),
    ],
    ids=["missing", "folder", "other", "product", "format", "parts"],
)
def test_what_is_no_backup_of_ours_is_refused_by_name(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    with pytest.raises(Unfit, match=words):
        read(make(tmp_path / "x.backup"))


def rewritten(kept: Kept, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Copy a backup, with its manifest changed."""
    with zipfile.ZipFile(kept.path) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == MANIFEST:
                told = json.loads(content)
                change(told)
                content = json.dumps(told).encode()
            target.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda told: told.update(revision="9999"), r"newer Rollcall \(1, migration 9999\)"),
        (lambda told: told.pop("tables"), "what it tells of itself can’t be read"),
        (lambda told: told["tables"].pop("pay"), r"lacks what its migration makes \(pay\)"),
        (lambda told: told["tables"]["pay"]["columns"].pop(), r"lacks what its migration makes \(pay\)"),
        (lambda told: told["tables"]["pay"]["columns"][1].__setitem__(1, "bytes"), r"lacks .* makes \(pay\)"),
        (lambda told: told["parts"]["database/pay.jsonl"].update(sha256="0" * 64), "pay.jsonl is not as it was"),
    ],
    ids=["newer", "without tables", "without a table", "without a column", "other kind", "other content"],
)
def test_backup_that_would_not_fit_is_refused_before_any_database_is_touched(
    kept: Kept, context: Flask, tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    path = rewritten(kept, tmp_path / "x.backup", change)
    with opened(path) as backup, pytest.raises(Unfit, match=words):
        restoring.check(backup, silent)


def test_nothing_is_left_where_writing_fails_and_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.backup"
    with pytest.raises(ZeroDivisionError), writing(path):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []
    path.write_text("somebody's")
    with pytest.raises(Unwritable, match="is there already"), writing(path):
        pass
    assert path.read_text() == "somebody's"


FILLING = """
import sys
from pathlib import Path
from app.core.backup.container import Unwritable, writing
from flask import Flask
from app.extensions import babel
import os
app = Flask("x")
babel.init_app(app)
with app.app_context():
    try:
        with writing(Path(sys.argv[1])) as into:
            with into.part("a") as part:
                while True:
                    part.write(os.urandom(100_000))
    except Unwritable as problem:
        print(problem)
"""


def test_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    limit = 1_000_000
    done = subprocess.run(
        [sys.executable, "-c", FILLING, str(tmp_path / "x.backup")],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.stdout == f"{tmp_path} has no space left: make room there.\n", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_killed_backups_left_goes_and_what_is_being_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file: Any, operation: int) -> None:
        if not file.writable():  # as NFS does
            raise OSError(errno.EBADF, "Bad file descriptor")
        lock(file, operation)

    lock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", flock)
    left = tmp_path / f"rollcall-20200101-000000.backup{UNFINISHED}"
    left.write_text("half")
    with writing(tmp_path / "x.backup"):
        assert not left.exists()
        clear_unfinished(tmp_path)
        assert (tmp_path / f"x.backup{UNFINISHED}").exists()
    shutil.rmtree(tmp_path)
