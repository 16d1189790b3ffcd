"""Messages as files, for installations without a mail server."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from flask import Flask

from app.core.mail import MailAway, MailRefused, Message, Post, folder, new_message_id, send
from tests.clock import Clock
from tests.mailing import mails, text_of

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def place(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that messages go into, which is not there yet."""
    monkeypatch.setitem(app.extensions, "mail", Post((tmp_path / "a b" / "mail").as_uri(), "http://127.0.0.1:5000"))
    return tmp_path / "a b" / "mail"


def message(text: str = "Good day.\n") -> Message:
    return Message("ana@sample.example", "Für Ana", text, new_message_id())


def test_each_message_is_a_file_for_its_owner_only_in_the_order_of_their_making(place: Path, clock: Clock) -> None:
    first = message("First.\n")
    clock.move(seconds=1)
    second = message("Second.\n")
    send(second)
    send(first)
    assert [text_of(found) for found in mails(place)] == ["First.\n", "Second.\n"]
    assert {path.name for path in place.iterdir()} == {f"{one.message_id.strip('<>')}.eml" for one in (first, second)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert mails(place)[0]["From"] == "rollcall@localhost"


def test_same_message_twice_is_one_file(place: Path, clock: Clock) -> None:
    sent = message()
    send(sent)
    clock.move(days=1)
    send(sent)
    assert [found["Message-ID"] for found in mails(place)] == [sent.message_id]


def test_folder_that_can_not_be_one_is_told(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("a file")
    with pytest.raises(MailRefused, match=r"The folder .*/mail of MAIL_URL can’t be written: \w+"):
        send(message())


def test_full_disk_is_another_try_later_and_leaves_nothing_half_written(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/dev/full` can't stand for a folder; what it says on writing, the file says here."""
    monkeypatch.setattr(folder.os, "fsync", _full)
    with pytest.raises(MailAway, match="No space left on device"):
        send(message())
    assert list(place.iterdir()) == []
    monkeypatch.undo()


def _full(_descriptor: int) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        full.write(b"x")


@pytest.mark.parametrize("message_id", ["", "no id", "<../../x@y>", "<a@b>\nBcc: x", "<a/b@c>"])
def test_id_that_could_be_a_path_is_none(message_id: str) -> None:
    with pytest.raises(ValueError, match="new_message_id"):
        Message("ana@sample.example", "Hello", "Text", message_id)


def test_whose_home_is_elsewhere_is_no_matter(place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    send(message())
    assert len(mails(place)) == 1
    assert os.listdir(tmp_path) == ["a b"]
