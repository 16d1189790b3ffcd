"""The directory and a person's page, as staff see them."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

import pytest

from app.accounts.models import AccessRole, User
from app.core.clock import now, today
from app.core.querycache.cached import of_app
from app.extensions import db
from app.people.employee import Employee
from app.people.history import Pay, PayPeriod
from app.reading import paging
from tests.actions.undo.undoing import do, undo
from tests.browsing import soup
from tests.caching import believed
from tests.sample import act
from tests.writing import KNOWINGLY, commit


@pytest.fixture
def staff(sample, browser):
    """Return the browser of Eli, who has no more rights than everybody."""
    return browser.sign_in(sample.users["staff"])


def found(page):
    """Return the first names on a page of the directory."""
    assert page.status_code == 200
    return [link.text.split()[0] for link in soup(page).select("a.who-name")]


def headings(page):
    """Return the headings of a page's parts."""
    return [heading.get_text(strip=True) for heading in soup(page).select("main h2")]


def test_directory_lists_who_works_here_with_ways_to_reach_them(staff):
    page = staff.get("/directory")
    assert found(page) == ["Eli", "Bo", "Cy", "Dee", "Ada", "Hana"]
    assert "6 people" in page.text
    assert "mailto:eli@sample.example" in page.text
    assert "tel:+999104" in page.text


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("muller", ["Cy"]),
        ("O'Hara", ["Dee"]),
        ("山", ["Hana"]),
        ("Flo", []),
        ("%", []),
        ("", ["Eli", "Bo", "Cy", "Dee", "Ada", "Hana"]),
        (" ", ["Eli", "Bo", "Cy", "Dee", "Ada", "Hana"]),
        ("x" * 10_000, []),
        ("a@\x00", ["Ada"]),
    ],
)
def test_search(staff, search, names):
    assert found(staff.get(f"/directory?search={quote(search)}")) == names


def test_department_narrows_the_directory_and_nonsense_finds_nobody(staff, sample):
    assert found(staff.get(f"/directory?department={sample.departments['Platform']}")) == ["Eli", "Dee"]
    for nonsense in ("x", "-1", "9" * 30, "%00", "1.5"):
        assert found(staff.get(f"/directory?department={nonsense}")) == []


@pytest.mark.parametrize("query", ["after=x", "before=%00", "last=1", "after=x&before=y", "department=", "page=3"])
def test_strange_address_shows_the_directory(staff, query):
    assert len(found(staff.get(f"/directory?{query}"))) == 6


def test_pages_lead_through_everybody_and_back(app, staff):
    with app.app_context():
        for i in range(50):
            act(
                "hire",
                values={"number": f"N{i}", "first_name": f"N{i}", "last_name": "Ng", "hired_on": date(2020, 1, 1)},
            )
    walks = []
    for start, rel in (("/directory", "next"), ("/directory?last=1", "prev")):
        names, url = [], start
        while url:
            assert len(names) < 100, "the walk does not end"
            page = staff.get(url)
            names = names + found(page) if rel == "next" else found(page) + names
            link = soup(page).select_one(f"a[rel={rel}]")
            url = link["href"] if link else None
        walks.append(names)
    assert walks[0] == walks[1]
    assert len(set(walks[0])) == len(walks[0]) == 56


def test_person_page_shows_the_directory_and_no_more(app, staff):
    page = staff.get("/people/103")
    assert headings(page) == ["Directory", "Manager"]
    for words in ("Dee O&#39;Hara", "Engineer", "Platform", "Bo Lindqvist", "dee@sample.example"):
        assert words in page.text
    for hidden in ("103 Home Street", "Note on Dee", "Permanent", "Active", "Job history"):
        assert hidden not in page.text


def test_own_page_shows_employment_private_and_pay(app, staff, sample):
    with app.app_context():
        pay = {
            "amount": 4200,
            "currency": "EUR",
            "period": PayPeriod.MONTH,
            "valid_from": date(2021, 2, 1),
            "version": 1,
        }
        paid = db.insert(Pay).values(employee_id=sample.people["Eli"], **pay)
        db.session.execute(paid, execution_options=KNOWINGLY)
        commit()
    page = staff.get("/people/104")
    assert headings(page) == ["Directory", "Employment", "Private", "Job history", "Pay history", "Manager"]
    assert "104 Home Street" in page.text
    assert "4,200.00" in page.text
    assert "Note on Eli" not in page.text


def test_hr_sees_notes_reports_and_the_way_to_edit(sample, browser):
    page = browser.sign_in(sample.users["hr"]).get("/people/101")
    assert headings(page) == ["Directory", "Employment", "Private", "Notes", "Job history", "Manager", "Direct reports"]
    assert soup(page).select_one("a[href*='/admin/employees/edit/']")["href"].endswith(str(sample.people["Bo"]))


def test_manager_sees_the_employment_of_who_is_below_and_of_nobody_else(sample, browser):
    browser.sign_in(sample.users["manager"])
    assert "Employment" in headings(browser.get("/people/104"))
    assert "Private" not in headings(browser.get("/people/104"))
    assert headings(browser.get("/people/106")) == ["Directory", "Manager"]
    assert found(browser.get("/directory?search=hana")) == ["Hana"]


def test_leaver_is_there_for_hr_and_for_nobody_else(sample, staff):
    assert staff.get("/people/105").status_code == 404
    assert staff.sign_in(sample.users["hr"]).get("/people/105").status_code == 200


def test_directory_leaves_out_leavers_for_hr_as_well(sample, browser):
    assert "Flo" not in found(browser.sign_in(sample.users["hr"]).get("/directory"))


@pytest.mark.parametrize("number", ["1/2", "A 7", "100%", "Ä", "a?b#c", "%41", "..x", "李", "x" * 40, "&<b>", "1/2/3"])
def test_any_number_makes_an_address(app, staff, number):
    with app.app_context():
        act("hire", values={"number": number, "first_name": "Odd", "hired_on": date(2020, 1, 1)})
    link = soup(staff.get("/directory?search=odd")).select_one("a.who-name")["href"]
    page = staff.get(link)
    assert page.status_code == 200
    assert soup(page).select_one("h1").get_text(strip=True).startswith("Odd")


@pytest.mark.parametrize("number", ["nobody", "%00", "%ff", "x" * 3000, "'", "101/x"])
def test_number_that_nobody_has_is_a_404(staff, number):
    assert staff.get(f"/people/{number}").status_code == 404


def test_number_is_found_however_it_is_written(staff):
    assert staff.get("/people/１０３").status_code == 200


@pytest.mark.parametrize("kind", ["employee", "department", "role"])
def test_lookup_answers_ids_and_words(staff, kind):
    answer = staff.get(f"/lookup/{kind}?query=")
    assert answer.mimetype == "application/json"
    assert all(isinstance(row_id, int) and isinstance(words, str) for row_id, words in answer.json)
    for query in ("%25", "%00", "x" * 9000, "'", "%ff"):
        assert staff.get(f"/lookup/{kind}?query={query}").status_code == 200


def test_lookup_of_another_kind_is_a_404_and_for_strangers_a_way_to_sign_in(app, staff):
    assert staff.get("/lookup/users?query=a").status_code == 404
    assert app.test_client().get("/lookup/employee?query=a").status_code == 302


def test_somebody_without_a_last_name_is_shown(app, staff):
    with app.app_context():
        person = act("hire", values={"number": "9", "first_name": "Cher", "hired_on": now().date()})
        assert db.session.get_one(Employee, person).last_name == ""
    assert found(staff.get("/directory?search=cher")) == ["Cher"]
    assert staff.get("/people/9").status_code == 200


def test_many_are_told_about_with_how_old_the_number_is_and_of_a_search_only_that_they_are_many(
    app, staff, monkeypatch
):
    monkeypatch.setattr(paging, "COUNTED_UP_TO", 5)
    with app.app_context():
        of_app().store.backend.clear()
    head = soup(staff.get("/directory")).select_one(".page-head p").get_text(" ", strip=True)
    assert head == "About 6 (counted within the last ten minutes)"
    assert "More than 5" in staff.get("/directory?search=10").text
    with app.app_context():
        act("hire", values={"number": "9", "first_name": "Gus", "hired_on": today()})
    page = staff.get("/directory")
    assert "About 6" in page.text
    assert "Gus" in found(page)


def test_page_shows_who_comes_and_goes_at_once(app, sample, staff):
    def seen(words=""):
        for _time in range(2):
            names = found(staff.get(f"/directory?search={words}"))
        return set(names)

    def done(name, **arguments):
        with app.app_context():
            return do(name, **arguments)

    with believed(app):
        everybody = seen()
        hired = done("hire", values={"number": "9", "first_name": "Gus", "hired_on": today()})
        assert seen() == everybody | {"Gus"}
        assert seen("gus") == {"Gus"}
        with app.app_context():
            undo(hired)
        assert (seen(), seen("gus")) == (everybody, set())
        left = done("leave", employee_ids=[sample.people["Dee"]], left_on=date(2024, 1, 31))
        assert seen() == everybody - {"Dee"}
        with app.app_context():
            undo(left)
        assert seen() == everybody


def test_reader_with_other_rights_sees_at_once_what_those_show(app, sample, browser):
    browser.sign_in(sample.users["hr"])
    with believed(app):
        for _time in range(2):
            assert browser.get("/lookup/department?query=").status_code == 200
            assert "Flo Ng" in browser.get("/admin/employees/").text
        with app.app_context():
            roles = {row.name: row.id for row in db.session.execute(db.select(AccessRole.name, AccessRole.id))}
            version = db.session.scalar(db.select(User.version).where(User.id == sample.users["hr"]))
            act("change_user", user_id=sample.users["hr"], version=version, values={"access_role_id": roles["manager"]})
        browser.sign_in(sample.users["hr"])
        assert "Flo Ng" not in browser.get("/admin/employees/").text
        assert "Hana" in browser.get("/admin/employees/").text
