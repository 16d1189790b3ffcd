"""The panels of departments and roles."""

from __future__ import annotations

import threading
from datetime import date

import pytest

from app.actions import closing, work
from app.admin import closing as pages
from app.changes.journal import ChangeSet
from app.core.clock import today
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from app.people.role import Role
from tests.browsing import errors, fields, filled, rows, soup
from tests.sample import act, stored

PANELS = {"departments": ("department", "name", Department), "roles": ("role", "title", Role)}


@pytest.fixture
def hr(sample, browser):
    """Return the browser of somebody from HR."""
    return browser.sign_in(sample.users["hr"])


def make(app, panel, name, **values):
    """Make a department or role; return its id."""
    kind, field, _model = PANELS[panel]
    with app.app_context():
        return act(f"create_{kind}", values={field: name, **values})


def test_departments_are_listed_with_parent_lead_and_headcount(hr):
    assert rows(hr.get("/admin/departments/")) == [
        ["Board", "BRD", "", "Ada Okafor", "2", ""],
        ["Engineering", "", "Board", "Bo Lindqvist", "2", ""],
        ["Platform", "", "Engineering", "", "2", ""],
    ]


def test_roles_are_listed_with_headcount(app, hr):
    make(app, "roles", "Apprentice", family="Trade", level=2)
    assert [row[:4] for row in rows(hr.get("/admin/roles/"))] == [
        ["Apprentice", "Trade", "2", "0"],
        ["Clerk", "", "", "1"],
        ["Director", "", "", "2"],
        ["Engineer", "", "", "3"],
    ]


@pytest.mark.parametrize("panel", PANELS)
def test_headcount_leads_to_just_those_people(hr, panel):
    links = soup(hr.get(f"/admin/{panel}/")).select("main td.n a")
    assert len(links) == 3
    for link in links:
        assert len(rows(hr.get(link["href"]))) == int(link.text)


@pytest.mark.parametrize("panel", PANELS)
def test_search_filter_and_sort(app, hr, panel):
    make(app, panel, "Straße 100%", closed_on="2020-01-01")
    url = f"/admin/{panel}/"
    names = {query: [row[0] for row in rows(hr.get(url + query))] for query in ("?search=STRASSE", "?search=100%25")}
    assert set(map(tuple, names.values())) == {("Straße 100%",)}
    for query in ("?search=%25%25", "?search=_", "?search=%27", "?search=%5C", "?search=zzz&flt0_is_open=1"):
        assert rows(hr.get(url + query)) == []
    assert [row[0] for row in rows(hr.get(url + "?flt0_is_open=0"))] == ["Straße 100%"]
    there, back = rows(hr.get(url)), rows(hr.get(url + "?desc=1"))
    assert there == list(reversed(back))
    for query in ("?flt0_is_open=x", "?sort=4", "?after=x", "?before=%00", "?search=" + "x" * 5000, "?search=%00"):
        assert hr.get(url + query).status_code == 200


@pytest.mark.parametrize("panel", PANELS)
def test_pages_lead_through_the_whole_list_and_back(app, hr, panel):
    for i in range(42):
        make(app, panel, f"Part {i:02}")
    seen, url = [], f"/admin/{panel}/?page_size=20"
    while url:
        assert len(seen) < 100, "the walk does not end"
        page = hr.get(url)
        seen += [row[0] for row in rows(page)]
        link = soup(page).select_one("a[rel=next]")
        url = link["href"] if link else None
    back, url = [], f"/admin/{panel}/?page_size=20&last=1"
    while url:
        assert len(back) < 100, "the walk does not end"
        page = hr.get(url)
        back = [row[0] for row in rows(page)] + back
        link = soup(page).select_one("a[rel=prev]")
        url = link["href"] if link else None
    assert back == seen
    assert len(set(seen)) == len(seen) == 45


@pytest.mark.parametrize("panel", PANELS)
def test_record_is_made_shown_and_changed(app, hr, panel):
    _kind, field, model = PANELS[panel]
    answer = hr.submit(f"/admin/{panel}/new/", **{field: "Brand new"})
    assert answer.status_code == 303
    assert "Brand new" in hr.get(answer.location).text
    row_id = int(answer.location.rpartition("=")[2])
    assert hr.submit(f"/admin/{panel}/edit/?id={row_id}", **{field: "Renamed"}).status_code == 303
    assert getattr(stored(app, model, row_id), field) == "Renamed"


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("again", ["There", "THERE", " there ", "Ｔｈｅｒｅ"])
def test_name_that_is_there_already_is_refused_at_its_field(app, hr, panel, again):
    kind, field, _model = PANELS[panel]
    make(app, panel, "There")
    other = make(app, panel, "Other")
    for url in (f"/admin/{panel}/new/", f"/admin/{panel}/edit/?id={other}"):
        page = hr.submit(url, **{field: again})
        assert page.status_code == 422
        assert errors(page)[field] == f"Another {kind} has this {field}."
        assert fields(page)[field] == again


@pytest.mark.parametrize(
    ("panel", "typed", "at"),
    [
        ("departments", {"name": ""}, "name"),
        ("departments", {"name": "x" * 101}, "name"),
        ("departments", {"code": "brd"}, "code"),
        ("departments", {"code": "x" * 21}, "code"),
        ("departments", {"parent_id": "1000000"}, "parent_id"),
        ("departments", {"parent_id": "Board"}, "parent_id"),
        ("departments", {"lead_id": "1000000"}, "lead_id"),
        ("departments", {"closed_on": "x"}, "closed_on"),
        ("departments", {"cost_centre": "x" * 41}, "cost_centre"),
        ("roles", {"title": " "}, "title"),
        ("roles", {"title": "x" * 101}, "title"),
        ("roles", {"level": "21"}, "level"),
        ("roles", {"level": "high"}, "level"),
        ("roles", {"family": "x" * 61}, "family"),
        ("roles", {"description": "x" * 2001}, "description"),
        ("roles", {"closed_on": "2020-02-30"}, "closed_on"),
    ],
)
def test_fault_is_told_at_its_field_and_nothing_typed_is_lost(hr, panel, typed, at):
    page = hr.submit(f"/admin/{panel}/new/", **({PANELS[panel][1]: "Typed"} | typed))
    assert page.status_code == 422
    assert errors(page).keys() == {at, ""}
    again = fields(page)
    assert {name: again[name] for name in typed} == typed


def test_department_moves_in_the_tree_but_never_into_itself(app, hr, sample):
    board, engineering, platform = (sample.departments[name] for name in ("Board", "Engineering", "Platform"))
    url = f"/admin/departments/edit/?id={engineering}"
    page = hr.submit(url, parent_id=platform)
    assert errors(page)["parent_id"] == "A department can’t be inside itself. Choose another parent."
    assert hr.submit(url, parent_id="").status_code == 303
    assert stored(app, Department, engineering).parent_id is None
    assert hr.submit(f"/admin/departments/edit/?id={board}", parent_id=platform).status_code == 303


def test_conflict_keeps_what_was_typed(app, hr, sample):
    board = sample.departments["Board"]
    url = f"/admin/departments/edit/?id={board}"
    page = hr.get(url)
    with app.app_context():
        values = {"cost_centre": "theirs", "lead_id": sample.people["Bo"]}
        act("change_department", department_id=board, version=stored(app, Department, board).version, values=values)
    page = hr.client.post(url, data=filled(page, cost_centre="mine", code="NEW"))
    assert page.status_code == 409
    assert "theirs" in page.text
    assert "Bo Lindqvist" in page.text
    assert fields(page)["cost_centre"] == "mine"
    assert hr.client.post(url, data=filled(page)).status_code == 303
    saved = stored(app, Department, board)
    assert (saved.cost_centre, saved.code) == ("mine", "NEW")


def sentences(page):
    """Return what a page says would happen."""
    return [item.text for item in soup(page).select("main section li")]


def test_department_with_people_asks_where_they_go_and_is_closed(app, hr, sample):
    platform, engineering = sample.departments["Platform"], sample.departments["Engineering"]
    url = f"/admin/departments/delete/?id={engineering}"
    page = hr.get(url)
    assert "2 people work here or will, and have to go somewhere." in page.text
    assert errors(hr.client.post(url, data=filled(page)))["target_id"].startswith("Choose where the 2 people")
    for nonsense in ("x", "9" * 30, engineering):
        refused = hr.client.post(url, data=filled(page, target_id=nonsense))
        assert refused.status_code == 422
        assert "target_id" in errors(refused)
    told = hr.client.post(url, data=filled(page, target_id=platform, reason="A smaller house"))
    assert sentences(told) == [
        "2 people go to Platform from today; what is planned for them leads there, too.",
        "Part of Board from now on: Platform.",
        "Bo Lindqvist leads Engineering no longer.",
        "Engineering is closed and stays in the history.",
        "Bo Lindqvist · 101",
        "Cy Müller · 102",
    ]
    assert stored(app, Department, engineering).closed_on is None
    answer = hr.client.post(url, data=filled(told, step="do"))
    assert "Engineering was closed." in hr.get(answer.location).text
    assert stored(app, Department, engineering).closed_on == today()
    assert stored(app, Department, platform).parent_id == sample.departments["Board"]
    assert stored(app, Employee, sample.people["Cy"]).department_id == platform
    assert [label for _id, label in hr.get("/lookup/department?query=").json] == ["Board", "Platform"]
    with app.app_context():
        assert (
            db.session.scalars(db.select(ChangeSet).order_by(ChangeSet.id.desc())).first().reason == "A smaller house"
        )


def test_role_with_people_asks_for_another_and_is_closed(app, hr, sample):
    clerk = sample.roles["Clerk"]
    url = f"/admin/roles/delete/?id={clerk}"
    assert "1 person holds it or will, and needs another." in hr.get(url).text
    told = hr.submit(url, target_id=sample.roles["Engineer"])
    assert sentences(told) == [
        "1 person is Engineer from today; what is planned for them follows.",
        "Clerk is closed and stays in the history.",
        "Hana 山田 · 106",
    ]
    assert hr.client.post(url, data=filled(told, step="do")).status_code == 303
    assert stored(app, Role, clerk).closed_on == today()
    assert stored(app, Employee, sample.people["Hana"]).role_id == sample.roles["Engineer"]
    assert stored(app, Employee, sample.people["Flo"]).role_id == clerk
    assert [label for _id, label in hr.get("/lookup/role?query=").json] == ["Director", "Engineer"]


@pytest.mark.parametrize("panel", PANELS)
def test_what_was_never_used_is_deleted(app, hr, panel):
    row_id = make(app, panel, "Never")
    url = f"/admin/{panel}/delete/?id={row_id}"
    page = hr.get(url)
    assert "will be deleted" in page.text
    assert "target_id" not in fields(page)
    told = hr.client.post(url, data=filled(page))
    assert sentences(told)[0].startswith("Never is deleted: nobody ever ")
    assert "Never was deleted." in hr.get(hr.client.post(url, data=filled(told, step="do")).location).text
    assert stored(app, PANELS[panel][2], row_id) is None


@pytest.mark.parametrize("panel", PANELS)
def test_who_came_while_one_looked_is_asked_about(app, hr, panel):
    kind, _field, model = PANELS[panel]
    row_id = make(app, panel, "Busy")
    url = f"/admin/{panel}/delete/?id={row_id}"
    told = hr.submit(url)
    with app.app_context():
        values = {"number": "1", "first_name": "X", "hired_on": date(2020, 1, 1), f"{kind}_id": row_id}
        act("hire", values=values)
    again = hr.client.post(url, data=filled(told, step="do"))
    assert again.status_code == 422
    assert errors(again)["target_id"].startswith("Choose where the 1 person")
    assert stored(app, model, row_id).closed_on is None


@pytest.mark.parametrize(
    ("panel", "name", "target"), [("departments", "Engineering", "Board"), ("roles", "Engineer", "Clerk")]
)
def test_one_is_merged_into_another_and_opened_again(app, hr, sample, panel, name, target):
    kind, _field, model = PANELS[panel]
    ids = sample.departments if panel == "departments" else sample.roles
    details = f"/admin/{panel}/details/?id={ids[name]}"
    url = soup(hr.get(details)).find("a", string="Merge into…")["href"]
    assert errors(hr.submit(url))["target_id"] == f"Choose an open {kind} to merge it into."
    told = hr.submit(url, target_id=ids[target])
    assert f" {target} from today;" in sentences(told)[0]
    assert f"{name} is closed and stays in the history." in sentences(told)
    changed_mind = hr.client.post(url, data=filled(told, step="form"))
    assert fields(changed_mind)["target_id"] == str(ids[target])
    answer = hr.client.post(url, data=filled(told, step="do"))
    assert f"{name} was merged into {target}." in hr.get(answer.location).text
    assert stored(app, model, ids[name]).closed_on == today()
    assert soup(hr.get(details)).find("a", string="Merge into…") is None
    answer = hr.submit(soup(hr.get(details)).find("a", string="Reopen")["href"])
    assert f"{name} is open again." in hr.get(answer.location).text
    assert stored(app, model, ids[name]).closed_on is None


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("page", ["merge", "delete", "reopen"])
def test_page_made_from_an_older_version_shows_anew_what_it_is_about(app, hr, panel, page):
    kind, field, _model = PANELS[panel]
    row_id = make(app, panel, "There", closed_on="2020-01-01" if page == "reopen" else None)
    url, target = f"/admin/{panel}/{page}/?id={row_id}", make(app, panel, "Target")
    form = hr.get(url)
    with app.app_context():
        act(f"change_{kind}", **{f"{kind}_id": row_id}, version=1, values={field: "Renamed"})
    for step in ("preview", "do"):
        again = hr.client.post(url, data=filled(form, target_id=target, step=step))
        assert again.status_code == 409
        assert "Renamed" in again.text
    assert fields(again)["version"] == "2"


def test_target_is_typed_where_no_script_runs(app, hr, sample):
    make(app, "departments", "Platform Tools")
    url = f"/admin/departments/merge/?id={sample.departments['Engineering']}"
    page = hr.get(url)
    for typed, target in (("tools", "Platform Tools"), ("PLATFORM tools", "Platform Tools"), ("board", "Board")):
        told = hr.client.post(url, data=filled(page, **{"target_id-typed": typed}))
        assert f" go to {target} from today" in sentences(told)[0]
    for typed in ("plat", "nowhere"):
        refused = hr.client.post(url, data=filled(page, **{"target_id-typed": typed}))
        assert errors(refused)["target_id"] == "Choose from what the search offers."
        assert fields(refused)["target_id-typed"] == typed


def test_large_department_is_merged_by_a_job(app, hr, sample, monkeypatch):
    monkeypatch.setattr(closing, "MOST", 1)
    monkeypatch.setattr(work, "STEP_ROWS", 1)
    monkeypatch.setattr(pages, "TRIED", 0)
    engineering, board = sample.departments["Engineering"], sample.departments["Board"]
    url = f"/admin/departments/merge/?id={engineering}"
    told = hr.submit(url, target_id=board)
    assert "moved in the background" in told.text
    assert errors(hr.submit(url, target_id=sample.departments["Platform"])).keys() == {"target_id", ""}
    answer = hr.client.post(url, data=filled(told, step="do"))
    assert answer.location.startswith("/admin/jobs/")
    assert stored(app, Department, engineering).closed_on is None
    with app.app_context():
        work.do_jobs(app, threading.Event(), is_once=True)
    assert stored(app, Department, engineering).closed_on == today()
    assert stored(app, Employee, sample.people["Cy"]).department_id == board


def test_several_departments_are_ticked_and_moved(app, hr, sample):
    sales, top = make(app, "departments", "Sales"), make(app, "departments", "Top")
    platform = sample.departments["Platform"]
    bar = soup(hr.get("/admin/departments/")).select_one("form[data-ticks]")
    assert bar.select_one("button[name=action][value=move_departments]").text == "Move"
    chosen = {"action": "move_departments", "scope": "ticked", "ids": [platform, sales]}
    page = hr.get(hr.post(bar["action"], chosen).location)
    url = soup(page).select_one("main form")["action"]
    told = hr.client.post(url, data={**filled(page), "ids": [platform, sales], "parent_id": top, "step": "preview"})
    assert stored(app, Department, sales).parent_id is None
    answer = hr.client.post(url, data=filled(told, step="do"))
    assert answer.status_code == 303
    assert [stored(app, Department, moved).parent_id for moved in (platform, sales)] == [top, top]


def test_department_is_moved_from_its_page(app, hr, sample):
    engineering, platform = sample.departments["Engineering"], sample.departments["Platform"]
    url = soup(hr.get(f"/admin/departments/details/?id={engineering}")).find("a", string="Move")["href"]
    page = hr.submit(url, step="preview", parent_id=platform)
    assert errors(page)["parent_id"] == "Engineering can’t be inside itself. Choose another department."
    told = hr.submit(url, step="preview", parent_id="")
    assert hr.client.post(url, data=filled(told, step="do")).status_code == 303
    assert stored(app, Department, engineering).parent_id is None


@pytest.mark.parametrize("panel", PANELS)
def test_closing_by_the_form_is_refused_while_people_are_there(hr, sample, panel):
    row_id = (sample.departments if panel == "departments" else sample.roles)[
        "Board" if panel == "departments" else "Clerk"
    ]
    page = hr.submit(f"/admin/{panel}/edit/?id={row_id}", closed_on="2024-01-01")
    assert errors(page)["closed_on"].startswith("Somebody ")


@pytest.mark.parametrize("panel", PANELS)
def test_export_holds_the_list_as_searched(hr, panel):
    answer = hr.get(f"/admin/{panel}/export/csv/?search=eng")
    assert answer.mimetype == "text/csv"
    lines = answer.text.lstrip("\ufeff").splitlines()
    assert len(lines) == 2
    assert "Engineer" in lines[1]


@pytest.mark.parametrize("panel", PANELS)
def test_staff_has_no_panel(sample, browser, panel):
    browser.sign_in(sample.users["staff"])
    endings = ("delete/?id=1", "merge/?id=1", "reopen/?id=1")
    for page in ("", "new/", "edit/?id=1", "details/?id=1", *endings, "export/csv/"):
        assert browser.get(f"/admin/{panel}/{page}").status_code == 403


@pytest.mark.parametrize("panel", PANELS)
def test_auditor_looks_but_changes_nothing(sample, browser, panel):
    browser.sign_in(sample.users["auditor"])
    row_id = next(iter((sample.departments if panel == "departments" else sample.roles).values()))
    assert browser.get(f"/admin/{panel}/").status_code == 200
    assert browser.get(f"/admin/{panel}/details/?id={row_id}").status_code == 200
    details = soup(browser.get(f"/admin/{panel}/details/?id={row_id}"))
    assert not details.find("a", string="Merge into…")
    assert not soup(browser.get(f"/admin/{panel}/")).select("form[data-ticks]")
    endings = [f"{page}/?id={row_id}" for page in ("delete", "merge", "reopen")]
    for page in ("new/", f"edit/?id={row_id}", *endings, "export/csv/"):
        assert browser.get(f"/admin/{panel}/{page}").status_code == 403
        assert browser.post(f"/admin/{panel}/{page}").status_code in (403, 405)
