"""People at work while servers come and go: each signs in once, reads and edits, and writes down what went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests
from bs4 import BeautifulSoup

from tests.browsing import fields

PATIENCE_SECONDS = 15
PAGES = ("/dashboard", "/directory", "/admin/", "/admin/employees/", "/admin/departments/")


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was not answered as it should be: when it was `sent` and ended (seconds of the clock), and why."""

    sent: float
    at: float
    what: str
    why: str


@dataclass(slots=True)
class Edits:
    """The edits of one person's record: what was acknowledged, in order, and what has no answer, yet or for good."""

    number: str
    acknowledged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def lost(self, look: Callable[[], str]) -> str:
        """Look what the record holds, and return it where it is nothing that may be there; "" where all is well.

        While somebody is at work that is what was saved last, or what they save meanwhile.
        """
        if not (known := len(self.acknowledged)):
            return ""
        sent = [*self.unknown]
        found = look()
        may_be = {*self.acknowledged[known - 1 :], *sent, *self.unknown}
        return "" if found in may_be else f"{self.number} holds {found}, not one of {sorted(may_be)}"


class Person(threading.Thread):
    """Somebody with a browser: one session and one connection, used for as long as the load lasts."""

    def __init__(self, load: Load, email: str, password: str, number: str | None) -> None:
        super().__init__(name=email, daemon=True)
        self.load, self.email, self.password = load, email, password
        self.edits = Edits(number) if number else None
        self.browser = requests.Session()
        self.browser.trust_env = False  # whom this machine trusts has no say here
        self.browser.verify = str(load.authority)
        self.browser.headers["Referer"] = f"{load.url}/"  # as every browser sends it, and forms over HTTPS need it
        self.record = ""

    def sign_in(self) -> None:
        """Sign in, and find the record to edit; raises where that fails, since the load has not begun."""
        answer = self._ask("GET", "/login")
        token = fields(answer)["csrf_token"]
        form = {"email": self.email, "password": self.password, "csrf_token": token}
        answer = self._ask("POST", "/login", data=form)
        assert answer.status_code in (302, 303), f"{self.email} could not sign in: {answer.status_code}"
        if self.edits:
            found = BeautifulSoup(self._ask("GET", f"/admin/employees/?search={self.edits.number}").text, "html.parser")
            link = found.select_one("main table a[href*='/edit/']")
            assert link is not None, f"nobody has the number {self.edits.number}"
            self.record = str(link["href"])

    def run(self) -> None:
        """Read one page after the other, or edit, until the load ends."""
        turn = 0
        while not self.load.ended.wait(self.load.pause):
            turn += 1
            if self.edits and turn % 3 == 0:
                self._edit(self.edits, turn)
            else:
                self._read(PAGES[turn % len(PAGES)])

    def _read(self, path: str) -> requests.Response | None:
        began = time.monotonic()
        try:
            answer = self._ask("GET", path)
        except requests.RequestException as error:
            self.load.fail(began, f"GET {path}", f"{type(error).__name__}: {error}")
            return None
        if answer.status_code != 200 or 'name="csrf_token"' not in answer.text:
            where = answer.headers.get("Location", answer.text[:200])
            self.load.fail(began, f"GET {path}", f"{answer.status_code} {where}")
            return None
        self.load.answered(time.monotonic() - began)
        return answer

    def _edit(self, edits: Edits, turn: int) -> None:
        page = self._read(self.record)
        if page is None:
            return
        phone = f"+41 44 {turn:07d}"
        edits.unknown.append(phone)
        began = time.monotonic()
        try:
            answer = self._ask("POST", self.record, data={**fields(page), "phone": phone})
        except requests.RequestException as error:
            self.load.fail(began, f"POST {self.record}", f"{type(error).__name__}: {error}")
            return
        if answer.status_code in (302, 303) and "/login" not in answer.headers.get("Location", ""):
            self.load.answered(time.monotonic() - began)
            edits.acknowledged.append(phone)
            edits.unknown.clear()
        else:
            if answer.status_code < 500:
                edits.unknown.remove(phone)
            self.load.fail(began, f"POST {self.record}", f"{answer.status_code} {_told(answer.text)}")

    def _ask(self, method: str, path: str, **options: object) -> requests.Response:
        return self.browser.request(
            method, self.load.url + path, allow_redirects=False, timeout=PATIENCE_SECONDS, **options
        )

    def get(self, path: str) -> requests.Response:
        """Return a page as this person sees it, over a new connection: theirs is at work."""
        with requests.Session() as other:
            other.trust_env, other.verify, other.cookies = False, self.browser.verify, self.browser.cookies
            return other.get(self.load.url + path, allow_redirects=False, timeout=PATIENCE_SECONDS)

    def phone_now(self) -> str:
        """Return what the record holds."""
        return fields(self.get(self.record))["phone"]


class Load:
    """A number of people at work; `failures` is to stay empty, unless something was broken on purpose."""

    def __init__(self, url: str, authority: Path, pause: float) -> None:
        self.url, self.authority, self.pause = url, authority, pause
        self.people: list[Person] = []
        self.failures: list[Failure] = []
        self.seconds: list[float] = []
        self.ended = threading.Event()
        self._lock = threading.Lock()

    def add(self, email: str, password: str, number: str | None = None) -> None:
        """Let one more sign in; with a number, they edit that person's record."""
        person = Person(self, email, password, number)
        person.sign_in()
        self.people.append(person)

    def start(self) -> None:
        """Let everybody begin."""
        for person in self.people:
            person.start()

    def answered(self, seconds: float) -> None:
        """Note a request that was answered as it should be."""
        with self._lock:
            self.seconds.append(seconds)

    def fail(self, sent: float, what: str, why: str) -> None:
        """Note one that was not."""
        with self._lock:
            self.failures.append(Failure(sent, time.monotonic(), what, why))

    def mark(self) -> Mark:
        """Return a point in time from which requests and failures are counted."""
        return Mark(self, time.monotonic(), len(self.seconds), len(self.failures))

    def stop(self) -> None:
        """Let everybody finish what they are at."""
        self.ended.set()
        for person in self.people:
            person.join(2 * PATIENCE_SECONDS)

    def lost_edits(self) -> list[str]:
        """Return which records do not hold what was acknowledged last."""
        found = [person.edits.lost(person.phone_now) for person in self.people if person.edits]
        return [words for words in found if words]

    def acknowledged(self) -> int:
        """Return how many edits were acknowledged."""
        return sum(len(person.edits.acknowledged) for person in self.people if person.edits)


@dataclass(frozen=True, slots=True)
class Mark:
    """Since a point in time: what was answered, and what failed."""

    load: Load
    at: float
    answered_before: int
    failed_before: int

    def answered(self) -> int:
        """Return how many requests were answered since."""
        return len(self.load.seconds) - self.answered_before

    def failures(self) -> list[Failure]:
        """Return what failed since."""
        return self.load.failures[self.failed_before :]

    def trouble_seconds(self, sent_since: float = 0.0) -> float:
        """Return for how long requests failed that were sent since a time: from this point to the last one that did."""
        return max((failed.at - self.at for failed in self.failures() if failed.sent >= sent_since), default=0.0)

    def slowest(self) -> float:
        """Return the seconds of the slowest answer since."""
        return max(self.load.seconds[self.answered_before :], default=0.0)


def _told(page: str) -> str:
    soup = BeautifulSoup(page, "html.parser")
    told = soup.select_one("#errors, main h1")
    return told.get_text(" ", strip=True)[:300] if told else page[:200]
