import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.actions.imports.names import Name, is_same_person, short_key, split_name, whole_key
from app.actions.imports.values import clean
from app.actions.imports.vocabulary import normalised


@pytest.mark.parametrize(
    ("cell", "first", "last"),
    [
        ("Orrin, Tamsin", "Tamsin", "Orrin"),
        ("Quill, Bastian  R", "Bastian R", "Quill"),
        ("Ngata,Wiremu", "Wiremu", "Ngata"),
        ("Del Rio, Jacinta   ", "Jacinta", "Del Rio"),
        ("Leigh Ann Smith", "Leigh Ann", "Smith"),
        ("Bastian R. Quill", "Bastian R.", "Quill"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Joost van der Meer", "Joost", "van der Meer"),
        ("John Smith Jr.", "John", "Smith Jr."),
        ("Smith, Jr., John", "John", "Smith Jr."),
        ("Smith, John, III", "John", "Smith III"),
        ("Madonna", "Madonna", ""),
        ("Suharto,", "Suharto", ""),
        ("X Æ A-12", "X Æ", "A-12"),
        ("山田 太郎", "太郎", "山田"),
        ("李小龙", "李小龙", ""),
        ("Иванова, Анна Петровна", "Анна Петровна", "Иванова"),
        ("محمد، علي", "علي", "محمد"),
        ("7", "7", ""),
        ("Van", "Van", ""),
        ("Van Nguyen", "Van", "Nguyen"),
        ("Null", "Null", ""),
        ("", "", ""),
        (" , ", "", ""),
        ("n/a", "", ""),
    ],
)
def test_name_is_taken_apart(cell, first, last):
    assert split_name(cell) == Name(first, last)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Name("Tamsin", "Orrin"), Name("TAMSIN", "orrin")),
        (Name("Åsa", "Lindqvist"), Name("Asa", "Lindqvist")),
        (Name("Łukasz", "Groß"), Name("Lukasz", "Gross")),
        (Name("Bastian R", "Quill"), Name("Bastian", "Quill")),
        (Name("Bastian R.", "Quill"), Name("Bastian Robert", "Quill")),
        (Name("Jacinta", "Del Rio"), Name("Jacinta Del", "Rio")),
        (Name("Fintan", "O'Leary"), Name("Fintan", "O’Leary")),
        (Name("Anne-Marie", "Orr"), Name("Anne Marie", "Orr")),
        (Name("Suharto", ""), Name("", "Suharto")),
    ],
)
def test_same_person_is_recognised(one, other):
    assert is_same_person(one, other)
    assert is_same_person(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Name("Tamsin", "Orrin"), Name("Tamsin", "Quill")),
        (Name("Joe", "Smith"), Name("Josephine", "Smith")),
        (Name("J", "Smith"), Name("Joe", "Smith")),
        (Name("Bastian R", "Quill"), Name("Bastian K", "Quill")),
        (Name("Tamsin", "Orrin"), Name("Orrin", "Tamsin")),
        (Name("Tamsin", ""), Name("Tamsin", "Orrin")),
        (Name("", ""), Name("", "")),
        (Name("山", "田"), Name("田", "山")),
    ],
)
def test_another_person_is_not_taken_for_them(one, other):
    assert not is_same_person(one, other)
    assert not is_same_person(other, one)


def test_keys_agree_however_the_name_is_written():
    assert whole_key(split_name("LeBlanc, Brandon  R")) == whole_key(split_name("Brandon R. LeBlanc"))
    assert short_key(split_name("LeBlanc, Brandon  R")) == short_key(split_name("Brandon LeBlanc")) == "brandon leblanc"


@given(st.text(), st.text())
def test_comparison_takes_any_text_and_is_symmetrical(one, other):
    first, second = split_name(one), split_name(other)
    assert is_same_person(first, second) == is_same_person(second, first)
    assert is_same_person(first, first) == bool(whole_key(first))


@given(
    st.text(st.characters(categories=["L", "M"]), min_size=1), st.text(st.characters(categories=["L", "M"]), min_size=1)
)
def test_last_first_with_any_letters_is_taken_apart_at_the_comma(last, first):
    last, first = clean(last), clean(first)
    assume(
        first and last and normalised(first) not in ("jr", "sr", "ii", "iii", "iv", "esq", "phd", "md", "dds", "cpa")
    )
    assert split_name(f"{last}, {first} ") == Name(first, last)
