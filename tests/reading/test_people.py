"""Lists of people: search, filters, and the file that is taken away."""

from __future__ import annotations

from datetime import date

import pytest

from app.access.actor import by_user, operator
from app.access.grants import FIELDS, Action, Scope, Subject
from app.core.clock import today
from app.reading import people as reading
from app.reading.paging import Place
from app.reading.people import FILTERS, Wanted, exported, people
from tests.actions.undo.undoing import do, undo
from tests.caching import believed, taken
from tests.sample import account, act

pytestmark = pytest.mark.usefixtures("context")

EVERYBODY = {"Ada", "Bo", "Cy", "Dee", "Eli", "Flo", "Hana"}


def found(search: str = "", **filters: object) -> set[str]:
    """Return the first names of who is found."""
    wanted = Wanted(search=search, filters={name: str(value) for name, value in filters.items()}, size=200)
    page = people(operator(), wanted)
    assert page.count == len(page.rows)
    return {row.first_name for row in page.rows}


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("ada", {"Ada"}),
        ("ADA OKAFOR", {"Ada"}),
        ("okafor ada", {"Ada"}),
        ("müller", {"Cy"}),
        ("muller", {"Cy"}),
        ("MÜLLER", {"Cy"}),
        ("mu\u0308ll", {"Cy"}),
        ("garcia", {"Eli"}),
        ("o'hara", {"Dee"}),
        ("o’hara", {"Dee"}),
        ("ohara", {"Dee"}),
        ("hara", {"Dee"}),
        ("山田", {"Hana"}),
        ("田", {"Hana"}),
        ("山", {"Hana"}),
        ("104", {"Eli"}),
        ("１０４", {"Eli"}),
        ("10", EVERYBODY),
        ("eli@sample.example", {"Eli"}),
        ("ELI@Sample", {"Eli"}),
        ("+999 104", {"Eli"}),
        ("lind", {"Bo"}),
        ("qvist", set()),
        ("sample.example", set()),
        ("ada lindqvist", set()),
        ("", EVERYBODY),
        ("  \t\n", EVERYBODY),
    ],
)
@pytest.mark.usefixtures("sample")
def test_search_finds(search, names):
    assert found(search) == names


@pytest.mark.usefixtures("sample")
def test_no_character_has_a_meaning():
    signs = [
        "%",
        "_",
        "'",
        '"',
        "\\",
        "%da",
        "_da",
        "' OR '1'='1",
        "/*",
        "--",
        ";",
        "*",
        "()",
        "\x00",
        "\ud800",
        "@",
        "🙂",
    ]
    assert {search: found(search) for search in signs} == {search: set() for search in signs}
    assert found("%ad_") == {"Ada"}


@pytest.mark.usefixtures("sample")
def test_strange_search_is_answered():
    for search in ("a@\x00b", "x" * 10_000, "@" * 300, "a" * 63 + "𝒳" * 9):
        assert found(search) == set()
    assert found("a " * 5000) == {"Ada"}


@pytest.mark.parametrize(
    ("number", "first", "last", "searches"),
    [
        (
            "A-7/12",
            "Anne-Marie",
            "D'Angelo",
            ["anne-marie", "marie", "annemarie", "dangelo", "d'angelo", "a-7/12", "a712"],
        ),
        ("%", "李", "小龙", ["李", "小龙", "龙"]),
        ("_1", "김", "민준", ["김", "민준", "준"]),
        ("X", "Žofie", "Łukasz", ["zofie", "łukasz", "lukasz"]),
        ("Y", "Bjørn", "Æsir-Đorđe", ["bjorn", "bjørn", "aesir", "dorde"]),
        ("Ω", "Ἀθηνᾶ", "", ["αθηνα", "ω"]),
        ("Q", "J.R.R.", "Tolkien", ["jrr", "j.r.r. tolkien", "tolk"]),
    ],
)
@pytest.mark.usefixtures("sample")
def test_people_are_found_by_every_part_of_their_name(number, first, last, searches):
    act("hire", values={"number": number, "first_name": first, "last_name": last, "hired_on": date(2020, 1, 1)})
    for search in searches:
        assert first in found(search), search


def test_new_name_replaces_the_old_in_the_search(sample):
    values = {"last_name": "Brown", "email": "b@else.example"}
    act("change_employee", employee_id=sample.people["Bo"], version=1, values=values)
    assert found("brown") == found("b@else") == {"Bo"}
    assert found("lindqvist") == set()


def test_filters_narrow_the_list(sample):
    departments, roles, persons = sample.departments, sample.roles, sample.people
    assert found(department=departments["Platform"]) == {"Dee", "Eli", "Flo"}
    assert found(department_and_below=departments["Engineering"]) == {"Bo", "Cy", "Dee", "Eli", "Flo"}
    assert found(department="none") == set()
    assert found(role=roles["Clerk"]) == {"Flo", "Hana"}
    assert found(manager=persons["Bo"]) == {"Cy", "Dee"}
    assert found(manager="none") == {"Ada", "Flo"}
    assert found(status="left") == found(is_here="0") == {"Flo"}
    assert found(is_here="1") == EVERYBODY - {"Flo"}
    assert found(employment_type="permanent") == EVERYBODY
    assert found(employment_type="intern") == set()
    assert found(hired_from="2021-02-01") == {"Eli", "Hana"}
    assert found(hired_after="2021-02-01") == {"Hana"}
    assert found(hired_to="2012-03-01") == {"Ada", "Bo"}
    assert found(left_from="2020-05-31", left_to="2020-05-31") == {"Flo"}
    assert found(left_to="2020-05-30") == set()
    assert found(reports_from="2") == {"Ada", "Bo"}
    assert found(reports_from="1", reports_to="1") == {"Cy"}
    assert found(reports_to="0") == {"Dee", "Eli", "Flo", "Hana"}
    assert found("e", role=roles["Engineer"], is_here="1") == {"Eli"}


NONSENSE = [
    "",
    " ",
    "x",
    "-1",
    "0",
    "1.5",
    "1e9",
    "9" * 5000,
    "99999999999",
    "nonsense",
    "none2",
    "%",
    "' OR 1=1",
    "\x00",
]


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.usefixtures("sample")
def test_filter_value_that_means_nothing_finds_nothing(name):
    meaningful = {("reports_from", "0"): {"Ada", "Bo", "Cy"}, ("reports_to", "0"): {"Dee", "Eli", "Flo", "Hana"}}
    meaningful["is_here", "0"] = {"Flo"}
    for value in NONSENSE:
        assert found(**{name: value}) == meaningful.get((name, value), set()), value


@pytest.mark.usefixtures("sample")
def test_unknown_filter_is_not_a_filter():
    assert found(nonsense="1", version="1") == EVERYBODY


@pytest.mark.usefixtures("sample")
def test_far_days_are_only_days():
    assert found(hired_from="0001-01-01") == EVERYBODY
    assert found(hired_to="9999-12-31") == EVERYBODY


@pytest.mark.usefixtures("sample")
def test_export_gives_everybody_of_the_list_in_its_order():
    groups = tuple(FIELDS)
    rows = list(reading.export(operator(), Wanted(search="10", sort="hired_on", is_descending=True), groups))
    assert [row["first_name"] for row in rows] == ["Hana", "Eli", "Dee", "Flo", "Cy", "Bo", "Ada"]
    assert all(list(row) == exported(groups) for row in rows)
    dee = rows[2]
    assert (dee["department"], dee["role"], dee["manager"], dee["manager_number"]) == (
        "Platform",
        "Engineer",
        "Bo Lindqvist",
        "101",
    )


@pytest.mark.parametrize("sort", reading.SORTS)
def test_export_in_several_chunks_misses_and_repeats_nobody(sort, sample, monkeypatch):
    monkeypatch.setattr(reading, "EXPORT_CHUNK", 2)
    rows = list(reading.export(operator(), Wanted(sort=sort), (Subject.DIRECTORY,)))
    assert sorted(row["first_name"] for row in rows) == sorted(EVERYBODY)
    assert len(sample.people) == len(rows)


def test_filter_and_sort_by_what_is_hidden_leave_only_whom_one_may_see(sample):
    staff = by_user(sample.users["staff"])

    def names(**wanted):
        return [row.first_name for row in people(staff, Wanted(**wanted)).rows]

    assert len(names()) == 6
    for filters in ({"status": "active"}, {"is_here": "1"}, {"employment_type": "permanent"}, {"reports_to": "9"}):
        assert names(filters=filters) == ["Eli"], filters
    assert names(sort="status") == ["Eli"]
    assert names(filters={"status": "left"}) == []
    assert {row.first_name for row in people(staff, Wanted()).rows if row.sees_employment} == {"Eli"}


SENSE = {"status": "active", "is_here": "1", "employment_type": "permanent", "reports_from": "1", "reports_to": "1"}


def test_same_list_asked_again_is_answered_by_the_cache(app, sample):
    first = people(operator(), Wanted(size=2))
    wanted = [Wanted(filters={name: SENSE.get(name, "2015-06-15" if "_" in name else "1")}) for name in FILTERS]
    wanted += [Wanted(sort=sort, is_descending=True) for sort in reading.SORTS]
    wanted += [
        Wanted(search="ada o"),
        Wanted(place=Place(after=first.next), size=2),
        Wanted(leaves_out_leavers=True, size=3),
    ]
    taken(app)
    with believed(app):
        for one in wanted:
            before = people(operator(), one)
            assert taken(app)["people.page"] == (0, 1), one
            assert people(operator(), one) == before
            assert taken(app) == {"people.page": (1, 0), "people.count": (1, 0)}, one
    assert sample.people


def test_readers_share_a_list_only_with_who_sees_the_same(app, sample, make_role):
    def seen(actor):
        page = people(actor, Wanted(filters={"department": str(sample.departments["Platform"])}))
        return {row.first_name: row.sees_employment for row in page.rows}, page.count

    everybody = {name: by_user(sample.users[name]) for name in ("staff", "manager", "hr")}
    reports = {(Action.VIEW, Subject.DIRECTORY): Scope.REPORTS}
    lead = act(
        "hire", values={"number": "9", "first_name": "Gus", "hired_on": today(), "manager_id": sample.people["Bo"]}
    )
    act("change_manager", employee_ids=[sample.people["Eli"]], manager_id=lead)
    everybody["reports"] = by_user(account(make_role("narrow", reports), "narrow@sample.example", lead))
    expected = {
        "staff": ({"Eli": True, "Dee": False}, 2),
        "manager": ({"Eli": True, "Dee": True}, 2),
        "hr": ({"Eli": True, "Flo": True, "Dee": True}, 3),
        "reports": ({"Eli": False}, 1),
    }
    taken(app)
    with believed(app):
        assert {name: seen(actor) for name, actor in everybody.items()} == expected
        assert taken(app) == {"people.page": (0, 4), "people.count": (0, 4)}
        assert {name: seen(actor) for name, actor in everybody.items()} == expected
        assert taken(app) == {"people.page": (4, 0), "people.count": (4, 0)}
        other = by_user(account("hr", "other@sample.example"))
        assert seen(other) == expected["hr"]
        taken(app)
        assert (seen(other), taken(app)["people.page"]) == (expected["hr"], (1, 0))


def test_every_edit_shows_at_once_in_the_rows_that_tell_of_it(app, sample):
    def row(name="Eli"):
        for _time in range(2):
            found = {person.first_name: person for person in people(operator(), Wanted()).rows}
        return found.get(name)

    eli, bo, platform, engineer = (
        sample.people["Eli"],
        sample.people["Bo"],
        sample.departments["Platform"],
        sample.roles["Engineer"],
    )
    with believed(app):
        assert (row().department, row().role, row().manager) == ("Platform", "Engineer", "Cy Müller")
        renamed = do("change_department", department_id=platform, version=1, values={"name": "Quarry"})
        assert row().department == "Quarry"
        undo(renamed)
        assert row().department == "Platform"
        act("change_role", role_id=engineer, version=1, values={"title": "Smith"})
        assert row().role == "Smith"
        act("change_employee", employee_id=sample.people["Cy"], version=1, values={"first_name": "Cyd"})
        assert row().manager == "Cyd Müller"
        moved = do("transfer", employee_ids=[eli], department_id=sample.departments["Board"], manager_id=bo)
        assert (row().department, row().manager) == ("Board", "Bo Lindqvist")
        undo(moved)
        assert (row().department, row().manager) == ("Platform", "Cyd Müller")
        act("leave", employee_ids=[eli], left_on=today())
        assert row().left_on == today()
        hired = do("hire", values={"number": "9", "first_name": "Gus", "hired_on": today()})
        assert row("Gus").number == "9"
        undo(hired)
        assert row("Gus") is None


@pytest.mark.usefixtures("sample")
def test_export_and_selection_are_not_kept(app):
    taken(app)
    for _time in range(2):
        assert list(reading.export(operator(), Wanted(), (Subject.DIRECTORY,)))
        assert reading.matching(operator(), Wanted(), 9)
    assert taken(app) == {}


def test_staff_share_the_directory_and_each_sees_their_own_employment_in_it(app, sample):
    dee = by_user(account("staff", "dee@sample.example", sample.people["Dee"]))
    eli = by_user(sample.users["staff"])
    wanted = Wanted(leaves_out_leavers=True)
    taken(app)
    with believed(app):
        for reader, outcome in ((eli, (0, 1)), (dee, (1, 0))):
            page = people(reader, wanted)
            assert taken(app) == {"people.page": outcome, "people.count": outcome}
            assert {one.first_name for one in page.rows} == {"Ada", "Bo", "Cy", "Dee", "Eli", "Hana"}
            assert [one.id for one in page.rows if one.sees_employment] == [reader.employee_id]
