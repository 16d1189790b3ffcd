"""Many browsers edit one person at the same moment: every change that was said to be saved is there at the end."""

from __future__ import annotations

import re
import threading
from html import unescape

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.people.employee import Employee
from tests.browsing import Browser
from tests.sample import Sample, stored

pytestmark = pytest.mark.everywhere  # what happens at the same moment, each engine decides for itself

OWN = (
    "last_name",
    "phone",
    "location",
    "legal_entity",
    "personal_phone",
    "emergency_name",
    "emergency_phone",
    "leaving_reason",
)
"""A field of its own for each browser, in which it counts; all of them write lines into the notes."""
CONTROL = re.compile(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"')
NOTES = re.compile(r'<textarea[^>]* name="notes"[^>]*>\s*([^<]*)</textarea>')
SHARED_EVERY = 5


class Editor:
    """A browser that counts up its own field, and now and then adds a line to the notes, as everybody does."""

    def __init__(self, browser: Browser, url: str, own: str) -> None:
        self.client = browser.client
        self.url = url
        self.own = own
        self.edits = 0
        self.lines: list[str] = []

    def edit(self, times: int) -> None:
        """Edit so many times; what is refused as a conflict is typed again below what is there by then."""
        for turn in range(1, times + 1):
            line = f"{self.own} {turn}" if turn % SHARED_EVERY == 0 else None
            page = self.client.get(self.url)
            while True:
                answer = self.client.post(self.url, data=self._filled(page, line))
                if answer.status_code == 303:
                    break
                if answer.status_code == 503:  # the database was too busy: nothing was saved, the form is sent again
                    continue
                assert answer.status_code == 409, answer.text
                assert line, "a field that nobody else edits was in conflict"
                page = self.client.get(self.url)
            self.edits += 1
            self.lines += [line] if line else []

    def _filled(self, page: TestResponse, line: str | None) -> dict[str, str]:
        """Return the page's form, its own field counted up, and the line below the notes."""
        assert page.status_code == 200, page.status_code
        data = {name: unescape(value) for name, value in CONTROL.findall(page.text)}
        names = ("csrf_token", "version", "was", *OWN)
        data = {name: data[name] for name in names}
        assert data[self.own] == (str(self.edits) if self.edits else ""), "what was saved before is gone"
        data[self.own] = str(self.edits + 1)
        found = NOTES.search(page.text)
        assert found is not None
        return data | {"notes": f"{found[1]}\r\n{line}" if line else found[1]}


@pytest.mark.parametrize(("threads", "times"), [(4, 10), pytest.param(8, 63, marks=pytest.mark.slow)])
def test_no_update_is_lost(app: Flask, sample: Sample, threads: int, times: int) -> None:
    person = sample.people["Eli"]
    url = f"/admin/employees/edit/?id={person}"
    users = (sample.users["hr"], sample.users["administrator"])
    first = Browser(app).sign_in(users[0])
    empty = dict.fromkeys(OWN, "")
    assert first.submit(url, notes="", **empty).status_code == 303
    editors = [Editor(Browser(app).sign_in(users[i % 2]), url, OWN[i]) for i in range(threads)]
    faults: list[BaseException] = []

    def work(editor: Editor) -> None:
        try:
            editor.edit(times)
        except BaseException as fault:
            faults.append(fault)

    workers = [threading.Thread(target=work, args=(editor,)) for editor in editors]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not faults, faults[0]
    saved = stored(app, Employee, person)
    assert [getattr(saved, editor.own) for editor in editors] == [str(times)] * threads
    assert sorted(saved.notes.splitlines()) == sorted(line for editor in editors for line in editor.lines)
    assert saved.version == 2 + sum(editor.edits for editor in editors)
