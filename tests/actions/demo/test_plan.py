"""The plan of the demo organisation is the same each time, and believable."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from app.actions.demo.plan import DemoPlan, plan
from app.actions.demo.records import DemoEmployee
from app.core import text
from app.people.employee import EmploymentType, Status

TODAY = date(2026, 11, 21)
SIZES = (1, 2, 10, 300, 5000)


@pytest.fixture(scope="module", params=SIZES)
def planned(request: pytest.FixtureRequest) -> tuple[DemoPlan, list[DemoEmployee]]:
    made = plan(request.param, 1, TODAY)
    return made, list(made.people())


@pytest.fixture(scope="module")
def crowd() -> list[DemoEmployee]:
    return list(plan(5000, 1, TODAY).people())


def test_same_arguments_give_the_same_people():
    first = plan(300, 7, TODAY)
    people = list(first.people())
    plan.cache_clear()
    again = plan(300, 7, TODAY)
    assert again is not first
    assert (again.departments, again.roles) == (first.departments, first.roles)
    assert list(again.people()) == people


def test_another_seed_gives_other_people():
    assert [p.first_name for p in plan(300, 1, TODAY).people()] != [p.first_name for p in plan(300, 2, TODAY).people()]


def test_another_day_keeps_numbers_and_names():
    names = [(p.number, p.first_name, p.last_name) for p in plan(300, 1, TODAY).people()]
    later = plan(300, 1, TODAY + timedelta(days=40))
    assert [(p.number, p.first_name, p.last_name) for p in later.people()] == names


def test_another_process_makes_the_same_people():
    script = (
        "import hashlib; from datetime import date; from app.actions.demo.plan import plan;"
        "made = plan(300, 1, date(2026, 11, 21));"
        "print(hashlib.sha256(repr((made.departments, made.roles, list(made.people()))).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("size", [0, -1, 1_000_001])
def test_impossible_size_is_refused(size):
    with pytest.raises(ValueError, match="1 to 1000000"):
        plan(size, 1, TODAY)


def test_numbers_follow_the_order_of_hiring(planned):
    made, people = planned
    assert [p.number for p in people] == [f"D-{i:05d}" for i in range(1, made.size + 1)]
    assert [p.hired_on for p in people] == sorted(p.hired_on for p in people)
    assert people[0].assignments[-1].role_title == "Chief Executive Officer"
    assert all(p.hired_on < TODAY for p in people)


def test_addresses_are_unique_and_plain(planned):
    _, people = planned
    assert len({text.key(p.email) for p in people}) == len(people)
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+\d*@demo\.example", p.email) for p in people)


def test_names_of_departments_and_roles_differ_without_accents_too(planned):
    made, _ = planned
    assert len({text.sort_key(d.name) for d in made.departments}) == len(made.departments)
    assert len({text.key(d.code) for d in made.departments}) == len(made.departments)
    assert len({text.sort_key(r.title) for r in made.roles}) == len(made.roles)
    assert all(1 <= r.level <= 7 and r.description for r in made.roles)


def test_departments_make_one_tree_parents_first(planned):
    made, _ = planned
    seen = set()
    for department in made.departments:
        assert (department.parent_code is None) == (not seen)
        assert department.parent_code is None or department.parent_code in seen
        seen.add(department.code)


def test_each_lead_is_the_most_senior_active_person_of_the_department(planned):
    made, people = planned
    levels = {role.title: role.level for role in made.roles}
    by_number = {p.number: p for p in people}
    staff: dict[str, list[DemoEmployee]] = {}
    for p in people:
        if p.status is not Status.LEFT:
            staff.setdefault(p.assignments[-1].department_code, []).append(p)
    for department in made.departments:
        lead = by_number[department.lead_number]
        assert lead.status is Status.ACTIVE
        assert lead in staff[department.code]
        others = [levels[p.assignments[-1].role_title] for p in staff[department.code] if p is not lead]
        assert all(level < levels[lead.assignments[-1].role_title] for level in others)


def test_present_managers_are_active_and_in_the_same_or_the_parent_department(planned):
    made, people = planned
    by_number = {p.number: p for p in people}
    parents = {d.code: d.parent_code for d in made.departments}
    for p in people:
        today = p.assignments[-1]
        if p.status is Status.LEFT or p.number == "D-00001":
            continue
        manager = by_number[today.manager_number]
        place = manager.assignments[-1].department_code
        assert manager.status is Status.ACTIVE
        assert place in (today.department_code, parents[today.department_code])


def test_every_manager_ever_had_worked_here_at_that_time(planned):
    _, people = planned
    by_number = {p.number: p for p in people}
    for p in people:
        for row in p.assignments:
            if row.manager_number:
                manager = by_number[row.manager_number]
                assert manager.hired_on <= row.valid_from
                if manager.left_on:
                    assert row.valid_to is not None
                    assert row.valid_to <= manager.left_on + timedelta(days=1)


@pytest.mark.parametrize("days_ago", [0, 400, 2000, 4000])
def test_lines_of_management_never_make_a_circle(crowd, days_ago):
    day = TODAY - timedelta(days=days_ago)
    above = {
        p.number: row.manager_number
        for p in crowd
        for row in p.assignments
        if row.valid_from <= day and (row.valid_to is None or row.valid_to > day)
    }
    assert len(above) > 500
    for number in above:
        seen: set[str] = set()
        while number is not None:
            assert number not in seen
            seen.add(number)
            number = above[number]
        assert "D-00001" in seen


def test_nobody_manages_too_many_or_one_alone(crowd):
    spans = Counter(p.assignments[-1].manager_number for p in crowd if p.status is not Status.LEFT)
    del spans[None]
    assert min(spans.values()) >= 4
    assert max(spans.values()) <= 12


def test_histories_have_no_gaps(planned):
    _, people = planned
    for p in people:
        end = p.left_on + timedelta(days=1) if p.left_on else None
        for rows in (p.assignments, p.pay):
            assert rows[0].valid_from == p.hired_on
            assert rows[-1].valid_to == end
            for row, following in pairwise(rows):
                assert row.valid_to == following.valid_from
            assert all(row.valid_to is None or row.valid_from < row.valid_to for row in rows)


def test_neighbouring_assignments_differ(crowd):
    for p in crowd:
        for row, following in pairwise(p.assignments):
            fields = ("status", "department_code", "role_title", "manager_number")
            assert any(getattr(row, f) != getattr(following, f) for f in fields)


def test_status_and_dates_agree(planned):
    _, people = planned
    for p in people:
        assert (p.status is Status.LEFT) == (p.left_on is not None) == (p.leaving_reason is not None)
        if p.left_on:
            assert p.hired_on < p.left_on < TODAY
            assert p.probation_until is None
        else:
            assert p.assignments[-1].status is p.status
            assert p.contract_until is None or p.contract_until > TODAY
            assert p.probation_until is None or p.probation_until > TODAY
        assert (p.contract_until is not None) == (p.employment_type is not EmploymentType.PERMANENT)
        assert (p.hired_on - p.birth_date).days // 365 >= 17
        assert ((p.left_on or TODAY) - p.birth_date).days // 366 <= 67


def test_a_crowd_is_believable(crowd):
    share = {status: count / len(crowd) for status, count in Counter(p.status for p in crowd).items()}
    assert 0.15 <= share[Status.LEFT] <= 0.20
    assert 0.01 <= share[Status.ON_LEAVE] <= 0.05
    assert {p.employment_type for p in crowd} == set(EmploymentType)
    assert 0.03 <= sum(p.fte < 1 for p in crowd) / len(crowd) <= 0.20
    years = Counter(p.hired_on.year for p in crowd)
    assert set(years) == set(range(2011, 2027))
    assert sum(years[y] for y in range(2012, 2019)) < sum(years[y] for y in range(2019, 2026))
    assert any(p.probation_until for p in crowd)
    assert any(len({row.department_code for row in p.assignments}) > 1 for p in crowd)
    assert any(row.reason == "Promotion" for p in crowd for row in p.pay)
    assert len({p.leaving_reason for p in crowd}) > 5


def test_small_organisation_has_about_a_dozen_departments_and_fitting_roles():
    made = plan(300, 1, TODAY)
    assert len(made.departments) == 12
    assert 30 <= len(made.roles) <= 65
    assert {row.role_title for p in made.people() for row in p.assignments} <= {role.title for role in made.roles}


def test_large_organisation_has_sites_in_its_tree():
    made = plan(20_000, 1, TODAY)
    assert 80 <= len(made.departments) <= 120
    assert any(
        d.name == "Customer Support – Tokyo" or d.name.startswith("Customer Support – ") for d in made.departments
    )


def test_names_come_in_many_scripts(crowd):
    scripts = {unicodedata.name(p.first_name[0]).split()[0] for p in crowd}
    wanted = {"LATIN", "GREEK", "CYRILLIC", "CJK", "HANGUL", "HIRAGANA", "ARABIC", "HEBREW", "DEVANAGARI", "THAI"}
    assert wanted <= scripts
    assert any(unicodedata.normalize("NFD", p.last_name) != p.last_name for p in crowd)


def test_small_organisation_has_several_scripts_too():
    scripts = {unicodedata.name(p.first_name[0]).split()[0] for p in plan(300, 1, TODAY).people()}
    assert len(scripts) >= 6


def test_pay_has_two_places_and_grows_with_the_level(crowd):
    levels = {role.title: role.level for role in plan(5000, 1, TODAY).roles}
    by_level: dict[int, list[Decimal]] = {}
    for p in crowd:
        for row in p.pay:
            assert row.amount > 0
            assert row.amount.as_tuple().exponent == -2
        if p.location == "London" and p.employment_type is EmploymentType.PERMANENT:
            by_level.setdefault(levels[p.assignments[-1].role_title], []).append(p.pay[-1].amount)
    medians = [sorted(amounts)[len(amounts) // 2] for _, amounts in sorted(by_level.items())]
    assert medians == sorted(medians)
    assert {row.currency for p in crowd for row in p.pay} >= {"EUR", "USD", "GBP", "JPY", "INR"}


def test_phones_are_fictitious(crowd):
    fictitious = (
        r"\+999 |\+1 \d{3} 555 01|\+44 20 7946 0|\+49 30 23125 |\+33 1 99 00 |\+46 8 465 004 |\+61 2 5550 |\+353 20 91"
    )
    for p in crowd:
        for phone in (p.phone, p.personal_phone, p.emergency_phone):
            assert phone is None or re.match(fictitious, phone)


def test_segments_hold_everybody_once_with_managers_before_reports(crowd):
    made = plan(5000, 1, TODAY)
    assert all(len(segment) <= 1000 for segment in made.segments)
    here: set[str] = set()
    for segment in made.segments:
        people = [made.person(index) for index in segment]
        assert {row.manager_number for p in people for row in p.assignments} - {None} <= here
        here |= {p.number for p in people}
    assert here == {p.number for p in crowd}
