"""The numbers of the HR home on a known organisation."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from app.access.actor import by_user, operator
from app.core import clock
from app.extensions import db
from app.people.employee import Status
from app.reading import statistics
from app.reading.statistics import SPANS, TENURES, month_starts, overview, years_ago
from tests.actions.undo.undoing import do, undo
from tests.asking import asked
from tests.caching import believed, taken
from tests.sample import account, act

pytestmark = pytest.mark.usefixtures("context")


def test_headcount_by_status_department_and_role(sample):
    numbers = overview(operator())
    assert numbers.headcount == 6
    assert numbers.by_status == {Status.ACTIVE: 6, Status.ON_LEAVE: 0, Status.LEFT: 1}
    counted = [(c.label, c.people) for c in numbers.by_department]
    assert sorted(counted) == [("Board", 2), ("Engineering", 2), ("Platform", 2)]
    assert sorted((c.label, c.people) for c in numbers.by_role) == [("Clerk", 1), ("Director", 2), ("Engineer", 3)]
    assert {c.key for c in numbers.by_department} == set(sample.departments.values())


@pytest.mark.usefixtures("sample")
def test_who_has_no_department_is_counted_apart():
    act("hire", values={"number": "1", "first_name": "X", "hired_on": date(2020, 1, 1), "status": "on_leave"})
    numbers = overview(operator())
    assert next(c.people for c in numbers.by_department if c.key is None) == 1
    assert next(c.people for c in numbers.by_role if c.key is None) == 1
    assert (numbers.headcount, numbers.by_status[Status.ON_LEAVE]) == (7, 1)


@pytest.mark.usefixtures("sample")
def test_span_counts_managers_by_their_reports_of_today():
    assert dict(((low, high), count) for low, high, count in overview(operator()).span) == {
        span: 3 if span == (1, 3) else 0 for span in SPANS
    }


def test_span_of_a_manager_counts_only_who_they_may_see(sample):
    numbers = overview(by_user(sample.users["manager"]))
    assert numbers.headcount == 4
    assert numbers.span[0][2] == 2  # Bo and Cy; Ada, above, is not theirs to count


def test_tenure_puts_everybody_who_works_here_in_one_bracket():
    today = clock.today()
    years = (0, 0.5, 1, 1.9, 2, 4.9, 5, 9.9, 10, 19.9, 20, 40)
    for i, since in enumerate(years):
        hired = years_ago(int(since), today) - timedelta(days=300 if since % 1 else 0)
        act("hire", values={"number": str(i), "first_name": "X", "hired_on": hired})
    found = {(low, high): count for low, high, count in overview(operator()).tenure}
    assert found == {(low, high): 2 for low, high in TENURES}


def test_months_are_the_last_twelve_with_joiners_and_leavers():
    today = clock.today()
    act("hire", values={"number": "1", "first_name": "X", "hired_on": today})
    gone = {"status": "left", "left_on": today}
    act("hire", values={"number": "2", "first_name": "X", "hired_on": today.replace(day=1), **gone})
    act("hire", values={"number": "3", "first_name": "X", "hired_on": date(2001, 1, 1), **gone})
    months = overview(operator()).months
    assert len(months) == 12
    assert (months[-1].joined, months[-1].left) == (2, 2)
    assert [month.joined + month.left for month in months[:-1]] == [0] * 11
    assert months[-1].first <= today <= months[-1].last
    assert all(b.first - a.last == timedelta(days=1) for a, b in pairwise(months))


def test_months_begin_on_their_first_day_across_years():
    assert month_starts(date(2026, 2, 28), 4) == [
        date(2025, 11, 1),
        date(2025, 12, 1),
        date(2026, 1, 1),
        date(2026, 2, 1),
    ]


def test_years_ago_is_the_first_of_march_where_there_is_no_leap_day():
    assert years_ago(1, date(2024, 2, 29)) == date(2023, 3, 1)
    assert years_ago(4, date(2024, 2, 29)) == date(2020, 2, 29)


def test_empty_organisation_has_zeros():
    numbers = overview(operator())
    assert numbers.headcount == 0
    assert numbers.by_department == numbers.by_role == []
    assert {count for _low, _high, count in (*numbers.tenure, *numbers.span)} == {0}


def test_largest_departments_come_first_and_no_more_than_ten():
    for i in range(12):
        department = act("create_department", values={"name": f"D{i:02}"})
        for n in range(i):
            values = {"number": f"{i}-{n}", "first_name": "X", "hired_on": date(2020, 1, 1)}
            act("hire", values=values | {"department_id": department})
    counted = overview(operator()).by_department
    assert [c.people for c in counted] == list(range(11, 1, -1))
    assert len(counted) == statistics.LARGEST


QUERIES = {f"home.{name}" for name in ("by_status", "by_department", "by_role", "joined", "left", "tenure", "span")}


def test_numbers_asked_for_again_run_no_sql(app, sample):
    hr = by_user(sample.users["hr"])
    taken(app)
    with believed(app):
        db.session.rollback()
        with asked() as first:
            before = overview(hr)
        assert len(first) == 1 + len(QUERIES)  # the tokens, and each question
        with asked() as again:
            assert overview(hr) == before
        assert again == []
        db.session.rollback()
        with asked() as later:  # in another transaction, as on another page
            assert overview(hr) == before
        assert len(later) == 1
        assert "cache_versions" in later[0]
    assert taken(app) == dict.fromkeys(QUERIES, (2, 1))


def test_numbers_are_those_of_this_moment_after_every_edit(app, sample):
    hr = by_user(sample.users["hr"])

    def seen():
        for _time in range(2):
            numbers = overview(hr)
        departments = {one.label: one.people for one in numbers.by_department}
        roles = {one.label: one.people for one in numbers.by_role}
        return numbers.headcount, departments, roles, numbers.months[-1].joined

    with believed(app):
        assert seen() == (
            6,
            {"Board": 2, "Engineering": 2, "Platform": 2},
            {"Clerk": 1, "Director": 2, "Engineer": 3},
            0,
        )
        hired = do("hire", values={"number": "9", "first_name": "Gus", "hired_on": clock.today()})
        assert (seen()[0], seen()[3]) == (7, 1)
        undo(hired)
        assert (seen()[0], seen()[3]) == (6, 0)
        act("change_department", department_id=sample.departments["Platform"], version=1, values={"name": "Quarry"})
        act("change_role", role_id=sample.roles["Clerk"], version=1, values={"title": "Scribe"})
        assert seen()[1] == {"Board": 2, "Engineering": 2, "Quarry": 2}
        assert seen()[2] == {"Scribe": 1, "Director": 2, "Engineer": 3}
        act("transfer", employee_ids=[sample.people["Dee"]], department_id=sample.departments["Board"])
        assert seen()[1] == {"Board": 3, "Engineering": 2, "Quarry": 1}
        act("leave", employee_ids=[sample.people["Dee"]], left_on=clock.today())
        assert overview(hr).by_status == {Status.ACTIVE: 5, Status.ON_LEAVE: 0, Status.LEFT: 2}


def test_numbers_of_yesterday_are_not_told_after_midnight(app, clock):
    tomorrow = clock.now().date() + timedelta(days=1)
    act("hire", values={"number": "1", "first_name": "X", "hired_on": tomorrow})
    act("hire", values={"number": "2", "first_name": "Y", "hired_on": years_ago(1, tomorrow)})
    with believed(app):
        for _time in range(2):
            numbers = overview(operator())
            assert (numbers.months[-1].joined, dict(_brackets(numbers))[0, 1]) == (0, 1)
        clock.moment = clock.moment.replace(hour=23, minute=59, second=59)
        assert overview(operator()) == numbers
        clock.move(seconds=1)
        numbers = overview(operator())
        assert (numbers.months[-1].joined, dict(_brackets(numbers))[0, 1]) == (1, 1)
        assert dict(_brackets(numbers))[1, 2] == 1


def _brackets(numbers):
    return [((low, high), people) for low, high, people in numbers.tenure]


def test_readers_with_another_reach_share_nothing_and_those_with_the_same_everything(app, sample):
    def used(user_id):
        numbers = overview(by_user(user_id))
        [counts] = set(taken(app).values())
        return numbers.headcount, counts

    second_hr = account("hr", "second@sample.example")
    above = account("manager", "above@sample.example", sample.people["Dee"])
    hit, miss = (1, 0), (0, 1)
    with believed(app):
        taken(app)
        assert used(sample.users["hr"]) == (6, miss)
        assert used(second_hr) == (6, hit)
        assert used(sample.users["manager"]) == (4, miss)
        assert used(above) == (1, miss)
        assert used(sample.users["manager"]) == (4, hit)
        assert used(sample.users["auditor"])[1] == miss


def test_ties_are_told_in_the_order_of_their_ids(sample):
    numbers = overview(operator())
    assert [one.key for one in numbers.by_department] == sorted(sample.departments.values())
