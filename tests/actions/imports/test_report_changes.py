"""A staff list imported again: what changed, who manages whom, and large files in segments."""

from datetime import date

import pytest
from sqlalchemy import event, func, select

from app.actions.imports import apply
from app.actions.registry import run
from app.core.clock import today
from app.core.problems import Forbidden
from app.extensions import db
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay
from tests.actions.imports.importing import count, people, person, refusals, unresolved


@pytest.fixture
def statements(context):
    """The SQL statements since the fixture, as a list that grows."""
    found = []

    def note(_connection, _cursor, sql, *_rest):
        found.append(sql)

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


class TestChanges:
    HEAD = "number,name,hired,department,role,location,phone,salary,currency"

    def test_change_is_told_field_by_field_and_its_history_kept(self, context):
        people("1,Ann Orr,2020-01-01,Lab,Chemist,Ulm,1,50000,EUR", head=self.HEAD)
        report = people("1,Ann Orr,2020-01-01,Sales,Chemist,Bonn,1,55000,EUR", head=self.HEAD)
        (row,) = report["rows"]
        assert row["outcome"] == "changed"
        assert row["changes"] == {
            "location": ["Ulm", "Bonn"],
            "department": ["Lab", "Sales"],
            "pay": ["50000.00 EUR/year", "55000.00 EUR/year"],
        }
        jobs = db.session.scalars(select(Assignment).order_by(Assignment.valid_from)).all()
        assert [(job.department.name, job.valid_from, job.valid_to) for job in jobs] == [
            ("Lab", date(2020, 1, 1), today()),
            ("Sales", today(), None),
        ]
        pays = db.session.scalars(select(Pay).order_by(Pay.valid_from)).all()
        assert [(int(pay.amount), pay.valid_to) for pay in pays] == [(50000, today()), (55000, None)]
        assert people("1,Ann Orr,2020-01-01,Sales,Chemist,Bonn,1,55000,EUR", head=self.HEAD)["counts"]["unchanged"] == 1

    def test_blank_cell_erases_nothing(self, context):
        people("1,Ann Orr,2020-01-01,Lab,Chemist,Ulm,1,50000,EUR", head=self.HEAD)
        assert people("1,Ann Orr,,,,-,,,", head=self.HEAD)["counts"]["unchanged"] == 1
        assert (person("1").location, person("1").department.name) == ("Ulm", "Lab")

    def test_what_was_not_known_before_holds_from_the_beginning(self, context):
        people("1,Ann Orr,2020-01-01,,,,,,", head=self.HEAD)
        people("1,Ann Orr,2020-01-01,Lab,,,,50000,", head=self.HEAD)
        assert db.session.scalars(select(Assignment)).one().department.name == "Lab"
        assert db.session.scalars(select(Pay)).one().valid_from == date(2020, 1, 1)

    def test_amount_without_currency_stays_in_the_one_it_is_paid_in(self, context):
        people("1,Ann Orr,2020-01-01,,,,,50000,EUR", head=self.HEAD)
        assert people("1,Ann Orr,2020-01-01,,,,,50000,", head=self.HEAD)["counts"]["unchanged"] == 1
        report = people("1,Ann Orr,2020-01-01,,,,,50000,", head=self.HEAD, currency="CHF")
        assert report["rows"][0]["changes"]["pay"] == ["50000.00 EUR/year", "50000.00 CHF/year"]

    def test_who_left_keeps_their_place_and_their_reports_move_in_the_same_import(self, context):
        head = "number,name,hired,manager,left on"
        people("1,Ann Orr,2020-01-01,,", "2,Bea Quill,2020-01-01,Ann Orr,", "3,Cleo Dee,2020-01-01,,", head=head)
        report = people("1,Ann Orr,2020-01-01,,2024-05-31", "2,Bea Quill,2020-01-01,Cleo Dee,", head=head)
        assert report["counts"]["changed"] == 2
        assert person("1").status is Status.LEFT
        assert person("2").manager.number == "3"

    def test_who_leaves_reports_behind_is_refused_and_so_is_who_waits_for_that(self, context):
        head = "number,name,hired,manager,left on"
        chain = ("1,Ann Orr,2020-01-01,,", "2,Bea Quill,2020-01-01,Ann Orr,", "3,Cleo Dee,2020-01-01,Bea Quill,")
        people(*chain, head=head)
        lines = ("1,Ann Orr,2020-01-01,,2024-05-31", "2,Bea Quill,2020-01-01,,2024-05-31")
        for is_dry_run in (True, False):
            report = people(*lines, head=head, is_dry_run=is_dry_run)
            assert refusals(report) == {
                2: "1 person still reports to them: name another manager for that person.",
                3: "1 person still reports to them: name another manager for that person.",
            }
        lines += ("3,Cleo Dee,2020-01-01,,2024-05-31",)
        assert people(*lines, head=head)["counts"]["changed"] == 3


class TestManagers:
    HEAD = "number,name,hired,manager,manager id,left on"

    def link(self, *lines, **options):
        return people(*lines, head=self.HEAD, **options)

    def test_number_links_when_the_name_agrees(self, context):
        self.link(
            "1,Ann Orr,2020-01-01,,,",
            "2,Ann Orr,2020-01-01,,,",
            '3,Bea Quill,2020-01-01,"Orr, Ann",2,',
            is_dry_run=False,
        )
        assert person("3").manager.number == "2"

    def test_number_of_somebody_with_another_name_is_no_number_of_an_employee(self, context):
        self.link("1,Ann Orr,2020-01-01,,,", "2,Cleo Dee,2020-01-01,,,", "3,Bea Quill,2020-01-01,Ann Orr,2,")
        assert person("3").manager.number == "1"
        report = self.link("4,Dan Fox,2020-01-01,Nobody Known,2,")
        assert unresolved(report) == {("Dan Fox", "Nobody Known"): "Nobody of this name is in the file or here."}

    def test_number_alone_links_only_where_such_numbers_are_those_of_employees(self, context):
        self.link("1,Ann Orr,2020-01-01,,,", "2,Bea Quill,2020-01-01,,1,")
        assert person("2").manager.number == "1"
        report = self.link("12,Cleo Dee,2020-01-01,,1,", "13,Dan Fox,2020-01-01,,77,", "14,Eve Gray,2020-01-01,,78,")
        assert len(report["unresolved"]) == 3
        assert person("12").manager_id is None

    def test_name_of_several_people_is_ambiguous_in_file_and_database_together(self, context):
        self.link("1,Ann Orr,2020-01-01,,,")
        report = self.link("2,Ann Orr,2020-01-01,,,", "3,Bea Quill,2020-01-01,Ann Orr,,")
        assert unresolved(report) == {("Bea Quill", "Ann Orr"): "Several people have this name: 1, 2."}
        assert person("3").manager_id is None

    def test_exact_name_goes_before_a_similar_one(self, context):
        self.link("1,Ann Orr,2020-01-01,,,", "2,Ann K Orr,2020-01-01,,,", "3,Bea Quill,2020-01-01,Ann K. Orr,,")
        assert person("3").manager.number == "2"

    @pytest.mark.parametrize("name", ["Ann Orr", '"Orr, Ann"', "ann k. orr", "Ánn Orr"])
    def test_manager_who_is_only_in_the_database_is_found_by_name(self, context, name):
        self.link("1,Ann Orr,2020-01-01,,,")
        self.link(f"2,Bea Quill,2020-01-01,{name},,")
        assert person("2").manager.number == "1"

    def test_family_name_of_several_words_is_found(self, context):
        self.link('1,"van der Meer, Jo Anne",2020-01-01,,,', '2,"Ait Sidi, Karim",2020-01-01,,,')
        self.link("3,Bea Quill,2020-01-01,Jo Anne van der Meer,,", "4,Cleo Dee,2020-01-01,Karim Ait Sidi,,")
        assert (person("3").manager.number, person("4").manager.number) == ("1", "2")

    def test_nobody_is_their_own_manager(self, context):
        assert unresolved(self.link("1,Ann Orr,2020-01-01,Ann Orr,,")) == {
            ("Ann Orr", "Ann Orr"): "Nobody is their own manager."
        }

    def test_circle_is_opened_at_its_last_row_and_stays_so(self, context):
        lines = (
            "1,Ann Orr,2020-01-01,Cleo Dee,,",
            "2,Bea Quill,2020-01-01,Ann Orr,,",
            "3,Cleo Dee,2020-01-01,Bea Quill,,",
        )
        report = self.link(*lines)
        assert {one["row"] for one in report["unresolved"]} == {4}
        assert (person("1").manager.number, person("2").manager.number, person("3").manager_id) == ("3", "1", None)
        again = self.link(*lines)
        assert again["counts"]["unchanged"] == 3
        assert again["unresolved"] == report["unresolved"]

    def test_upside_down_hierarchy_is_turned_in_one_import(self, context):
        old = ("1,Ann Orr,2020-01-01,,,", "2,Bea Quill,2020-01-01,Ann Orr,,", "3,Cleo Dee,2020-01-01,Bea Quill,,")
        self.link(*old, "4,Dan Fox,2020-01-01,,,")
        new = (
            "1,Ann Orr,2020-01-01,Bea Quill,,",
            "2,Bea Quill,2020-01-01,Cleo Dee,,",
            "3,Cleo Dee,2020-01-01,Dan Fox,,",
        )
        assert self.link(*new)["unresolved"] == []
        assert [person(number).manager.number for number in "123"] == ["2", "3", "4"]

    def test_circle_with_managers_who_stay_is_seen_beforehand(self, context):
        old = ("1,Ann Orr,2020-01-01,,,", "2,Bea Quill,2020-01-01,Ann Orr,,", "3,Cleo Dee,2020-01-01,Bea Quill,,")
        self.link(*old)
        new = ("1,Ann Orr,2020-01-01,Bea Quill,,", "2,Bea Quill,2020-01-01,Cleo Dee,,", "3,Cleo Dee,2020-01-01,,,")
        dry = self.link(*new, is_dry_run=True)
        assert {one["row"] for one in dry["unresolved"]} == {2, 3}
        assert self.link(*new)["unresolved"] == dry["unresolved"]
        assert [p.manager_id for p in (person("1"), person("2"))] == [None, person("1").id]

    def test_who_leaves_gets_the_manager_they_had_though_that_one_has_left_too(self, context):
        self.link("1,Ann Orr,2020-01-01,,,", "2,Bea Quill,2020-01-01,,,", "3,Cleo Dee,2020-01-01,Bea Quill,,")
        lines = ("3,Cleo Dee,2020-01-01,Ann Orr,,2024-02-01", "1,Ann Orr,2020-01-01,,,2024-01-01")
        assert self.link(*lines)["unresolved"] == []
        assert person("3").manager.number == "1"
        assert self.link(*lines)["counts"]["unchanged"] == 2

    def test_leaver_manages_nobody_who_works_here_but_stays_in_a_leavers_history(self, context):
        report = self.link(
            "1,Ann Orr,2020-01-01,,,2021-01-01",
            "2,Bea Quill,2020-01-01,Ann Orr,,",
            "3,Cleo Dee,2020-01-01,Ann Orr,,2020-06-30",
        )
        assert unresolved(report) == {("Bea Quill", "Ann Orr"): "Ann Orr has left."}
        assert person("3").manager.number == "1"

    def test_refused_person_manages_nobody(self, context):
        report = self.link("1,Ann Orr,,,,", "2,Bea Quill,2020-01-01,Ann Orr,,")
        assert unresolved(report) == {("Bea Quill", "Ann Orr"): "Nobody of this name is in the file or here."}

    def test_new_manager_is_a_change_from_today(self, context):
        self.link("1,Ann Orr,2020-01-01,,,", "2,Bea Quill,2020-01-01,Ann Orr,,", "3,Cleo Dee,2020-01-01,,,")
        report = self.link("2,Bea Quill,2020-01-01,Cleo Dee,,")
        assert report["rows"][0]["changes"] == {"manager": ["Ann Orr", "Cleo Dee"]}
        jobs = db.session.scalars(
            select(Assignment).where(Assignment.employee_id == person("2").id).order_by(Assignment.id)
        ).all()
        assert [(job.manager.number, job.valid_to) for job in jobs] == [("1", today()), ("3", None)]


class TestSegments:
    def lines(self, number):
        return [f"{i},Ann{i} Orr,2020-01-01,Lab,Chemist,{'Ann0 Orr' if i else ''}" for i in range(number)]

    def test_rows_go_in_segments_and_managers_across_them(self, context, monkeypatch):
        monkeypatch.setattr(apply, "SEGMENT", 10)
        assert people(*self.lines(35))["counts"]["new"] == 35
        assert db.session.scalar(select(func.count()).where(Employee.manager_id.is_not(None))) == 34

    def test_comparing_takes_the_same_few_statements_for_more_rows(self, context, statements):
        people(*self.lines(350))
        statements.clear()
        people(*self.lines(3))
        few = len(statements)
        statements.clear()
        assert people(*self.lines(350))["counts"]["unchanged"] == 350
        assert len(statements) == few

    def test_row_that_a_rule_refuses_late_leaves_its_segment_whole(self, context, monkeypatch):
        """Between the comparison and the writing somebody else takes a number and changes a person."""
        people("1,Ann Orr,2020-01-01,,,")
        apply_plan = apply.apply_plan

        def meanwhile(actor, source, plan):
            values = {"number": "3", "first_name": "Zoe", "hired_on": "2020-01-01"}
            run("hire", actor=actor, source=source, values=values)
            ann = person("1")
            arguments = {"employee_id": ann.id, "version": ann.version, "values": {"phone": "5"}}
            run("change_employee", actor=actor, source=source, **arguments)
            return apply_plan(actor, source, plan)

        monkeypatch.setattr("app.actions.imports.report.apply_plan", meanwhile)
        report = people(
            "1,Ann Orr,2021-01-01,,,",
            "2,Bea Quill,2020-01-01,,,",
            "3,Cleo Dee,2020-01-01,,,Ann Orr",
            "4,Dan Fox,2020-01-01,,,",
        )
        assert set(refusals(report)) == {2, 4}
        assert "Somebody else changed this record" in refusals(report)[2]
        assert refusals(report)[4] == "Another employee has this number."
        assert report["counts"] == {"new": 2, "changed": 0, "unchanged": 0, "refused": 2}
        assert (person("1").hired_on, person("3").first_name) == (date(2020, 1, 1), "Zoe")
        assert {p.number for p in db.session.scalars(select(Employee))} == {"1", "2", "3", "4"}

    def test_database_that_stops_half_way_is_told_and_the_next_run_goes_on(self, context, monkeypatch):
        monkeypatch.setattr(apply, "SEGMENT", 10)
        run_, calls = apply.run, []

        def failing(name, **arguments):
            calls.append(name)
            if calls.count("import_people") == 3:
                raise Forbidden()
            return run_(name, **arguments)

        monkeypatch.setattr(apply, "run", failing)
        report = people(*self.lines(35))
        assert report["stopped"] == "You don’t have the right to do this."
        assert report["counts"] == {"new": 20, "changed": 0, "unchanged": 0, "refused": 15}
        assert count(Employee) == 20
        monkeypatch.setattr(apply, "run", run_)
        assert people(*self.lines(35))["counts"] == {"new": 15, "changed": 19, "unchanged": 1, "refused": 0}
        assert people(*self.lines(35))["counts"]["unchanged"] == 35
