"""The access grid: every endpoint and method, and what each access role gets there.

People, accounts and places are those of `tests.sample`. The member of staff is Eli, who reports to Cy, who reports to
the manager, Bo; Ada, the administrator, is above them all, and Flo has left. A name in braces stands for that record's
id. What is posted is in `POSTED`: made so that who has the right gets an answer about the input, not a change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from app.access.gate import PUBLIC
from app.extensions import db
from tests.browsing import Browser
from tests.sample import Sample

WHO = ("stranger", "staff", "manager", "auditor", "hr", "administrator")

GRID = """
endpoint                 verb url                                       stranger staff manager auditor  hr administrator

web.home                 GET  /                                              200   200     200     200 200           200
web.dashboard            GET  /dashboard                                     302   200     200     200 200           200
web.directory            GET  /directory                                     302   200     200     200 200           200
web.directory            GET  /directory?search=cy                           302   200     200     200 200           200
web.person               GET  /people/104                                    302   200     200     200 200           200
web.person               GET  /people/100                                    302   200     200     200 200           200
web.person               GET  /people/105                                    302   404     404     200 200           200
web.person               GET  /people/nobody                                 302   404     404     404 404           404
web.lookup               GET  /lookup/employee?query=a                       302   200     200     200 200           200
web.lookup               GET  /lookup/department?query=a                     302   200     200     200 200           200
web.lookup               GET  /lookup/role?query=a                           302   200     200     200 200           200
web.lookup               GET  /lookup/user?query=a                           302   404     404     404 404           404
web.account              GET  /account                                       302   200     200     200 200           200
web.account              POST /account                                       302   409     409     409 409           409
web.password             GET  /account/password                              302   200     200     200 200           200
web.password             POST /account/password                              302   422     422     422 422           422
web.end_session          POST /account/sessions/0/end                        302   404     404     404 404           404
web.archived             GET  /archive/20260101/AAAAAAAAAAAAAAAAAAAA         302   403     403     404 403           404
auth.login               GET  /login                                         200   303     303     303 303           303
auth.login               POST /login                                         401   303     303     303 303           303
auth.forgot_password     GET  /password/forgot                               200   200     200     200 200           200
auth.forgot_password     POST /password/forgot                               422   422     422     422 422           422
auth.logout              POST /logout                                        302   303     303     303 303           303
auth.sign_in_link        GET  /sign-in/unknown                               410   410     410     410 410           410
auth.sign_in_link        POST /sign-in/unknown                               410   410     410     410 410           410
health.alive             GET  /healthz                                       200   200     200     200 200           200
health.ready             GET  /readyz                                        200   200     200     200 200           200
health.metrics           GET  /metrics                                       200   200     200     200 200           200
static                   GET  /static/css/rollcall.css                       200   200     200     200 200           200

admin.index              GET  /admin/                                        302   403     200     200 200           200
admin.looked             POST /admin/looked/                                 302   403     403     400 400           400

employees.index_view     GET  /admin/employees/                              302   403     200     200 200           200
employees.details_view   GET  /admin/employees/details/?id={Eli}             302   403     200     200 200           200
employees.details_view   GET  /admin/employees/details/?id={Ada}             302   403     404     200 200           200
employees.details_view   GET  /admin/employees/details/?id={Flo}             302   403     404     200 200           200
employees.details_view   GET  /admin/employees/details/?id=0                 302   403     404     404 404           404
employees.details_view   GET  /admin/employees/details/?id={Eli}&tab=history 302   403     200     200 200           200
employees.create_view    GET  /admin/employees/new/                          302   403     403     403 200           200
employees.create_view    POST /admin/employees/new/                          302   403     403     403 422           422
employees.edit_view      GET  /admin/employees/edit/?id={Eli}                302   403     403     403 200           200
employees.edit_view      GET  /admin/employees/edit/?id={Ada}                302   403     404     403 200           200
employees.edit_view      POST /admin/employees/edit/?id={Eli}                302   403     403     403 409           409
employees.edit_view      POST /admin/employees/edit/?id={Ada}                302   403     404     403 409           409
employees.delete_view    GET  /admin/employees/delete/?id={Eli}              302   403     403     403 200           200
employees.delete_view    GET  /admin/employees/delete/?id={Ada}              302   403     404     403 200           200
employees.delete_view    POST /admin/employees/delete/?id={Eli}              302   403     403     403 409           409
employees.delete_view    POST /admin/employees/delete/?id={Ada}              302   403     404     403 409           409
employees.export         GET  /admin/employees/export/csv/                   302   403     403     403 200           200
employees.export         GET  /admin/employees/export/xlsx/                  302   403     404     404 404           404
employees.action_view    POST /admin/employees/action/                       302   403     404     404 404           404
employees.do_view        GET  /admin/employees/do/transfer/?ids={Eli}        302   403     403     403 200           200
employees.do_view        GET  /admin/employees/do/raise_pay/?ids={Eli}       302   403     403     403 200           200
employees.do_view        GET  /admin/employees/do/nothing/                   302   403     404     404 404           404
employees.do_view        POST /admin/employees/do/leave/                     302   403     403     403 422           422
employees.cancel_planned_view GET  /admin/employees/cancel-planned/?id={Eli}&row=0   302   403   403   403 404  404
employees.cancel_planned_view GET  /admin/employees/cancel-planned/?id={Ada}&row=0   302   403   404   403 404  404
employees.cancel_planned_view POST /admin/employees/cancel-planned/?id={Eli}&row=0   302   403   403   403 303  303
employees.cancel_planned_view POST /admin/employees/cancel-planned/?id={Ada}&row=0   302   403   404   403 303  303
employees.correct_pay_view    GET  /admin/employees/correct-pay/?id={Eli}&row=0      302   403   403   403 404  404
employees.correct_pay_view    GET  /admin/employees/correct-pay/?id={Ada}&row=0      302   403   404   403 404  404
employees.correct_pay_view    POST /admin/employees/correct-pay/?id={Eli}&row=0      302   403   403   403 303  303
employees.correct_pay_view    POST /admin/employees/correct-pay/?id={Ada}&row=0      302   403   404   403 303  303
employees.remove_pay_view     GET  /admin/employees/remove-pay/?id={Eli}&row=0       302   403   403   403 404  404
employees.remove_pay_view     GET  /admin/employees/remove-pay/?id={Ada}&row=0       302   403   404   403 404  404
employees.remove_pay_view     POST /admin/employees/remove-pay/?id={Eli}&row=0       302   403   403   403 303  303
employees.remove_pay_view     POST /admin/employees/remove-pay/?id={Ada}&row=0       302   403   404   403 303  303
employees.erase_view     GET  /admin/employees/erase/?id={Eli}               302   403     403     403 403           200
employees.erase_view     GET  /admin/employees/erase/?id=0                   302   403     403     403 403           404
employees.erase_view     POST /admin/employees/erase/?id={Eli}               302   403     403     403 403           422
employees.ajax_lookup    GET  /admin/employees/ajax/lookup/                  302   403     404     404 404           404
employees.ajax_update    POST /admin/employees/ajax/update/                  302   403     404     404 404           404

departments.index_view   GET  /admin/departments/                            302   403     200     200 200           200
departments.details_view GET  /admin/departments/details/?id={Platform}      302   403     200     200 200           200
departments.create_view  GET  /admin/departments/new/                        302   403     403     403 200           200
departments.create_view  POST /admin/departments/new/                        302   403     403     403 422           422
departments.edit_view    GET  /admin/departments/edit/?id={Platform}         302   403     403     403 200           200
departments.edit_view    POST /admin/departments/edit/?id={Platform}         302   403     403     403 409           409
departments.delete_view  GET  /admin/departments/delete/?id={Platform}       302   403     403     403 200           200
departments.delete_view  POST /admin/departments/delete/?id={Platform}       302   403     403     403 409           409
departments.merge_view   GET  /admin/departments/merge/?id={Platform}        302   403     403     403 200           200
departments.merge_view   POST /admin/departments/merge/?id={Platform}        302   403     403     403 409           409
departments.reopen_view  GET  /admin/departments/reopen/?id={Platform}       302   403     403     403 200           200
departments.reopen_view  POST /admin/departments/reopen/?id={Platform}       302   403     403     403 409           409
departments.export       GET  /admin/departments/export/csv/                 302   403     403     403 200           200
departments.action_view  POST /admin/departments/action/                     302   403     404     404 404           404
departments.do_view      GET  /admin/departments/do/move_departments/?ids={Platform} 302 403 403   403 200           200
departments.do_view      POST /admin/departments/do/move_departments/        302   403     403     403 422           422
departments.do_view      GET  /admin/departments/do/nothing/                 302   403     404     404 404           404
departments.do_view      POST /admin/departments/do/nothing/                 302   403     404     404 404           404
departments.ajax_lookup  GET  /admin/departments/ajax/lookup/                302   403     404     404 404           404
departments.ajax_update  POST /admin/departments/ajax/update/                302   403     404     404 404           404

roles.index_view         GET  /admin/roles/                                  302   403     200     200 200           200
roles.details_view       GET  /admin/roles/details/?id={Clerk}               302   403     200     200 200           200
roles.create_view        GET  /admin/roles/new/                              302   403     403     403 200           200
roles.create_view        POST /admin/roles/new/                              302   403     403     403 422           422
roles.edit_view          GET  /admin/roles/edit/?id={Clerk}                  302   403     403     403 200           200
roles.edit_view          POST /admin/roles/edit/?id={Clerk}                  302   403     403     403 409           409
roles.delete_view        GET  /admin/roles/delete/?id={Clerk}                302   403     403     403 200           200
roles.delete_view        POST /admin/roles/delete/?id={Clerk}                302   403     403     403 409           409
roles.merge_view         GET  /admin/roles/merge/?id={Clerk}                 302   403     403     403 200           200
roles.merge_view         POST /admin/roles/merge/?id={Clerk}                 302   403     403     403 409           409
roles.reopen_view        GET  /admin/roles/reopen/?id={Clerk}                302   403     403     403 200           200
roles.reopen_view        POST /admin/roles/reopen/?id={Clerk}                302   403     403     403 409           409
roles.export             GET  /admin/roles/export/csv/                       302   403     403     403 200           200
roles.action_view        POST /admin/roles/action/                           302   403     404     404 404           404
roles.do_view            GET  /admin/roles/do/nothing/                       302   403     404     404 404           404
roles.do_view            POST /admin/roles/do/nothing/                       302   403     404     404 404           404
roles.ajax_lookup        GET  /admin/roles/ajax/lookup/                      302   403     404     404 404           404
roles.ajax_update        POST /admin/roles/ajax/update/                      302   403     404     404 404           404

users.index_view         GET  /admin/users/                                  302   403     403     200 403           200
users.details_view       GET  /admin/users/details/?id={staff}               302   403     403     200 403           200
users.create_view        GET  /admin/users/new/                              302   403     403     403 403           200
users.create_view        POST /admin/users/new/                              302   403     403     403 403           422
users.edit_view          GET  /admin/users/edit/?id={staff}                  302   403     403     403 403           200
users.edit_view          POST /admin/users/edit/?id={staff}                  302   403     403     403 403           409
users.delete_view        GET  /admin/users/delete/?id={staff}                302   403     403     403 403           200
users.delete_view        POST /admin/users/delete/?id={staff}                302   403     403     403 403           409
users.sign_in_link_view  POST /admin/users/sign-in-link/?id={staff}          302   403     403     403 403           200
users.export             GET  /admin/users/export/csv/                       302   403     403     403 403           403
users.action_view        POST /admin/users/action/                           302   403     403     404 403           404
users.do_view            GET  /admin/users/do/nothing/                       302   403     403     404 403           404
users.do_view            POST /admin/users/do/nothing/                       302   403     403     404 403           404
users.ajax_lookup        GET  /admin/users/ajax/lookup/                      302   403     403     404 403           404
users.ajax_update        POST /admin/users/ajax/update/                      302   403     403     404 403           404

journal.index_view       GET  /admin/journal/                                302   403     403     200 200           200
journal.index_view       GET  /admin/journal/?flt0_field=notes               302   403     403     200 200           200
journal.details_view     GET  /admin/journal/details/?id=0                   302   403     403     404 404           404
journal.undo_view        GET  /admin/journal/undo/?id=0                      302   403     403     404 404           404
journal.undo_view        POST /admin/journal/undo/?id=0                      302   403     403     404 404           404
journal.create_view      GET  /admin/journal/new/                            302   403     403     404 404           404
journal.create_view      POST /admin/journal/new/                            302   403     403     404 404           404
journal.edit_view        GET  /admin/journal/edit/?id=1                      302   403     403     404 404           404
journal.edit_view        POST /admin/journal/edit/?id=1                      302   403     403     404 404           404
journal.delete_view      GET  /admin/journal/delete/?id=1                    302   403     403     404 404           404
journal.delete_view      POST /admin/journal/delete/?id=1                    302   403     403     404 404           404
journal.export           GET  /admin/journal/export/csv/                     302   403     403     404 404           404
journal.action_view      POST /admin/journal/action/                         302   403     403     404 404           404
journal.do_view          GET  /admin/journal/do/nothing/                     302   403     403     404 404           404
journal.do_view          POST /admin/journal/do/nothing/                     302   403     403     404 404           404
journal.ajax_lookup      GET  /admin/journal/ajax/lookup/                    302   403     403     404 404           404
journal.ajax_update      POST /admin/journal/ajax/update/                    302   403     403     404 404           404

approvals.index_view     GET  /admin/approvals/                              302   403     200     200 200           200
approvals.index_view     GET  /admin/approvals/?tab=decided                  302   403     200     200 200           200
approvals.details_view   GET  /admin/approvals/details/?id=0                 302   404     404     404 404           404
approvals.approve_view   POST /admin/approvals/approve/?id=0                 302   404     404     404 404           404
approvals.refuse_view    POST /admin/approvals/refuse/?id=0                  302   404     404     404 404           404
approvals.withdraw_view  POST /admin/approvals/withdraw/?id=0                302   404     404     404 404           404

jobs.index_view          GET  /admin/jobs/                                   302   403     403     200 403           200
jobs.index_view          GET  /admin/jobs/?state=failed                      302   403     403     200 403           200
jobs.details_view        GET  /admin/jobs/details/?id=0                      302   404     404     404 404           404
jobs.cancel_view         POST /admin/jobs/cancel/?id=0                       302   404     404     404 404           404
jobs.retry_view          POST /admin/jobs/retry/?id=0                        302   404     404     404 404           404

system.index_view        GET  /admin/system/                                 302   403     403     200 403           200
system.check_view        POST /admin/system/check/                           302   403     403     403 403           404
system.read_only_view    POST /admin/system/read-only/                       302   403     403     403 403           422

cache.index_view         GET  /admin/cache/                                  302   403     403     200 403           200
cache.clear_view         POST /admin/cache/clear/                            302   403     403     403 403           303
"""

# The version 0, which no record has, makes every change stale.
POSTED: dict[str, dict[str, Any]] = {
    "web.account": {"version": 0, "phone": "+1"},
    "auth.login": {"email": "staff@sample.example", "password": "wrong"},
    "employees.edit_view": {"version": 0, "phone": "+1"},
    "employees.delete_view": {"version": 0, "left_on": "2026-01-31"},
    "departments.edit_view": {"version": 0, "name": "Else"},
    "departments.delete_view": {"version": 0},
    "departments.merge_view": {"version": 0},
    "departments.reopen_view": {"version": 0},
    "roles.edit_view": {"version": 0, "title": "Else"},
    "roles.delete_view": {"version": 0},
    "roles.merge_view": {"version": 0},
    "roles.reopen_view": {"version": 0},
    "users.edit_view": {"version": 0, "email": "else@sample.example", "is_active": "y"},
    "users.delete_view": {"version": 0},
    "system.check_view": {"what": "nothing"},
    "system.read_only_view": {"is_on": "1"},
    "cache.clear_view": {"name": "nothing"},
}

# What a stranger may reach; also named in the gate, so that opening a page takes two deliberate lines.
OPEN_TO_STRANGERS = {
    "static",
    "web.home",
    "auth.login",
    "auth.sign_in_link",
    "auth.forgot_password",
    "health.alive",
    "health.ready",
    "health.metrics",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the grid; `url` with its names in braces."""

    endpoint: str
    method: str
    url: str
    expected: dict[str, int]

    def url_for(self, sample: Sample) -> str:
        """Return the URL with the sample's ids."""
        return self.url.format(**sample.people, **sample.departments, **sample.roles, **sample.users)


def rows() -> Iterator[Row]:
    """Give the lines of the grid."""
    head, *lines = [line.split() for line in GRID.splitlines() if line.strip()]
    assert tuple(head[3:]) == WHO
    for endpoint, method, url, *statuses in lines:
        yield Row(endpoint, method, url, {who: int(status) for who, status in zip(WHO, statuses, strict=True)})


def browser_of(app: Flask, sample: Sample, who: str) -> Browser:
    """Return a browser with a fresh session of this access role."""
    browser = Browser(app)
    return browser if who == "stranger" else browser.sign_in(sample.users[who])


def pages(app: Flask, sample: Sample, who: str) -> Iterator[tuple[str, Any]]:
    """Give every page of the grid that is shown to `who`: its URL and the answer."""
    browser = browser_of(app, sample, who)
    for row in rows():
        if row.method == "GET" and row.expected[who] == 200:
            yield row.url_for(sample), browser.get(row.url_for(sample), buffered=True)


def contents() -> dict[str, list[tuple[Any, ...]]]:
    """Return everything the database holds, by table."""
    with db.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in db.metadata.sorted_tables
        }


def endpoints(app: Flask) -> set[tuple[str, str]]:
    """Return every endpoint and method of the application but those that HTTP adds by itself."""
    return {(rule.endpoint, m) for rule in app.url_map.iter_rules() for m in rule.methods or ()} - {
        (rule.endpoint, m) for rule in app.url_map.iter_rules() for m in ("HEAD", "OPTIONS")
    }


def test_every_endpoint_and_method_has_a_line(app: Flask) -> None:
    missing = sorted(endpoints(app) - {(row.endpoint, row.method) for row in rows()})
    assert not missing, (
        f"Who may use these? Give each a line in GRID of {__file__}, and what it is sent in POSTED: {missing}"
    )


def test_every_line_names_an_endpoint(app: Flask) -> None:
    known = endpoints(app)
    unknown = sorted({(row.endpoint, row.method) for row in rows()} - known)
    assert not unknown, f"No such endpoint or method any more; remove its lines from GRID of {__file__}: {unknown}"
    posted = sorted(set(POSTED) - {endpoint for endpoint, method in known if method == "POST"})
    assert not posted, f"Nothing is posted there; remove it from POSTED of {__file__}: {posted}"


def test_every_url_leads_to_the_endpoint_of_its_line(app: Flask, sample: Sample) -> None:
    urls = app.url_map.bind("localhost")
    for row in rows():
        path = urlsplit(row.url_for(sample)).path
        assert urls.match(path, method=row.method)[0] == row.endpoint, f"the line of {row.url} names another endpoint"


def test_public_list_is_the_one_that_was_decided() -> None:
    assert PUBLIC == OPEN_TO_STRANGERS
    shown = {row.endpoint for row in rows() if row.expected["stranger"] != 302}
    assert shown == OPEN_TO_STRANGERS, "GRID shows a stranger something else than the public list"


@pytest.mark.parametrize("who", WHO)
def test_answers_are_those_of_the_grid(app: Flask, sample: Sample, who: str) -> None:
    browser, wrong = browser_of(app, sample, who), []
    token = browser.token()
    for row in rows():
        url = row.url_for(sample)
        if row.method == "GET":
            answer = browser.get(url, buffered=True)
        else:
            data = {"csrf_token": token, **POSTED.get(row.endpoint, {})}
            answer = browser.client.post(url, data=data, buffered=True)
        if answer.status_code != row.expected[who]:
            wrong.append(f"{row.method} {url}: {answer.status_code}, not {row.expected[who]}")
        if who == "stranger" and answer.status_code == 302 and not answer.location.startswith("/login"):
            wrong.append(f"{row.method} {url}: sent to {answer.location}")
        if row.endpoint == "auth.logout":
            browser = browser_of(app, sample, who)
            token = browser.token()
    assert not wrong, f"{who} gets something else than the grid says:\n" + "\n".join(wrong)


def test_stranger_gets_no_further_by_other_methods(app: Flask, sample: Sample) -> None:
    browser = Browser(app)
    for row in rows():
        if row.endpoint not in OPEN_TO_STRANGERS:
            for method in ("HEAD", "OPTIONS"):
                answer = browser.client.open(row.url_for(sample), method=method)
                if method == "HEAD" and row.method == "POST":
                    continue  # not a method of it
                assert answer.status_code == 302, f"{method} {row.url} answered {answer.status_code}"


def good(endpoint: str) -> dict[str, Any]:
    """Return what would be a change if it came with a token."""
    made = {
        "employees.create_view": {"number": "900", "first_name": "New", "hired_on": "2026-01-01"},
        "departments.create_view": {"name": "New"},
        "roles.create_view": {"title": "New"},
        "users.create_view": {"email": "new@sample.example", "is_active": "y"},
        "admin.looked": {"until": "2026-01-31"},
        "web.password": {"new_password": "walking in the sun", "repeat": "walking in the sun"},
    }
    return (
        POSTED.get(endpoint, {})
        | ({"version": 1} if "version" in POSTED.get(endpoint, {}) else {})
        | made.get(endpoint, {})
    )


@pytest.mark.parametrize("token", [None, "", "made-up"])
def test_post_without_a_good_token_is_refused_and_changes_nothing(
    app: Flask, sample: Sample, token: str | None
) -> None:
    administrator, stranger = browser_of(app, sample, "administrator"), Browser(app)
    administrator.get("/account"), stranger.get("/login")
    with app.app_context():
        before = contents()
    for row in rows():
        if row.method != "POST":
            continue
        data = good(row.endpoint) | ({} if token is None else {"csrf_token": token})
        answer = administrator.client.post(row.url_for(sample), data=data)
        assert answer.status_code == 400, f"{row.url} answered an administrator {answer.status_code} without a token"
        answer = stranger.client.post(row.url_for(sample), data=data)
        expected = 400 if row.endpoint in OPEN_TO_STRANGERS else 302
        assert answer.status_code == expected, f"{row.url} answered a stranger {answer.status_code} without a token"
    with app.app_context():
        assert contents() == before
    assert administrator.get("/dashboard").status_code == 200


def test_token_of_another_session_is_refused(app: Flask, sample: Sample) -> None:
    staff, administrator = browser_of(app, sample, "staff"), browser_of(app, sample, "administrator")
    administrator.get("/account")
    answer = administrator.client.post("/logout", data={"csrf_token": staff.token()})
    assert answer.status_code == 400
    assert administrator.get("/dashboard").status_code == 200
