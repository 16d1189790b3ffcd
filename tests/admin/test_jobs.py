"""The pages of background jobs: who sees which, how far a job is, and how to end it or try it again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.changes.transaction import write
from app.core.clock import now
from app.core.jobs.job import Job, State
from app.extensions import db
from tests.browsing import Browser, rows, soup, statements
from tests.core.jobs import queueing
from tests.sample import Sample

LIST = "/admin/jobs/"


def add(app: Flask, owner_id: int | None = None, **values: Any) -> int:
    """Add a job as it stands in the middle of its life; return its id."""
    with app.app_context():
        job_id = queueing.add("move_people", actor_id=owner_id)
        if values:
            write(lambda: db.session.execute(update(Job).where(Job.id == job_id).values(values)))
    return job_id


def state(app: Flask, job_id: int) -> State:
    with app.app_context():
        return queueing.stored(job_id).state


def page_of(job_id: int) -> str:
    return f"{LIST}details/?id={job_id}"


def buttons(browser: Browser, job_id: int) -> list[str]:
    return [button.get_text(strip=True) for button in soup(browser.get(page_of(job_id))).select("main form button")]


@pytest.fixture
def administrator(sample: Sample, browser: Browser) -> Browser:
    return browser.sign_in(sample.users["administrator"])


def test_list_tells_what_there_is_the_latest_first_and_can_be_narrowed_to_what_failed(
    app: Flask, sample: Sample, administrator: Browser
) -> None:
    add(app, sample.users["hr"], state=State.RUNNING, done=1500, total=4000)
    failed = add(app, state=State.FAILED, error="No.", created_at=now() + timedelta(seconds=1))
    page = administrator.get(LIST)
    assert [row[:4] for row in rows(page)] == [
        ["Move people", "Failed", "–", "Rollcall itself"],
        ["Move people", "Running", "1,500 of 4,000", "Hana 山田"],
    ]
    choices = [choice.get_text(strip=True) for choice in soup(page).select(".job-states a")]
    assert choices == ["All (2)", "Failed (1)", "Running (1)", "Waiting (0)", "Done (0)", "Cancelled (0)"]
    assert len(rows(administrator.get(f"{LIST}?state=failed"))) == 1
    assert soup(administrator.get(f"{LIST}?state=failed")).select_one("tbody a")["href"] == page_of(failed)
    assert rows(administrator.get(f"{LIST}?state=done")) == []
    assert len(rows(administrator.get(f"{LIST}?state=nonsense"))) == 2


def test_long_list_has_pages_and_takes_as_many_statements_as_a_short_one(
    app: Flask, sample: Sample, administrator: Browser
) -> None:
    add(app, sample.users["hr"])
    taken = statements(administrator.get(LIST))
    with app.app_context():
        moment = now()
        jobs = [
            Job(action="x", source="cli", state=State.DONE, not_before=moment, created_at=moment, actor_id=user_id)
            for user_id in [*sample.users.values()] * 12
        ]
        write(lambda: db.session.add_all(jobs))
    first = administrator.get(LIST)
    assert (len(rows(first)), statements(first)) == (50, taken)
    second = administrator.get(soup(first).select_one("a[rel=next]")["href"])
    assert (len(rows(second)), statements(second)) == (11, taken)
    assert taken <= 4


def test_page_shows_progress_reasons_and_what_went_wrong(app: Flask, sample: Sample, administrator: Browser) -> None:
    running = add(app, sample.users["hr"], state=State.RUNNING, done=1500, total=4000, reason="Spring <b>", attempts=1)
    page = soup(administrator.get(page_of(running)))
    bar = page.select_one("progress")
    assert (bar["value"], bar["max"]) == ("1500", "4000")
    assert page.select_one("[data-live]")["data-live"] == "running"
    text = page.select_one("main").get_text(" ", strip=True)
    assert "1,500 of 4,000" in text
    assert "Hana 山田" in text
    assert "Spring <b>" in text
    again = add(app, error="The database is busy.", attempts=2, done=10, total=20)
    text = soup(administrator.get(page_of(again))).select_one("main").get_text(" ", strip=True)
    assert "The last try failed The database is busy." in text
    assert "Next try" in text
    failed = add(app, state=State.FAILED, error="Enter a name.", attempts=1, done=10, total=20, finished_at=now())
    page = soup(administrator.get(page_of(failed)))
    assert "Why it failed Enter a name." in page.select_one("main").get_text(" ", strip=True)
    assert page.select_one("[data-live]") is None
    assert not page.select("script[src*=live]")


def test_job_is_cancelled_and_tried_again_by_its_buttons(app: Flask, administrator: Browser) -> None:
    job_id = add(app)
    assert buttons(administrator, job_id) == ["Cancel"]
    answer = administrator.post(f"{LIST}cancel/?id={job_id}", follow_redirects=True)
    assert "The job ends" in answer.text
    assert (state(app, job_id), buttons(administrator, job_id)) == (State.CANCELLED, [])
    assert "This job is over already." in administrator.post(f"{LIST}cancel/?id={job_id}", follow_redirects=True).text

    failed = add(app, state=State.FAILED, error="No.")
    assert buttons(administrator, failed) == ["Try again"]
    assert "goes on from where" in administrator.post(f"{LIST}retry/?id={failed}", follow_redirects=True).text
    assert state(app, failed) is State.WAITING

    running = add(app, state=State.RUNNING)
    administrator.post(f"{LIST}cancel/?id={running}")
    page = administrator.get(page_of(running))
    assert "It ends after the step that is running." in page.text
    assert buttons(administrator, running) == []


def test_ones_own_jobs_are_for_everybody_and_others_for_who_may_see_the_system(
    app: Flask, sample: Sample, browser: Browser
) -> None:
    hr = sample.users["hr"]
    own, others, systems = add(app, hr), add(app, sample.users["manager"]), add(app)
    browser.sign_in(hr)
    assert browser.get(LIST).status_code == 403
    assert [browser.get(page_of(job_id)).status_code for job_id in (own, others, systems)] == [200, 404, 404]
    assert buttons(browser, own) == ["Cancel"]
    assert LIST not in browser.get(page_of(own)).text.replace(page_of(own), "").replace(f"{LIST}cancel/", "")
    refused = [browser.post(f"{LIST}cancel/?id={job_id}").status_code for job_id in (own, others, systems)]
    assert refused == [303, 404, 404]
    assert [state(app, job_id) for job_id in (own, others, systems)] == [
        State.CANCELLED,
        State.WAITING,
        State.WAITING,
    ]

    browser.sign_in(sample.users["auditor"])
    assert [browser.get(page_of(job_id)).status_code for job_id in (own, others, systems)] == [200] * 3
    assert buttons(browser, others) == []
    assert browser.post(f"{LIST}cancel/?id={others}").status_code == 403
    assert state(app, others) is State.WAITING
