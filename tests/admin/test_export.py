"""The file of employees: what no spreadsheet runs, streamed, as searched and filtered, and fit to be imported again."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest

from app.access.actor import operator
from app.actions import Source
from app.actions.imports.plan import Options
from app.actions.imports.report import import_people
from app.actions.imports.table import read_stream
from app.extensions import db
from app.people.employee import Employee
from tests.sample import act
from tests.writing import commit

EXPORT = "/admin/employees/export/csv/"


@pytest.fixture
def hr(sample, browser):
    """Return the browser of somebody from HR."""
    return browser.sign_in(sample.users["hr"])


def table(response):
    """Return an export's rows by column."""
    assert response.status_code == 200
    assert response.mimetype == "text/csv"
    assert response.text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff"), newline="")))


def test_export_holds_everybody_with_department_role_and_manager(hr):
    rows = {row["number"]: row for row in table(hr.get(EXPORT))}
    assert len(rows) == 7
    dee = rows["103"]
    assert (dee["first_name"], dee["last_name"], dee["hired_on"], dee["fte"]) == ("Dee", "O'Hara", "2018-09-03", "1")
    assert (dee["department"], dee["role"], dee["manager"], dee["manager_number"]) == (
        "Platform",
        "Engineer",
        "Bo Lindqvist",
        "101",
    )
    assert (rows["105"]["status"], rows["105"]["left_on"], rows["105"]["manager"]) == ("left", "2020-05-31", "")
    assert rows["103"]["notes"] == "Note on Dee"
    assert "custom" not in dee


def test_export_honours_search_filters_and_sort(hr, sample):
    def numbers(query):
        return [row["number"] for row in table(hr.get(f"{EXPORT}?{query}"))]

    assert numbers("search=muller") == ["102"]
    assert numbers(f"flt0_department={sample.departments['Platform']}&flt1_is_here=1&sort=1&desc=1") == ["104", "103"]
    assert numbers("sort=5") == ["100", "101", "102", "105", "103", "104", "106"]
    assert numbers("search=nobody") == []
    assert numbers("flt0_hired_from=x") == []
    assert len(numbers("page_size=20&after=x")) == 7


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    "'=1",
    '=HYPERLINK("http://x","y")',
    "\u00a0=1",
    "\u200b=1",
    "|=1",
]


def test_no_text_of_a_person_begins_a_formula(app, hr):
    with app.app_context():
        for i, formula in enumerate(FORMULAS):
            values = {"first_name": f"{formula}", "last_name": "=cmd|' /C calc'!A0", "location": f"x\n{formula}"}
            act("hire", values=values | {"number": f"-{i}", "hired_on": date(2020, 1, 1), "notes": formula})
    for row in table(hr.get(EXPORT)):
        for name, value in row.items():
            text = value.lstrip()
            assert not text or text[0] not in "=+-@＝＋－＠\t\r", (name, value)


def test_export_is_streamed_in_pieces(app, hr):
    with app.app_context():
        for i in range(450):
            db.session.add(Employee(number=f"X{i}", first_name="X" * 100, hired_on=date(2020, 1, 1)))
        commit()
    response = hr.get(EXPORT, buffered=False)
    pieces = [len(piece) for piece in response.iter_encoded()]
    assert len(pieces) > 3
    assert max(pieces) < sum(pieces) / 2
    assert "Content-Length" not in response.headers


def test_exported_file_imported_again_changes_nothing(app, hr):
    with app.app_context():
        awkward = {
            "number": "=7",
            "first_name": "+Ann'",
            "last_name": '@Lee, "Jr"',
            "location": "'quoted",
            "home_address": "Line 1\nLine 2; with, signs",
            "fte": "0.625",
            "birth_date": "1980-02-29",
            "status": "on_leave",
            "employment_type": "fixed_term",
            "hired_on": "2020-01-01",
            "contract_until": "2030-01-01",
        }
        act("hire", values=awkward)
    file = hr.get(EXPORT).data
    with app.app_context():
        found = read_stream(io.BytesIO(file))
        report = import_people(operator(), Source.CLI, found, Options(), is_dry_run=True)
    assert report["counts"] == {"new": 0, "changed": 0, "unchanged": 8, "refused": 0}, report["rows"]
    assert report["unresolved"] == []


def test_only_who_may_take_people_away_exports(sample, browser):
    for role in ("staff", "manager", "auditor"):
        assert browser.sign_in(sample.users[role]).get(EXPORT).status_code == 403
    browser.sign_in(sample.users["hr"])
    for kind in ("xlsx", "json", "html", "CSV"):
        assert browser.get(f"/admin/employees/export/{kind}/").status_code == 404
