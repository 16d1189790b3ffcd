"""What somebody finds on their own start page."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.access.actor import by_user, operator
from app.core import clock
from app.core.clock import today
from app.reading import dashboard
from app.reading.dashboard import hired_then
from tests.actions.undo.undoing import do, undo
from tests.caching import believed, taken
from tests.sample import account, act

pytestmark = pytest.mark.usefixtures("context")


@pytest.mark.parametrize(
    ("day", "years", "days"),
    [
        (date(2026, 11, 21), 3, [date(2023, 11, 21)]),
        (date(2024, 2, 29), 4, [date(2020, 2, 29)]),
        (date(2024, 2, 29), 1, []),
        (date(2023, 3, 1), 3, [date(2020, 2, 29), date(2020, 3, 1)]),
        (date(2024, 3, 1), 4, [date(2020, 3, 1)]),
        (date(2023, 3, 1), 2, [date(2021, 3, 1)]),
        (date(2023, 2, 28), 3, [date(2020, 2, 28)]),
        (date(2100, 3, 1), 4, [date(2096, 2, 29), date(2096, 3, 1)]),
    ],
)
def test_days_of_hiring_that_are_whole_years_ago(day, years, days):
    assert hired_then(day, years) == days


def test_everybody_has_one_anniversary_a_year():
    for first in (date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1), date(2020, 12, 31)):
        for year in range(2021, 2031):
            days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]
            hits = [day for day in days if day.year == year and first in hired_then(day, year - 2020)]
            assert len(hits) == 1, (first, year)


def hire(number, hired_on, **more):
    """Add somebody; return their id."""
    return act("hire", values={"number": number, "first_name": f"P{number}", "hired_on": hired_on, **more})


def years_back(day, years):
    """Return a day so many years before, not on 29 February."""
    return day.replace(year=day.year - years) if (day.month, day.day) != (2, 29) else date(day.year - years, 3, 1)


def test_joiners_and_anniversaries_of_who_works_here():
    today = clock.today()
    hire("1", today)
    hire("2", today - timedelta(days=60))
    hire("3", today - timedelta(days=61))
    hire("4", today + timedelta(days=1))
    hire("5", years_back(today + timedelta(days=5), 5))
    hire("6", years_back(today + timedelta(days=2), 1))
    hire("7", years_back(today - timedelta(days=1), 2))
    hire("8", years_back(today, 3), status="left", left_on=today)
    found = dashboard.dashboard(operator())
    assert [person.number for person in found.joiners] == ["1", "2"]
    assert [(a.person.number, a.years) for a in found.anniversaries] == [("6", 1), ("5", 5)]
    assert found.anniversaries[1].on == today + timedelta(days=5)
    assert found.me is None
    assert found.team == found.colleagues == []


def test_own_record_team_manager_and_colleagues(sample):
    found = dashboard.dashboard(by_user(sample.users["manager"]))
    assert found.me is not None
    assert found.me.name == "Bo Lindqvist"
    assert found.manager is not None
    assert found.manager.name == "Ada Okafor"
    assert [person.first_name for person in found.team] == ["Cy", "Dee"]
    assert [person.first_name for person in found.colleagues] == ["Cy"]


def test_who_has_no_department_has_no_colleagues():
    me = hire("1", date(2020, 1, 1))
    hire("2", date(2020, 1, 1))
    found = dashboard.dashboard(by_user(account("staff", "x@sample.example", me)))
    assert found.me is not None
    assert found.colleagues == []
    assert found.manager is None


def test_leavers_are_nobodys_colleagues(sample):
    found = dashboard.dashboard(by_user(sample.users["staff"]))
    assert [person.first_name for person in found.colleagues] == ["Dee"]


PARTS = ("joiners", "anniversaries", "manager", "colleagues")


def test_only_the_own_record_is_asked_for_again(app, sample):
    manager = by_user(sample.users["manager"])
    names = {*(f"dashboard.{part}" for part in PARTS), "person.reports"}
    taken(app)
    with believed(app):
        before = dashboard.dashboard(manager)
        assert taken(app) == dict.fromkeys(names, (0, 1))
        assert dashboard.dashboard(manager) == before
        assert taken(app) == dict.fromkeys(names, (1, 0))
    assert before.me.values["home_address"] == "101 Home Street"


def test_every_edit_shows_at_once(app, sample):
    def seen():
        for _time in range(2):
            found = dashboard.dashboard(by_user(sample.users["manager"]))
        everybody = [*found.team, *found.colleagues, *found.joiners, *(a.person for a in found.anniversaries)]
        return found.manager.name, {person.name: (person.department, person.manager) for person in everybody}

    with believed(app):
        assert seen() == (
            "Ada Okafor",
            {"Cy Müller": ("Engineering", "Bo Lindqvist"), "Dee O'Hara": ("Platform", "Bo Lindqvist")},
        )
        act("change_employee", employee_id=sample.people["Ada"], version=1, values={"last_name": "Quill"})
        act("change_department", department_id=sample.departments["Platform"], version=1, values={"name": "Quarry"})
        assert seen()[0] == "Ada Quill"
        assert seen()[1]["Dee O'Hara"] == ("Quarry", "Bo Lindqvist")
        hired = do("hire", values={"number": "9", "first_name": "Gus", "hired_on": today()})
        act("leave", employee_ids=[sample.people["Dee"]], left_on=today())
        assert seen()[1].keys() == {"Cy Müller", "Gus"}
        undo(hired)
        assert seen()[1].keys() == {"Cy Müller"}
