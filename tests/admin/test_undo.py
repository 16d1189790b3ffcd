"""The page that undoes a change set: what it shows, to whom, and what it does with what is ticked."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from app.changes.journal import ChangeSet
from app.extensions import db
from tests.actions.undo.undoing import differences, do, told
from tests.browsing import Browser, errors, fields, soup
from tests.career import one
from tests.sample import Sample, act

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def hr(browser: Browser, sample: Sample) -> Browser:
    return browser.sign_in(sample.users["hr"])


def url(set_id: int) -> str:
    return f"/admin/journal/undo/?id={set_id}"


def edit(sample: Sample, name: str, **values: Any) -> int:
    """Change somebody's record; return the change set."""
    person_id = sample.people[name]
    return do("change_employee", employee_id=person_id, version=one(person_id).version, values=values)


def ticks(page: Any) -> dict[str, bool]:
    """Return what can be ticked on a page, and whether it is."""
    return {str(box["value"]): box.has_attr("checked") for box in soup(page).select("input[name=unit]")}


def post(browser: Browser, set_id: int, *units: str, **more: Any) -> Any:
    """Send the page with these ticks."""
    page = browser.get(url(set_id))
    shown = [str(one["value"]) for one in soup(page).select("input[name=shown]")]
    return browser.client.post(url(set_id), data={**fields(page), "shown": shown, "unit": list(units), **more})


def test_change_set_leads_to_the_page_and_all_of_it_is_undone(hr: Browser, sample: Sample) -> None:
    before = told()
    set_id = do("transfer", employee_ids=[sample.people["Eli"]], department_id=sample.departments["Board"])
    assert f'href="{url(set_id)}"' in hr.get(f"/admin/journal/details/?id={set_id}").text
    key = f"employees:{sample.people['Eli']}:job"
    page = hr.get(url(set_id))
    assert ticks(page) == {key: True}
    assert "Eli García" in page.text
    answer = post(hr, set_id, key, reason="A slip")
    assert answer.status_code == 303
    assert differences(before, told()) == {}
    done = db.session.query(ChangeSet).order_by(ChangeSet.id.desc()).first()
    assert done is not None
    assert (done.action, done.undoes_id, done.reason, done.actor_id) == ("undo", set_id, "A slip", sample.users["hr"])
    assert answer.location.endswith(f"/admin/journal/details/?id={done.id}")
    assert "There is nothing to undo" in hr.get(url(set_id)).text


def test_what_changed_since_stands_beside_and_is_overwritten_only_when_ticked(hr: Browser, sample: Sample) -> None:
    set_id = edit(sample, "Eli", phone="+999 1", location="Rome")
    edit(sample, "Eli", phone="+999 2")
    eli = sample.people["Eli"]
    page = hr.get(url(set_id))
    assert ticks(page) == {f"employees:{eli}:phone": False, f"employees:{eli}:location": True}
    sides = [side.get_text(strip=True) for side in soup(page).select(".undo-sides dd")]
    assert sides == ["+999 1", "+999 2", "+999 104"]
    post(hr, set_id, f"employees:{eli}:location")
    assert (one(eli).phone, one(eli).location) == ("+999 2", None)
    post(hr, set_id, f"employees:{eli}:phone")
    assert one(eli).phone == "+999 104"


def test_change_between_looking_and_undoing_asks_again(hr: Browser, sample: Sample) -> None:
    set_id = edit(sample, "Eli", phone="+999 1")
    page = hr.get(url(set_id))
    edit(sample, "Eli", phone="+999 2")
    key = f"employees:{sample.people['Eli']}:phone"
    answer = hr.client.post(url(set_id), data={**fields(page), "shown": key, "unit": key})
    assert answer.status_code in (409, 422)
    assert "Something changed since you looked" in answer.text
    assert one(sample.people["Eli"]).phone == "+999 2"


def test_what_a_rule_forbids_is_unticked_with_the_reason_and_can_be_left_out(hr: Browser, sample: Sample) -> None:
    people = [sample.people["Eli"], sample.people["Hana"]]
    set_id = do("transfer", employee_ids=people, department_id=sample.departments["Engineering"])
    act("close_department", department_id=sample.departments["Platform"], target_id=sample.departments["Board"])
    keys = [f"employees:{person_id}:job" for person_id in people]
    page = hr.get(url(set_id))
    assert ticks(page) == {keys[0]: False, keys[1]: True}
    assert "Platform is closed. Choose another department." in page.text
    answer = post(hr, set_id, *keys)
    assert answer.status_code == 422
    assert "Platform is closed" in errors(answer)[""]
    assert ticks(answer) == {keys[0]: False, keys[1]: True}
    assert post(hr, set_id, keys[1]).status_code == 303
    assert one(people[1]).department_id == sample.departments["Board"]


def test_nothing_ticked_undoes_nothing(hr: Browser, sample: Sample) -> None:
    set_id = edit(sample, "Eli", phone="+999 1")
    answer = post(hr, set_id)
    assert answer.status_code == 422
    assert "Choose what to undo." in errors(answer)[""]


def test_values_that_the_reader_may_not_see_are_only_counted(browser: Browser, sample: Sample) -> None:
    set_id = edit(sample, "Eli", notes="A secret", location="Rome")
    auditor = browser.sign_in(sample.users["auditor"])
    page = auditor.get(url(set_id))
    assert page.status_code == 200
    assert ticks(page) == {}
    assert "stays as it is" in page.text
    for text in ("A secret", "Note on Eli"):
        assert (text in page.text) == (text in auditor.get(f"/admin/journal/details/?id={set_id}").text)


def test_what_cannot_be_undone_is_said(hr: Browser, sample: Sample) -> None:
    set_id = do("erase_person", employee_id=sample.people["Flo"])
    assert "An erasure can’t be undone" in hr.get(url(set_id)).text
    assert hr.get(url(0)).status_code == 404
    assert hr.get("/admin/journal/undo/?id=x").status_code == 404


def test_what_does_not_fit_on_the_page_goes_along_where_it_can(
    hr: Browser, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.admin.undo.MOST", 1)
    cy, eli, hana = (sample.people[name] for name in ("Cy", "Eli", "Hana"))
    set_id = do("assign_role", employee_ids=[hana, cy, eli], role_id=sample.roles["Director"])
    act("assign_role", employee_ids=[eli], role_id=sample.roles["Clerk"])
    page = hr.get(url(set_id))
    assert list(ticks(page)) == [f"employees:{cy}:job"]
    assert "2 more changes are undone with these" in page.text
    post(hr, set_id)
    assert one(cy).role_id == sample.roles["Director"]
    assert one(hana).role_id == sample.roles["Clerk"]
    assert one(eli).role_id == sample.roles["Clerk"]


def test_large_set_is_undone_in_the_background(hr: Browser, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.actions.undo.planning.MOST", 3)
    set_id = do("change_manager", employee_ids=list(sample.people.values())[3:5], manager_id=sample.people["Ada"])
    page = hr.get(url(set_id))
    assert "too many to show" in page.text
    answer = hr.submit(url(set_id), reason="All wrong", despite=None)
    assert answer.status_code == 303
    assert "/admin/jobs/details/" in answer.location
    assert hr.get(answer.location).status_code == 200


def test_page_reads_as_often_for_many_people_as_for_few(hr: Browser, sample: Sample) -> None:
    def reads(set_id: int) -> int:
        seen.clear()
        assert hr.get(url(set_id)).status_code == 200
        return sum(statement.startswith(("SELECT", "WITH")) for statement in seen)

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    seen: list[str] = []
    engineering = sample.departments["Engineering"]
    few = do("transfer", employee_ids=[sample.people["Dee"]], department_id=engineering)
    act("transfer", employee_ids=[sample.people["Hana"]], department_id=sample.departments["Platform"])
    many = do("transfer", employee_ids=[sample.people["Eli"], sample.people["Hana"]], department_id=engineering)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        reads(few)  # the first page of a day asks what is due
        assert reads(many) == reads(few)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
