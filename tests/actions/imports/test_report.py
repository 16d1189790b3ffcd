"""A staff list imported for real, from its bytes to the rows of the database."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.access.actor import operator
from app.access.grants import Action, Scope, Subject
from app.actions.imports.table import Unreadable
from app.actions.registry import Source, run
from app.changes.journal import ChangeSet, Segment
from app.core.clock import today
from app.core.problems import Forbidden
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay
from app.people.role import Role
from tests.actions.imports.importing import HEAD, STAFF, count, imported, people, person, refusals, unresolved
from tests.files import bytes_of


class TestAwkwardList:
    def test_everybody_arrives_once_and_a_second_run_changes_nothing(self, context):
        report = imported(STAFF)
        assert report["counts"] == {"new": 25, "changed": 0, "unchanged": 0, "refused": 0}
        before = [tuple(row) for row in db.session.execute(select(Employee.__table__))]
        assert len(before) == 25
        report = imported(STAFF)
        assert report["counts"] == {"new": 0, "changed": 0, "unchanged": 25, "refused": 0}
        assert [tuple(row) for row in db.session.execute(select(Employee.__table__))] == before
        assert (count(Assignment), count(Pay)) == (25, 25)

    def test_one_import_is_one_change_set_of_many_segments(self, context):
        before = db.session.scalar(select(func.max(ChangeSet.id))) or 0
        imported(STAFF)
        (made,) = db.session.scalars(select(ChangeSet).where(ChangeSet.id > before))
        counts = db.session.scalars(select(Segment.count).where(Segment.change_set_id == made.id)).all()
        assert (made.action, made.source) == ("import", "cli")
        assert len(counts) > 1
        assert sum(counts) >= 25 * 3

    def test_dry_run_writes_nothing_and_says_the_same(self, context):
        dry = imported(STAFF, is_dry_run=True)
        assert not dry["applied"]
        assert (count(Employee), count(Department), count(Role)) == (0, 0, 0)
        real = imported(STAFF)
        assert {**dry, "applied": True} == real

    def test_person_is_stored_as_the_list_means_it(self, context):
        imported(STAFF)
        quill = person("20007")
        assert (quill.first_name, quill.last_name) == ("Bastian R", "Quill")
        assert (quill.birth_date, quill.hired_on) == (date(1983, 7, 10), date(2011, 7, 5))
        assert (quill.status, quill.location, quill.left_on, quill.leaving_reason) == (Status.ACTIVE, "MA", None, None)
        assert (quill.department.name, quill.role.title) == ("Assembly", "Assembly Manager")
        assert quill.manager.number == "20001"
        pay = db.session.scalars(select(Pay).where(Pay.employee_id == quill.id)).one()
        assert (pay.amount, pay.currency, pay.period.value) == (Decimal("88210.00"), "USD", "year")
        assert (pay.valid_from, pay.valid_to) == (date(2011, 7, 5), None)
        assert person("20001").birth_date == date(1968, 5, 1)

    def test_ended_employment_has_its_end_its_reason_and_its_history(self, context):
        imported(STAFF)
        left = person("20084")
        assert (left.status, left.left_on, left.leaving_reason) == (Status.LEFT, date(2016, 6, 16), "career change")
        assert left.manager.number == "20007"
        assignment = db.session.scalars(select(Assignment).where(Assignment.employee_id == left.id)).one()
        assert (assignment.valid_from, assignment.valid_to) == (date(2015, 3, 30), date(2016, 6, 17))
        assert assignment.manager_id == left.manager_id
        assert db.session.scalars(select(Pay).where(Pay.employee_id == left.id)).one().valid_to == date(2016, 6, 17)

    def test_department_that_differs_only_in_blanks_is_one(self, context):
        report = imported(STAFF)
        assert report["departments"] == ["Board Office", "Assembly", "Lab/QA", "Sales", "Front Office"]
        assert "Test Engineer" in report["roles"]
        assert count(Department) == 5

    def test_each_unresolved_manager_is_reported(self, context):
        found = unresolved(imported(STAFF))
        assert set(found) == {
            ("Tamsin Orrin", "Board of Trustees"),
            ("Linda Petrov", "Gideon Frost"),
            ("Winifred Fairweather", "Gideon Frost"),
            ("Gideon L Thorne", "Marit Holt"),
            ("Ken Yamada", "Marit Holt"),
        }
        assert found["Ken Yamada", "Marit Holt"] == "Marit Holt has left."
        assert person("20054").manager_id is None
        assert person("20201").manager.number == "20012"

    def test_sensitive_columns_are_nowhere_in_the_database(self, context):
        report = imported(STAFF)
        assert {c["header"] for c in report["left_out"] if c["reason"] == "sensitive"} >= {
            "RaceDesc",
            "Sex",
            "CitizenDesc",
        }
        rows = (db.session.execute(select(table)).all() for table in db.metadata.sorted_tables)
        stored = repr(list(rows)).encode()
        if db.engine.dialect.name == "sqlite":
            stored += b"".join(map(bytes_of, Path(db.engine.url.database).parent.glob("*sqlite3*")))
        assert b"Quill" in stored
        for words in (b"Polka", b"Tartan", b"Zebra", b"Two or more", b"Citizen", b"Married", b"Diversity", b"Exceeds"):
            assert words not in stored

    def test_currency_that_was_assumed_is_told(self, context):
        (note,) = imported(STAFF)["notes"]
        assert "25 amounts" in note
        assert "USD" in note
        assert db.session.scalars(select(Pay.currency).distinct()).all() == ["USD"]


class TestWhoIsWho:
    def test_known_number_with_another_name_is_refused_and_nothing_overwritten(self, context):
        people("1,Ann Orr,2020-01-01,,,")
        report = people("1,Bea Quill,2021-01-01,Lab,,")
        assert "Number 1 belongs to Ann Orr here, not to Bea Quill." in refusals(report)[2]
        assert (person("1").first_name, person("1").hired_on, count(Department)) == ("Ann", date(2020, 1, 1), 0)

    @pytest.mark.parametrize("name", ["ANN ORR", "Orr, Ann", "Ann  K. Orr", "Ánn Orr"])
    def test_same_name_written_otherwise_is_the_same_person_and_keeps_it(self, context, name):
        people("1,Ann Orr,2020-01-01,,,")
        assert imported(f'{HEAD}\n1,"{name}",2020-01-01,,,')["counts"]["unchanged"] == 1
        assert (person("1").first_name, person("1").last_name) == ("Ann", "Orr")

    def test_number_is_known_whatever_its_case(self, context):
        people("e-7,Ann Orr,2020-01-01,,,")
        assert people("E-7,Ann Orr,2020-01-01,,,")["counts"]["unchanged"] == 1

    def test_list_without_numbers_is_known_again_by_email(self, context):
        head = "e-mail,name,hire date,department,role,manager"
        lines = ("ann@example.org,Ann Orr,2020-01-01,,,", "bea@example.org,Bea Quill,2020-01-01,,,Ann Orr")
        assert people(*lines, head=head)["counts"]["new"] == 2
        assert {p.number for p in db.session.scalars(select(Employee))} == {"P-000001", "P-000002"}
        assert people(*lines, head=head)["counts"]["unchanged"] == 2
        report = people("ANN@example.org,Cleo Dee,2020-01-01,,,", "c@example.org,Cleo Dee,2020-01-01,,,", head=head)
        assert "belongs to Ann Orr here, not to Cleo Dee" in refusals(report)[2]
        assert person("P-000003").first_name == "Cleo"

    def test_email_of_somebody_else_is_refused(self, context):
        head = f"{HEAD},e-mail"
        people("1,Ann Orr,2020-01-01,,,,ann@example.org", head=head)
        report = people("2,Bea Quill,2020-01-01,,,,Ann@Example.org", head=head)
        assert refusals(report) == {2: "The e-mail address belongs to Ann Orr (1)."}

    def test_second_row_with_the_same_number_or_email_is_refused(self, context):
        head = f"{HEAD},e-mail"
        report = people(
            "1,Ann Orr,2020-01-01,,,,ann@example.org",
            "1,Ann Orr,2020-01-01,,,,",
            "2,Bea Quill,2020-01-01,,,,ANN@example.org",
            ",Ann Orr,2020-01-01,,,,ann@example.org",
            head=head,
        )
        assert set(refusals(report)) == {3, 4, 5}
        assert all(
            reason == "Row 2 has the same number or e-mail address already." for reason in refusals(report).values()
        )
        again = people("1,Ann Orr,2020-01-01,,,,", ",Ann Orr,2020-01-01,,,,ann@example.org", head=head)
        assert refusals(again) == {3: "Row 2 has the same number or e-mail address already."}

    def test_row_without_number_and_email_is_refused(self, context):
        assert "neither an employee number nor an e-mail" in refusals(people(",Ann Orr,2020-01-01,,,"))[2]

    def test_names_in_any_script_arrive(self, context):
        report = people(
            "1,山田 太郎,2020-01-01,,,", "2,7,2020-01-01,,,1", "3,李,2020-01-01,,,", "4,علي محمد,2020-01-01,,,"
        )
        assert report["counts"]["new"] == 4
        assert (person("1").first_name, person("1").last_name) == ("太郎", "山田")
        assert (person("2").first_name, person("2").last_name) == ("7", "")


class TestRefused:
    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("1,Ann Orr,,Active,,,,", "no first day of work"),
            ("1,,2020-01-01,Active,,,,", "There is no name."),
            ("1,Ann Orr,31/31/20,Active,,,,", "hired: “31/31/20” is a day that doesn't exist."),
            ("1,Ann Orr,2020-01-01,Terminated,,,,", "has left, but there is no last day"),
            ("1,Ann Orr,2020-01-01,Active,2021-01-01,,,", "works here, but there is a last day"),
            ("1,Ann Orr,2020-01-01,Left,2019-12-31,,,", "last day is before the first"),
            ("1,Ann Orr,2020-01-01,Dreaming,,,,", "“Dreaming” is no status"),
            ("1,Ann Orr,2020-01-01,Active,,ann,,", "“ann” is no e-mail address"),
            ("1,Ann Orr,2020-01-01,Active,,,-5,", "“-5” is no amount"),
            ("1,Ann Orr,2020-01-01,Active,,,€5,USD", "does not fit the currency USD"),
            ("1" * 41 + ",Ann Orr,2020-01-01,Active,,,,", "number: Use at most 40 characters"),
            ("1," + "x" * 101 + ",2020-01-01,Active,,,,", "name: Use at most 100 characters"),
            ("1,Ann Orr", "2 cells where the header has 8"),
        ],
    )
    def test_row_is_refused_with_its_reason_and_its_neighbours_come_in(self, context, line, words):
        head = "number,name,hired,status,left,email,salary,currency"
        head = head.replace("left", "left on")
        report = people(line, "2,Bea Quill,2020-01-01,Active,,,,", head=head)
        assert words in refusals(report)[2]
        assert [p.number for p in db.session.scalars(select(Employee))] == ["2"]

    def test_last_day_to_come_is_refused(self, context):
        report = people(f"1,Ann Orr,2020-01-01,{today() + timedelta(days=1)}", head="number,name,hired,left on")
        assert "still to come" in refusals(report)[2]
        assert people(f"1,Ann Orr,2020-01-01,{today()}", head="number,name,hired,left on")["counts"]["new"] == 1

    def test_last_day_decides_about_an_unknown_status(self, context):
        people("1,Ann Orr,2020-01-01,Dreaming,2021-01-31", head="number,name,hired,status,left on")
        assert (person("1").status, person("1").left_on) == (Status.LEFT, date(2021, 1, 31))

    def test_missing_department_and_role_are_refused_unless_they_may_be_made(self, context):
        report = people("1,Ann Orr,2020-01-01,Lab,Chemist,", create_missing=False)
        assert "no department “Lab”" in refusals(report)[2]
        assert "no role “Chemist”" in refusals(report)[2]
        assert (count(Department), count(Role), report["departments"]) == (0, 0, [])
        assert people("1,Ann Orr,2020-01-01,Lab,Chemist,")["departments"] == ["Lab"]
        report = people("2,Bea Quill,2020-01-01, LAB ,chemist,", create_missing=False)
        assert report["counts"]["new"] == 1
        assert (count(Department), count(Role)) == (1, 1)

    def test_nothing_is_made_for_refused_rows(self, context):
        report = people("1,Ann Orr,,Lab,Chemist,")
        assert (report["departments"], report["roles"], count(Department)) == ([], [], 0)

    def test_closed_department_is_refused_for_who_works_there_but_not_for_who_did(self, context):
        values = {"name": "Lab", "closed_on": "2024-01-01"}
        run("create_department", actor=operator(), source=Source.CLI, values=values)
        report = people(
            "1,Ann Orr,2020-01-01,Lab,",
            "2,Bea Quill,2020-01-01,Lab,2021-01-01",
            head="number,name,hired,department,left on",
        )
        assert refusals(report) == {2: "Department “Lab” is closed."}
        assert person("2").department.name == "Lab"

    def test_who_has_left_here_is_not_brought_back(self, context):
        head = "number,name,hired,status,left on"
        people("1,Ann Orr,2020-01-01,Left,2021-01-31", head=head)
        assert "left on 2021-01-31" in refusals(people("1,Ann Orr,2020-01-01,Active,", head=head))[2]
        assert people("1,Ann Orr,2020-01-01,Left,", head=head)["counts"]["unchanged"] == 1

    def test_actor_without_the_rights_imports_nothing(self, context):
        actor = operator()
        grants = {**actor.grants, (Action.EDIT, Subject.COMPENSATION): Scope.SELF}
        weak = type(actor)(user_id=None, name="hr", email="", access_role="hr", grants=grants)
        with pytest.raises(Forbidden):
            imported(STAFF, actor=weak)
        assert people("1,Ann Orr,2020-01-01,,,", actor=weak)["counts"]["new"] == 1

    def test_file_without_names_is_refused_whole(self, context):
        with pytest.raises(Unreadable):
            people("1,2020-01-01", head="number,hired")
