"""Erasing a person from their page: shown first, the number typed, then nothing on any page tells of them."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.changes.journal import ChangeRow, Segment
from app.core.clock import today
from app.extensions import db
from app.people.employee import Employee
from tests.browsing import Browser, errors, fields, soup
from tests.marked import Marked, everywhere, hire, in_files, make, waiting_job
from tests.sample import Sample, act, stored


@pytest.fixture
def administrator(sample: Sample, browser: Browser) -> Browser:
    """Give the browser of an administrator."""
    return browser.sign_in(sample.users["administrator"])


@pytest.fixture
def marked(app: Flask, sample: Sample) -> Marked:
    """Give somebody with traces everywhere, who reports to Bo and has somebody reporting to them."""
    with app.app_context():
        made = make(department_id=sample.departments["Platform"], manager_id=sample.people["Bo"])
        reason = f"{db.session.get_one(Employee, made.id).name.upper()} knows the work best"
        act("change_manager", employee_ids=[sample.people["Eli"]], manager_id=made.id, reason=reason)
        return made


def erase_url(person: int) -> str:
    return f"/admin/employees/erase/?id={person}"


def pages(app: Flask, marked: Marked, sample: Sample) -> list[str]:
    """Return the pages on which somebody could be told of."""
    wanted = {
        "web.directory": [f"?search={marked.mark[:-1]}", ""],
        "employees.index_view": [f"?search={marked.mark[:-1]}", "?flt1_is_here=0", ""],
        "users.index_view": [f"?search={marked.mark[:-1]}", ""],
        "jobs.index_view": [""],
        "journal.index_view": ["", f"?flt1_person={marked.id}"],
        "admin.index": [""],
        "web.dashboard": [""],
    }
    paths = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules()}
    found = [f"{paths[endpoint]}{query}" for endpoint, queries in wanted.items() for query in queries]
    records = [("employees", marked.id), ("employees", sample.people["Eli"]), ("users", marked.user_id)]
    for panel, record in records:
        found += [f"/admin/{panel}/details/?id={record}{tab}" for tab in ("", "&tab=history")]
    with app.app_context():
        sets = select(Segment.change_set_id).join(ChangeRow, ChangeRow.segment_id == Segment.id)
        mine = db.session.scalars(sets.where(ChangeRow.person_id == marked.id).distinct())
        found += [f"/admin/journal/details/?id={set_id}" for set_id in mine]
    found += [f"/people/erased-{marked.id}", "/admin/employees/export/csv/", f"/admin/jobs/details/?id={marked.job_id}"]
    return [*found, f"/lookup/employee?query={marked.mark[:-1]}", f"/lookup/employee?query=erased-{marked.id}"]


def test_page_shows_what_holds_the_person_and_what_becomes_of_it(administrator: Browser, marked: Marked) -> None:
    details = administrator.get(f"/admin/employees/details/?id={marked.id}")
    (link,) = [a for a in soup(details).select("a") if a.text.strip() == "Erase…"]
    page = administrator.get(str(link["href"]))
    text = soup(page).get_text(" ")
    for words in (
        "The job: a leaving is recorded, with today as the last day.",
        "1 person reports to them, and goes to Bo Lindqvist.",
        f"The account {marked.mark}@work.example",
        "2 entries of pay",
        "1 stretch of the job history",
        "Backups, exported files, e-mails and logs",
    ):
        assert words in text
    assert fields(page).keys() == {"csrf_token", "number"}
    assert fields(page)["number"] == ""


@pytest.mark.parametrize("typed", ["", "x", "104"])
def test_other_number_erases_nobody(app: Flask, administrator: Browser, marked: Marked, typed: str) -> None:
    page = administrator.submit(erase_url(marked.id), number=typed)
    assert page.status_code == 422
    assert errors(page)["number"].startswith("This is not the number of")
    assert stored(app, Employee, marked.id).number == marked.number


def test_after_the_erasure_no_page_tells_of_the_person(
    app: Flask, administrator: Browser, marked: Marked, sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [administrator.get(url, buffered=True) for url in pages(app, marked, sample)]
    assert {answer.status_code for answer in answers} == {200, 404}  # nobody is called erased-… yet
    assert sum(marked.is_in(answer.text) for answer in answers) > 20
    administrator.get(f"/people/{marked.number}")
    done = administrator.submit(erase_url(marked.id), number=f" {marked.number.lower()} ")
    assert (done.status_code, done.location) == (303, "/admin/employees/")
    assert f"The person with the number erased-{marked.id} was erased." in administrator.get(done.location).text
    for url in pages(app, marked, sample):
        answer = administrator.get(url, buffered=True)
        assert answer.status_code == 200, url
        assert not marked.is_in(answer.text), url
    assert administrator.get(f"/people/{marked.number}").status_code == 404
    logged = capsys.readouterr()
    assert not marked.is_in(logged.err + logged.out)
    with app.app_context():
        assert everywhere(marked) == []
        assert in_files(marked) == []


def test_page_of_who_was_erased_says_so_and_offers_nothing(
    app: Flask, administrator: Browser, marked: Marked, sample: Sample
) -> None:
    administrator.submit(erase_url(marked.id), number=marked.number)
    page = administrator.get(f"/admin/employees/details/?id={marked.id}")
    text = soup(page).get_text(" ")
    assert "This person was erased on" in text
    assert "by Ada Okafor." in text
    assert today().strftime("%Y") in text
    main = soup(page).select_one("main")
    assert main is not None
    offered = {a.text.strip() for a in main.select(".page-actions a, .actions-list a, .actions-list button")}
    assert offered == set()
    assert administrator.get(f"/admin/employees/edit/?id={marked.id}").status_code == 403
    assert administrator.get(f"/admin/employees/delete/?id={marked.id}").status_code == 403
    again = administrator.get(erase_url(marked.id))
    assert (again.status_code, again.location) == (303, f"/admin/employees/details/?id={marked.id}")
    staff_page = administrator.get(f"/people/erased-{marked.id}")
    assert staff_page.status_code == 200
    assert not soup(staff_page).select("main a[href*=edit]")


def test_what_stands_in_the_way_is_said_before_anything_is_typed(
    app: Flask, administrator: Browser, sample: Sample
) -> None:
    own = administrator.get(erase_url(sample.people["Ada"]))
    assert "This is your own record. Ask another administrator." in own.text
    assert not soup(own).select("main form")
    with app.app_context():
        job = waiting_job(sample.people["Dee"])
    busy = administrator.get(erase_url(sample.people["Dee"]))
    assert f"wait for it, or cancel it (job {job})" in busy.text
    late = administrator.post(erase_url(sample.people["Dee"]), {"number": "103"})
    assert late.status_code == 422
    assert f"(job {job})" in errors(late)[""]
    assert stored(app, Employee, sample.people["Dee"]).first_name == "Dee"


def test_erasing_takes_a_post_with_a_token(app: Flask, administrator: Browser) -> None:
    with app.app_context():
        person = hire("x")
    assert administrator.client.post(erase_url(person), data={"number": "Nx"}).status_code == 400
    assert stored(app, Employee, person).number == "Nx"


def test_hr_is_not_offered_it(app: Flask, browser: Browser, sample: Sample) -> None:
    browser.sign_in(sample.users["hr"])
    assert "Erase…" not in browser.get(f"/admin/employees/details/?id={sample.people['Eli']}").text
    assert browser.post(erase_url(sample.people["Eli"]), {"number": "104"}).status_code == 403
    assert stored(app, Employee, sample.people["Eli"]).number == "104"
