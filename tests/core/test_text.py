"""Text made comparable: keys, sort keys, and the words people are found by."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import text

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ADA"),
        ("Ada  Okafor ", " ada\tokafor"),
        ("Ｂｏ１", "bo1"),
        ("Straße", "STRASSE"),
        ("e\u0301", "É"),
        ("ﬁn", "FIN"),
        ("a\u00a0b", "a b"),
    ],
)
def test_what_people_take_for_the_same_words_has_one_key(one, other):
    assert text.key(one) == text.key(other)


@pytest.mark.parametrize(("one", "other"), [("Muller", "Müller"), ("1", "01"), ("a b", "ab"), ("o'hara", "ohara")])
def test_what_differs_has_another_key(one, other):
    assert text.key(one) != text.key(other)


def test_accents_do_not_count_when_sorting():
    assert sorted(["Zoe", "Émile", "Eva", "Åsa"], key=text.sort_key) == ["Åsa", "Émile", "Eva", "Zoe"]


@given(NAMES)
def test_a_key_is_its_own_key_and_can_be_stored(name):
    key = text.key(name)
    assert text.key(key) == key
    assert not text.UNSTORABLE.search(key)


@given(st.text())
def test_any_text_has_a_key_that_every_engine_takes(typed):
    assert not text.UNSTORABLE.search(text.key(typed))
    text.key(typed).encode()


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        (None, None),
        ("", None),
        (" \t\n ", None),
        ("\x00\x07", None),
        (" a\x00b ", "ab"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("half \ud83d", "half"),
        ("山田 花子", "山田 花子"),
    ],
)
def test_tidied_text_has_no_control_characters_and_keeps_its_lines(given_text, kept):
    assert text.tidy(given_text) == kept


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("O'Hara", {"o", "hara", "ohara"}),
        ("O’Hara", {"o", "hara", "ohara"}),
        ("Jean-Luc Müller", {"jean", "luc", "jeanluc", "muller"}),
        ("山田", {"山田", "田"}),
        ("D_1", {"d", "1", "d1"}),
        ("%", set()),
    ],
)
def test_a_name_is_found_by_its_parts(name, words):
    assert text.words(name) == words


def test_words_fit_their_column():
    assert {len(word) for word in text.words("x" * 100)} == {text.LONGEST_WORD}


@given(NAMES)
@settings(max_examples=300)
def test_everybody_is_found_by_their_name_as_it_is_written(name):
    words = text.words(name)
    assert all(any(word.startswith(term) for word in words) for term in text.terms(name) if "@" not in term)


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", []),
        ("  %_'\" ", []),
        ("Ada Okafor ada", ["ada", "okafor"]),
        ("O'HARA", ["o", "hara"]),
        ("Ada@Sample.example", ["ada@sample.example"]),
        ("@sample", ["sample"]),
    ],
)
def test_a_search_asks_for_each_word_once(typed, terms):
    assert text.terms(typed) == terms


def test_a_search_of_a_thousand_words_asks_for_eight():
    assert len(text.terms(" ".join(f"w{i}" for i in range(1000)))) == 8
