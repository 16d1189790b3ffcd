"""What takes two people, from the form that is held back to the decision, through the pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from app.access.actor import by_user
from app.access.grants import Action, Scope, Subject
from app.accounts.models import AccessRole, User
from app.actions import Source, work
from app.changes.approvals import Approval, Verdict
from app.changes.journal import REASON_LENGTH, ChangeSet
from app.changes.transaction import write
from app.core.clock import now
from app.core.jobs.job import Job
from app.core.problems import HeldBack
from app.extensions import db
from app.people.employee import Employee
from tests.approving import LIST, add, buttons, decide, main, page_of, second_administrator, told, waiting_id
from tests.browsing import Browser, errors, fields, filled, rows, soup, statements
from tests.marked import waiting_job
from tests.sample import Sample, account, act, stored

MANY = 201


@pytest.fixture
def second(app: Flask, sample: Sample) -> Browser:
    """Give the browser of a second administrator."""
    return Browser(app).sign_in(second_administrator(app))


@pytest.fixture
def administrator(app: Flask, sample: Sample) -> Browser:
    return Browser(app).sign_in(sample.users["administrator"])


@pytest.fixture
def hr(app: Flask, sample: Sample) -> Browser:
    return Browser(app).sign_in(sample.users["hr"])


def held(browser: Browser, email: str = "new@sample.example", **typed: str) -> int:
    """Ask for a further administrator, which takes a second one; return the approval."""
    with browser.app.app_context():
        role_id = db.session.scalar(select(AccessRole.id).where(AccessRole.name == "administrator"))
    answer = browser.submit("/admin/users/new/", email=email, access_role_id=str(role_id), **typed)
    return waiting_id(answer)


def crowd(app: Flask, count: int = MANY) -> list[int]:
    """Hire so many people called Zoe; return their ids."""
    with app.app_context():
        values = {"first_name": "Zoe", "hired_on": date(2020, 1, 1)}
        return [act("hire", values={"number": f"N{i:03}", **values}) for i in range(count)]


def moved(app: Flask, department_id: int) -> int:
    with app.app_context():
        query = select(func.count()).where(Employee.first_name == "Zoe", Employee.department_id == department_id)
        return db.session.execute(query).scalar_one()


def ask_for_transfer(hr: Browser, sample: Sample) -> tuple[TestResponse, int]:
    """Transfer everybody called Zoe, through all pages; return the preview and the approval."""
    url = "/admin/employees/do/transfer/?all=1&search=Zoe"
    typed = {"department_id": str(sample.departments["Board"]), "reason": "Office moves"}
    shown = hr.client.post(url, data=filled(hr.get(url), step="preview", **typed))
    return shown, waiting_id(hr.client.post(url, data=filled(shown, step="do")))


def test_transfer_of_many_waits_until_an_administrator_approves_and_is_done_once(
    app: Flask, sample: Sample, hr: Browser, second: Browser
) -> None:
    crowd(app)
    board = sample.departments["Board"]
    shown, approval_id = ask_for_transfer(hr, sample)
    assert "This will wait for a second administrator, because one account changes more than 200 entries" in told(shown)
    assert moved(app, board) == 0
    page = hr.get(page_of(approval_id))
    assert told(page).startswith("Nothing was changed yet: this waits for a second administrator.")
    assert buttons(page) == ["Withdraw"]
    assert "1 request of yours waits for a second administrator" in hr.get("/admin/").text

    home = second.get("/admin/")
    (link,) = soup(home).select("main .alert a")
    assert link.get_text() == "1 approval waits for you"
    assert "1 approval waits for you" in second.get("/dashboard").text
    assert rows(second.get(str(link["href"])))[0][:5] == [
        "Transferred",
        "Waiting",
        "Hana 山田",
        "Many entries",
        str(MANY),
    ]
    page = second.get(page_of(approval_id))
    assert buttons(page) == ["Approve", "Refuse"]
    assert len(soup(page).select(".change")) == MANY
    assert "Office moves" in main(page)
    done = decide(second, approval_id, "approve", answer="As agreed")
    assert "Approved, and done." in told(done)
    assert moved(app, board) == MANY
    again = second.post(f"{LIST}approve/?id={approval_id}")
    assert again.status_code == 422
    assert "This is decided already." in told(again)
    with app.app_context():
        made = select(ChangeSet.actor_id).where(ChangeSet.action == "transfer", ChangeSet.reason == "Office moves")
        assert list(db.session.scalars(made)) == [sample.users["hr"]]
    (link,) = [a for a in soup(done).select("main dl a") if a.get_text() == "The change in the journal"]
    journal = second.get(str(link["href"]))
    assert "Approved by second@sample.example on" in main(journal)
    assert f'href="{page_of(approval_id)}"' in journal.text
    theirs = hr.get(page_of(approval_id))
    assert "As agreed" in main(theirs)
    assert buttons(theirs) == []
    assert "The approval" in main(hr.get(str(link["href"])))


def test_list_has_what_waits_ones_own_and_what_was_decided(
    app: Flask, sample: Sample, administrator: Browser, second: Browser
) -> None:
    assert "Nothing waits" in main(second.get(LIST))
    assert "You asked for nothing that waits" in main(second.get(f"{LIST}?tab=mine"))
    assert "Nothing was decided yet" in main(second.get(f"{LIST}?tab=decided"))
    held(administrator)
    assert [row[:4] for row in rows(administrator.get(f"{LIST}?tab=mine"))] == [
        ["User added", "Waiting", "You", "Administration"]
    ]
    assert rows(second.get(f"{LIST}?tab=mine")) == []
    assert len(rows(second.get(f"{LIST}?tab=nonsense"))) == 1
    tabs = [tab.get_text() for tab in soup(second.get(LIST)).select(".tabs a")]
    assert tabs == ["Waiting (1)", "Asked for by me", "Decided"]


def test_list_of_who_does_not_decide_is_of_their_own(app: Flask, sample: Sample, hr: Browser) -> None:
    own = add(app, sample.users["hr"])
    add(app, sample.users["administrator"])
    page = hr.get(f"{LIST}?tab=waiting")
    assert [a["href"] for a in soup(page).select("tbody a")] == [page_of(own)]
    assert soup(page).select(".tabs") == []
    staff = Browser(app).sign_in(sample.users["staff"])
    assert staff.get(LIST).status_code == 403


def test_long_list_has_pages_and_takes_as_many_statements_as_a_short_one(
    app: Flask, sample: Sample, administrator: Browser
) -> None:
    add(app, sample.users["hr"])
    administrator.get(LIST)
    taken = statements(administrator.get(LIST))
    with app.app_context():
        for number, user_id in enumerate([*sample.users.values()] * 12):
            add(app, user_id, asked_at=now() + timedelta(seconds=number))
    first = administrator.get(LIST)
    assert (len(rows(first)), statements(first)) == (50, taken)
    (following,) = soup(first).select("a[rel=next]")
    second = administrator.get(str(following["href"]))
    assert (len(rows(second)), statements(second)) == (11, taken)
    assert taken <= 5


def test_requests_of_others_are_not_there_for_who_may_not_decide(app: Flask, sample: Sample, hr: Browser) -> None:
    others = add(app, sample.users["administrator"])
    assert hr.get(page_of(others)).status_code == 404
    for way in ("approve", "refuse", "withdraw"):
        assert hr.post(f"{LIST}{way}/?id={others}").status_code == 404
    for url in (page_of(others + 1), f"{LIST}details/", f"{LIST}details/?id=x"):
        assert hr.get(url).status_code == 404
    assert stored(app, Approval, others).verdict is Verdict.WAITING


def test_own_request_can_be_taken_back_but_not_approved(
    app: Flask, sample: Sample, administrator: Browser, second: Browser
) -> None:
    approval_id = held(administrator)
    page = administrator.get(page_of(approval_id))
    assert buttons(page) == ["Withdraw"]
    assert "nobody decides on what they asked for themselves" in main(page)
    for way in ("approve", "refuse"):
        assert administrator.post(f"{LIST}{way}/?id={approval_id}").status_code == 403
    assert second.post(f"{LIST}withdraw/?id={approval_id}").status_code == 403
    assert stored(app, Approval, approval_id).verdict is Verdict.WAITING
    assert "approvals wait" not in administrator.get("/admin/").text
    done = decide(administrator, approval_id, "withdraw")
    assert "Taken back. Nothing was changed." in told(done)
    assert stored(app, Approval, approval_id).verdict is Verdict.WITHDRAWN
    late = second.post(f"{LIST}approve/?id={approval_id}", {"answer": "Yes"})
    assert late.status_code == 422
    assert user_of(app, "new@sample.example") is None


def user_of(app: Flask, email: str) -> int | None:
    with app.app_context():
        return db.session.scalar(select(User.id).where(User.email == email))


def test_refused_request_changes_nothing_and_says_why(
    app: Flask, sample: Sample, administrator: Browser, second: Browser
) -> None:
    approval_id = held(administrator)
    done = decide(second, approval_id, "refuse", answer="We have <b>enough</b>.")
    assert "Refused. Nothing was changed." in told(done)
    page = administrator.get(page_of(approval_id))
    assert "We have <b>enough</b>." in main(page)
    assert "second@sample.example" in main(page)
    assert soup(page).select(".change") == []
    assert user_of(app, "new@sample.example") is None


def test_comment_that_is_too_long_is_kept_in_the_form(
    app: Flask, sample: Sample, administrator: Browser, second: Browser
) -> None:
    approval_id = held(administrator)
    long = "x" * (REASON_LENGTH + 1)
    for way in ("approve", "refuse"):
        page = decide(second, approval_id, way, answer=long)
        assert page.status_code == 422
        assert errors(page)["answer"] == f"Use at most {REASON_LENGTH} characters."
        assert fields(page)["answer"] == long
    assert stored(app, Approval, approval_id).verdict is Verdict.WAITING


def test_what_nobody_decided_in_time_can_only_be_asked_for_again(
    app: Flask, sample: Sample, administrator: Browser, second: Browser
) -> None:
    approval_id = held(administrator)
    with app.app_context():
        late = update(Approval).where(Approval.id == approval_id).values(expires_at=now() - timedelta(minutes=1))
        write(lambda: db.session.execute(late))
    page = second.get(page_of(approval_id))
    assert buttons(page) == []
    assert "Expired" in main(page)
    assert [row[1] for row in rows(second.get(f"{LIST}?tab=decided"))] == ["Expired"]
    forced = second.post(f"{LIST}approve/?id={approval_id}")
    assert "Nobody decided this in time." in told(forced)
    assert "waits for you" not in second.get("/admin/").text
    assert user_of(app, "new@sample.example") is None


def test_what_would_do_something_else_by_now_is_warned_of_and_not_done(
    app: Flask, sample: Sample, hr: Browser, second: Browser
) -> None:
    people = crowd(app)
    _shown, approval_id = ask_for_transfer(hr, sample)
    assert "not any more what was asked for" not in told(second.get(page_of(approval_id)))
    with app.app_context():
        act("transfer", employee_ids=people[:1], department_id=sample.departments["Platform"])
    page = second.get(page_of(approval_id))
    assert "This is not any more what was asked for" in told(page)
    assert buttons(page) == ["Refuse"]
    done = decide(second, approval_id, "approve")
    assert "Nothing was changed" in told(done)
    assert stored(app, Approval, approval_id).verdict is Verdict.OUTDATED
    assert moved(app, sample.departments["Board"]) == 0
    assert "Outdated" in main(hr.get(page_of(approval_id)))


def test_what_a_rule_forbids_by_now_says_so_and_can_only_be_refused(
    app: Flask, sample: Sample, administrator: Browser, second: Browser
) -> None:
    approval_id = waiting_id(administrator.submit(f"/admin/employees/erase/?id={sample.people['Dee']}", number="103"))
    with app.app_context():
        job_id = waiting_job(sample.people["Dee"])
    page = second.get(page_of(approval_id))
    assert f"(job {job_id})" in told(page)
    assert buttons(page) == ["Refuse"]
    decide(second, approval_id, "approve", number="103")
    assert stored(app, Approval, approval_id).verdict is Verdict.OUTDATED
    assert f"(job {job_id})" in main(administrator.get(page_of(approval_id)))
    assert stored(app, Employee, sample.people["Dee"]).number == "103"


def test_what_the_database_forbids_by_now_says_so_too(
    app: Flask, sample: Sample, administrator: Browser, second: Browser
) -> None:
    approval_id = held(administrator)
    with app.app_context():
        account("staff", "new@sample.example")
    page = second.get(page_of(approval_id))
    assert "It can’t be done as things are now" in told(page)
    done = decide(second, approval_id, "approve")
    assert stored(app, Approval, approval_id).verdict is Verdict.OUTDATED
    assert "Outdated" in main(done)


def test_large_work_shows_how_much_it_is_and_becomes_a_job(
    app: Flask, sample: Sample, hr: Browser, second: Browser
) -> None:
    people = [sample.people["Dee"], sample.people["Eli"]]
    job = {"employee_ids": people * 600, "department_id": sample.departments["Board"]}
    with app.app_context():
        actor = by_user(sample.users["hr"])
        assert actor is not None
        with pytest.raises(HeldBack) as held_back:
            work.run_or_start("transfer", actor=actor, source=Source.PANEL, **job)
    approval_id = held_back.value.approval_id
    page = second.get(page_of(approval_id))
    assert "1,200 records, too many to show one by one." in main(page)
    assert soup(page).select(".change") == []
    done = decide(second, approval_id, "approve")
    assert "It runs in the background" in told(done)
    (link,) = [a for a in soup(done).select("main dl a") if a.get_text() == "Its progress"]
    assert second.get(str(link["href"])).status_code == 200
    assert stored(app, Job, stored(app, Approval, approval_id).job_id).actor_id == sample.users["hr"]


def test_erasure_is_approved_by_typing_the_number_again(
    app: Flask, sample: Sample, administrator: Browser, second: Browser
) -> None:
    eli = sample.people["Eli"]
    url = f"/admin/employees/erase/?id={eli}"
    assert "because it erases a person for good" in told(administrator.get(url))
    approval_id = waiting_id(administrator.submit(url, number="104"))
    page = second.get(page_of(approval_id))
    assert "The job: a leaving is recorded, with today as the last day." in main(page)
    assert buttons(page) == ["Approve and erase for good", "Refuse"]
    wrong = decide(second, approval_id, "approve", number="103", answer="Wished for")
    assert wrong.status_code == 422
    assert errors(wrong)["number"].startswith("This is not the number of")
    assert fields(wrong)["answer"] == "Wished for"
    assert stored(app, Employee, eli).number == "104"
    done = decide(second, approval_id, "approve", number=" 104 ")
    assert "Approved, and done." in told(done)
    assert stored(app, Employee, eli).number == f"erased-{eli}"
    assert "García" not in done.text


def test_erasure_is_not_approved_by_who_is_not_shown_what_would_be_lost(
    app: Flask, sample: Sample, administrator: Browser, make_role: Callable[..., str]
) -> None:
    make_role("keeper", {(Action.ADMINISTER, Subject.ACCOUNTS): Scope.ALL})
    with app.app_context():
        keeper = Browser(app).sign_in(account("keeper", "keeper@sample.example"))
    url = f"/admin/employees/erase/?id={sample.people['Eli']}"
    approval_id = waiting_id(administrator.submit(url, number="104"))
    page = keeper.get(page_of(approval_id))
    assert buttons(page) == ["Refuse"]
    assert "García" not in page.text
    assert keeper.post(f"{LIST}approve/?id={approval_id}", {"number": "104"}).status_code == 403
    assert "Refused" in told(decide(keeper, approval_id, "refuse"))


def test_approver_sees_of_the_changes_what_their_rights_open(
    app: Flask, sample: Sample, hr: Browser, make_role: Callable[..., str]
) -> None:
    make_role("keeper", {(Action.ADMINISTER, Subject.ACCOUNTS): Scope.ALL})
    with app.app_context():
        keeper = Browser(app).sign_in(account("keeper", "keeper@sample.example"))
    crowd(app)
    _shown, approval_id = ask_for_transfer(hr, sample)
    page = keeper.get(page_of(approval_id))
    assert buttons(page) == ["Approve", "Refuse"]
    assert "Zoe" not in page.text
    assert "more records that you may not see" in main(page)


def test_form_of_an_account_says_beforehand_what_waits(app: Flask, sample: Sample, administrator: Browser) -> None:
    words = "waits for a second administrator"
    assert words not in administrator.get("/admin/users/new/").text
    second_administrator(app)
    assert words in administrator.get("/admin/users/new/").text


def test_nothing_is_kept_of_what_was_asked_for_once_it_is_decided(
    app: Flask, sample: Sample, administrator: Browser, second: Browser
) -> None:
    approval_id = held(administrator)
    assert stored(app, Approval, approval_id).arguments
    decide(second, approval_id, "refuse")
    row: Any = stored(app, Approval, approval_id)
    assert row.arguments is None
    assert "new@sample.example" not in second.get(page_of(approval_id)).text
