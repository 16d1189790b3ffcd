"""What the employee row keeps by itself: keys to compare and sort by, words to be found by."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from app.extensions import db
from app.people.employee import Employee, name_key
from app.people.search import SearchWord, words_of
from tests.writing import commit

pytestmark = pytest.mark.usefixtures("context")


def saved(**values):
    """Return somebody saved."""
    person = Employee(**({"number": "A 1", "first_name": "Ada", "hired_on": date(2020, 1, 1)} | values))
    db.session.add(person)
    commit()
    return person


def words(person):
    """Return the words that find somebody."""
    return set(db.session.scalars(select(SearchWord.word).where(SearchWord.employee_id == person.id)))


def test_keys_follow_what_is_written():
    person = saved(last_name="Ångström", email="Ada@X.example")
    assert (person.number_key, person.email_key, person.name_key) == ("a 1", "ada@x.example", "angstrom ada")
    person.email, person.first_name = None, "Éva"
    assert (person.email_key, person.name_key) == (None, "angstrom eva")
    assert person.name == "Éva Ångström"


def test_who_has_one_name_is_sorted_by_it():
    person = saved(first_name="Cher")
    assert (person.name, person.name_key) == ("Cher", "cher")


def test_keys_fit_their_columns_whatever_a_letter_becomes():
    person = saved(number="ﷺ" * 40, first_name="ﷺ" * 100, last_name="ﷺ" * 100, email="ﷺ" * 120 + "@ﷺ")
    assert {len(person.number_key), len(person.name_key), len(person.email_key)} == {255}
    assert words(person)
    assert name_key(None, None) == ""


def test_words_follow_the_fields_people_are_found_by():
    person = saved(last_name="O'Hara", email="ada.o@x.example", phone="+999 1")
    assert words(person) == {"a", "1", "ada", "o", "hara", "ohara", "ada.o@x.example", "adao", "999"}
    person.location, person.notes = "Oslo", "secret"
    commit()
    assert "oslo" not in words(person)
    person.last_name, person.email = "Brown", None
    commit()
    assert words(person) == {"a", "1", "ada", "brown", "999"}


def test_words_go_with_the_person():
    person = saved()
    db.session.delete(person)
    commit()
    assert db.session.scalars(select(SearchWord.word)).all() == []


def test_domain_of_an_address_finds_nobody():
    assert words_of({"email": "ada.lovelace@company.example"}) == {
        "ada.lovelace@company.example",
        "ada",
        "lovelace",
        "adalovelace",
    }
    assert words_of({"email": None, "number": ""}) == set()


def test_hundred_characters_without_spaces_are_found_by_every_tail():
    person = saved(first_name="山" * 99 + "田")
    assert {"田", "山田"} <= words(person)
