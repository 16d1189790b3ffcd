"""The forms of the employees panel: errors in words, nothing typed lost, corrections, changes, conflicts."""

from __future__ import annotations

from datetime import date

import pytest

from app.actions import demo
from app.core.clock import today
from app.extensions import db
from app.people import assignments
from app.people.employee import Employee
from tests.browsing import errors, fields, filled, soup
from tests.sample import act

NEW = "/admin/employees/new/"


@pytest.fixture
def hr(sample, browser):
    """Return the browser of somebody from HR."""
    return browser.sign_in(sample.users["hr"])


def edit(person):
    """Return where somebody is edited."""
    return f"/admin/employees/edit/?id={person}"


def one(app, **criteria):
    """Return the columns of somebody."""
    with app.app_context():
        person = db.session.execute(db.select(Employee).filter_by(**criteria)).scalar_one()
        return {column.key: getattr(person, column.key) for column in Employee.__table__.columns}


def history(app, person, *names):
    """Return a job history: first day, day after the last, and these fields."""
    with app.app_context():
        return [(s.valid_from, s.valid_to, *(getattr(s, n) for n in names)) for s in assignments.of(person)]


def test_new_employee_is_saved_and_shown(app, hr, sample):
    answer = hr.submit(
        NEW,
        number="200",
        first_name="Ida",
        last_name="Nørgaard",
        email="Ida@sample.example",
        department_id=sample.departments["Platform"],
        role_id=sample.roles["Clerk"],
        manager_id=sample.people["Cy"],
        fte="0.8",
        hired_on="2024-05-01",
        birth_date="1990-02-28",
        notes="First line\r\nsecond",
    )
    assert answer.status_code == 303
    page = hr.get(answer.location)
    for words in ("The record was saved.", "Ida Nørgaard", "Platform", "Clerk", "Cy Müller", "May 1, 2024", "0.8"):
        assert words in page.text, words
    saved = one(app, number="200")
    assert saved["notes"] == "First line\nsecond"
    assert history(app, saved["id"], "department_id") == [(date(2024, 5, 1), None, sample.departments["Platform"])]
    assert "Ida Nørgaard" in hr.get("/directory?search=norgaard").text


def test_empty_form_begins_with_what_is_usual(hr):
    begun = fields(hr.get(NEW))
    assert begun | {"csrf_token": ""} == begun | {
        "csrf_token": "",
        "status": "active",
        "employment_type": "permanent",
        "fte": "1",
        "hired_on": today().isoformat(),
    }
    assert "change_kind" not in begun


FAULTS = {
    "number": [
        ("", "Enter something here."),
        ("x" * 41, "Use at most 40 characters; this has 41."),
        ("１００", "Another employee has this number."),
    ],
    "first_name": [(" ", "Enter something here."), ("x" * 101, "Use at most 100 characters; this has 101.")],
    "last_name": [("x" * 101, "Use at most 100 characters; this has 101.")],
    "email": [
        ("ida", "Enter an e-mail address like name@company.com."),
        ("ADA@sample.example", "Another employee has this e-mail address."),
        ("x" * 250 + "@x.example", "Use at most 254 characters; this has 260."),
    ],
    "phone": [("1" * 41, "Use at most 40 characters; this has 41.")],
    "status": [("fired", "Choose one of the list."), ("", "Enter something here."), ("left", None)],
    "employment_type": [("slave", "Choose one of the list.")],
    "fte": [
        ("half", "Enter a number."),
        ("NaN", "Enter a number."),
        ("1e400", "This number is too large."),
        ("0", "Enter hours as a share of full time, more than 0 and at most 1.5."),
        ("1.6", "Enter hours as a share of full time, more than 0 and at most 1.5."),
        ("", "Enter something here."),
    ],
    "hired_on": [
        ("", "Enter something here."),
        ("31.12.2020", "Enter a date like 2026-03-31."),
        ("2020-02-30", "Enter a date like 2026-03-31."),
    ],
    "probation_until": [("2000-01-01", "This is before the first day of work.")],
    "contract_until": [("2000-01-01", "This is before the first day of work.")],
    "left_on": [(today().isoformat(), "Only somebody who left has a last day. Clear it, or set the status to “Left”.")],
    "leaving_reason": [("x" * 201, "Use at most 200 characters; this has 201.")],
    "birth_date": [("2150-01-01", "Enter a day in the past."), ("0001-01-01", "Enter a year between 1900 and 2199.")],
    "home_address": [("x" * 501, "Use at most 500 characters; this has 501.")],
    "personal_email": [("nobody", "Enter an e-mail address like name@company.com.")],
    "notes": [("x" * 5001, "Use at most 5000 characters; this has 5001.")],
    "department_id": [
        ("1000000", "This department is no longer there. Choose another."),
        ("Board", None),
        ("9" * 30, None),
    ],
    "role_id": [("1000000", "This role is no longer there. Choose another."), ("-1", None)],
    "manager_id": [("1000000", "This person is no longer there. Choose another manager."), ("1.5", None)],
}
TYPED = {
    "number": "300",
    "first_name": "Jon",
    "last_name": "Ångström",
    "email": "jon@sample.example",
    "phone": "+47 1",
    "location": "Oslo",
    "legal_entity": "Sample AS",
    "fte": "0.5",
    "hired_on": "2024-01-02",
    "probation_until": "2024-06-30",
    "leaving_reason": "none",
    "birth_date": "1980-01-01",
    "home_address": "Street 1\nTown",
    "personal_email": "j@home.example",
    "personal_phone": "2",
    "emergency_name": "Kari <b>",
    "emergency_phone": "3",
    "notes": "Lines\n\nof \"notes\" & 'more'",
}


def as_sent(values):
    """Return values as a browser sends them: lines end in CR LF."""
    return {name: str(value).replace("\n", "\r\n") for name, value in values.items()}


@pytest.mark.parametrize("field", FAULTS)
def test_each_fault_is_told_at_its_field_and_nothing_typed_is_lost(app, hr, sample, field):
    look_ups = {
        "department_id": sample.departments["Platform"],
        "role_id": sample.roles["Clerk"],
        "manager_id": sample.people["Cy"],
    }
    form = hr.get(NEW)
    for value, words in FAULTS[field]:
        typed = TYPED | look_ups | {field: value}
        page = hr.client.post(NEW, data=as_sent(filled(form, **typed)))
        assert page.status_code == 422, (field, value)
        at = "left_on" if value == "left" else field
        told = errors(page)
        assert told.keys() == {at, ""}, (field, value, told)
        assert words is None or told[at] == words
        assert told[""].startswith("Please check what you entered. Nothing was saved.")
        again = fields(page)
        wanted = {name: str(typed[name]).strip() if name in look_ups else str(typed[name]) for name in typed}
        if field in ("status", "employment_type") and value != "left":
            del wanted[field]  # a choice that the list doesn't have can't be shown as chosen
        assert {name: again[name].replace("\r\n", "\n") for name in wanted} == wanted
        for name, label in (("department_id", "Platform"), ("role_id", "Clerk"), ("manager_id", "Cy Müller · 102")):
            if name != field:
                assert soup(page).select_one(f"select[name={name}] option[selected]").text == label
    with app.app_context():
        assert db.session.execute(db.select(Employee).filter_by(number="300")).first() is None


def test_all_faults_are_told_at_once(hr, sample):
    page = hr.submit(NEW, number="", first_name="", email="x", fte="x", hired_on="x", manager_id=sample.people["Flo"])
    assert errors(page).keys() == {"number", "first_name", "email", "fte", "hired_on", ""}
    page = hr.submit(NEW, number="1", first_name="X", fte="7", manager_id=sample.people["Flo"], birth_date="2100-01-01")
    assert errors(page).keys() == {"fte", "manager_id", "birth_date", ""}


def test_closed_department_and_leaver_are_refused_in_words(app, hr, sample):
    with app.app_context():
        closed = act("create_department", values={"name": "Old", "closed_on": "2020-01-01"})
    page = hr.submit(NEW, number="1", first_name="X", department_id=closed, manager_id=sample.people["Flo"])
    told = errors(page)
    assert told["department_id"] == "Old is closed. Choose another department."
    assert told["manager_id"] == "Flo Ng has left. Choose another manager."


def test_edit_form_shows_the_record_as_it_is(hr, sample):
    page = hr.get(edit(sample.people["Cy"]))
    shown = fields(page)
    assert (shown["number"], shown["last_name"], shown["hired_on"], shown["fte"]) == (
        "102",
        "Müller",
        "2015-06-15",
        "1",
    )
    assert shown["change_kind"] == "correction"
    labels = {s["name"]: s.select_one("option[selected]").text for s in soup(page).select("select[data-lookup-url]")}
    assert labels == {"department_id": "Engineering", "role_id": "Engineer", "manager_id": "Bo Lindqvist"}


def test_form_saved_untouched_changes_nothing(app, hr, sample):
    for name in ("Ada", "Cy", "Flo", "Hana"):
        before = one(app, id=sample.people[name])
        assert hr.submit(edit(before["id"])).status_code == 303
        assert one(app, id=before["id"]) == before


def test_correction_and_change_from_a_date_write_the_history(app, hr, sample):
    cy, board, platform = sample.people["Cy"], sample.departments["Board"], sample.departments["Platform"]
    assert hr.submit(edit(cy), department_id=platform).status_code == 303
    assert history(app, cy, "department_id") == [(date(2015, 6, 15), None, platform)]
    moved = hr.submit(edit(cy), department_id=board, change_kind="change", valid_from="2023-04-01")
    assert moved.status_code == 303
    assert history(app, cy, "department_id") == [
        (date(2015, 6, 15), date(2023, 4, 1), platform),
        (date(2023, 4, 1), None, board),
    ]
    page = hr.get(moved.location)
    table = next(t for t in soup(page).select("table.grid") if "Platform" in t.text)
    texts = [[cell.get_text(strip=True) for cell in row.select("td")] for row in table.select("tbody tr")]
    assert [row[:2] for row in texts] == [["Apr 1, 2023", "–"], ["Jun 15, 2015", "Mar 31, 2023"]]


@pytest.mark.parametrize("day", ["", "x", "2023-02-30", "2015-06-14"])
def test_change_needs_a_day_that_can_be(app, hr, sample, day):
    cy = sample.people["Cy"]
    board = sample.departments["Board"]
    page = hr.submit(edit(cy), department_id=board, change_kind="change", valid_from=day)
    assert page.status_code == 422
    assert errors(page).keys() == {"valid_from", ""}
    again = fields(page)
    assert (again["department_id"], again["change_kind"], again["valid_from"]) == (str(board), "change", day)
    assert len(history(app, cy)) == 1


def test_manager_circle_is_refused_at_the_manager(hr, sample):
    page = hr.submit(edit(sample.people["Ada"]), manager_id=sample.people["Eli"])
    assert errors(page)["manager_id"] == "Eli García works below this person. Choose another manager."
    assert soup(page).select_one("select[name=manager_id] option[selected]").text == "Eli García · 104"


def test_leaving_and_coming_back_by_the_form(app, hr, sample):
    dee = sample.people["Dee"]
    page = hr.submit(edit(dee), status="left")
    assert errors(page)["left_on"] == "Enter the last day of work."
    assert hr.submit(edit(dee), status="left", left_on="2024-01-31", leaving_reason="Moved").status_code == 303
    assert history(app, dee, "status") == [(date(2018, 9, 3), date(2024, 2, 1), "active")]
    assert hr.submit(edit(dee), status="active", left_on="", leaving_reason="").status_code == 303
    assert history(app, dee, "status") == [(date(2018, 9, 3), None, "active")]
    assert one(app, id=dee)["leaving_reason"] is None


def test_corrected_first_day_moves_the_first_stretch(app, hr, sample):
    cy = sample.people["Cy"]
    assert hr.submit(edit(cy), hired_on="2015-07-01").status_code == 303
    assert history(app, cy) == [(date(2015, 7, 1), None)]


@pytest.mark.parametrize("version", ["", "x", "-1", "²", "0", "99", "9" * 5000, "1.0"])
def test_version_that_nobody_gave_out_is_a_conflict(app, hr, sample, version):
    page = hr.submit(edit(sample.people["Bo"]), version=version, phone="+1")
    assert page.status_code == 409
    assert one(app, id=sample.people["Bo"])["phone"] == "+999 101"


def test_field_that_was_not_sent_is_not_emptied(app, hr, sample):
    cy = sample.people["Cy"]
    before = one(app, id=cy)
    page = hr.get(edit(cy))
    token = fields(page)["csrf_token"]
    answer = hr.client.post(edit(cy), data={"csrf_token": token, "version": before["version"], "phone": "+7"})
    assert answer.status_code == 303
    assert one(app, id=cy) == before | {"phone": "+7", "version": before["version"] + 1}


def test_field_that_the_form_does_not_offer_is_not_taken(app, hr, sample):
    cy = sample.people["Cy"]
    assert hr.submit(edit(cy), photo="x", custom="{}", name_key="zzz", id="1").status_code == 303
    saved = one(app, id=cy)
    assert (saved["photo"], saved["custom"]) == (None, None)
    assert saved["name_key"] == "muller cy"


@pytest.mark.parametrize("record", ["", "x", "0", "-1", "1e3", "9" * 30, "²", "1000000", "1%00"])
def test_record_that_is_not_there_is_a_404(hr, record):
    for page in ("edit", "details", "delete"):
        assert hr.get(f"/admin/employees/{page}/?id={record}").status_code == 404


def test_form_without_a_token_is_refused(app, hr, sample):
    bo = sample.people["Bo"]
    values = filled(hr.get(edit(bo)), phone="+1", csrf_token=None)
    assert hr.client.post(edit(bo), data=values).status_code == 400
    assert one(app, id=bo)["phone"] == "+999 101"


def test_form_never_holds_everybody(app, hr, sample):
    def size(url):
        return len(hr.get(url).data)

    urls = [
        NEW,
        edit(sample.people["Cy"]),
        f"/admin/departments/edit/?id={sample.departments['Board']}",
        "/admin/users/new/",
    ]
    hr.sign_in(sample.users["administrator"])
    before = [size(url) for url in urls]
    with app.app_context():
        demo.seed(2000, 1)
    assert [size(url) for url in urls] == before
