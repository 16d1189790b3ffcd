"""Names for made-up people: put together from common given and family names of a culture."""

from __future__ import annotations

import unicodedata
from random import Random
from typing import NamedTuple

from app.actions.demo.names_latin import LATIN
from app.actions.demo.names_scripts import SCRIPTS

NATIVE_SHARE = 0.65
DOUBLE_SHARE = 0.2
# What joins two family names where people carry two; elsewhere nobody does.
JOINTS = {"spanish": " ", "portuguese": " "} | dict.fromkeys(
    ("english", "irish", "german", "french", "dutch", "polish", "czech", "nordic", "finnish", "hungarian", "croatian"),
    "-",
)
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ə": "e"}
)


class Word(NamedTuple):
    """A name as it is written, and what stands for it in an e-mail address (ASCII letters)."""

    written: str
    latin: str
    address: str


class Culture(NamedTuple):
    """Names that go together; `joint` is what stands between two family names, empty where people have one."""

    given: tuple[Word, ...]
    family: tuple[Word, ...]
    is_latin: bool
    joint: str


class Name(NamedTuple):
    """A person's name in one script, and the local part of an address that goes with it."""

    first: str
    last: str
    address: str


def ascii_letters(text: str) -> str:
    """Return `text` in small ASCII letters without accents, spaces and signs; other scripts vanish."""
    decomposed = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return "".join(c for c in decomposed if "a" <= c <= "z")


def _latin_words(names: str) -> tuple[Word, ...]:
    written = (name.replace("_", " ") for name in names.split())
    return tuple(Word(name, name, ascii_letters(name)) for name in written)


def _script_words(names: str) -> tuple[Word, ...]:
    pairs = (pair.replace("_", " ").split(":") for pair in names.split())
    return tuple(Word(written, latin, ascii_letters(latin)) for written, latin in pairs)


def _cultures() -> dict[str, Culture]:
    latin = {
        name: Culture(_latin_words(given), _latin_words(family), True, JOINTS.get(name, ""))
        for name, (given, family) in LATIN.items()
    }
    scripts = {
        name: Culture(_script_words(given), _script_words(family), False, "")
        for name, (given, family) in SCRIPTS.items()
    }
    return latin | scripts


CULTURES = _cultures()
EVERYWHERE = tuple(CULTURES.values())


def make_name(rng: Random, culture: Culture) -> Name:
    """Return a name of this culture; people of other scripts write it in theirs more often than in Latin letters."""
    draw = rng.random
    given = culture.given[int(draw() * len(culture.given))]
    family = culture.family[int(draw() * len(culture.family))]
    address = f"{given.address}.{family.address}"
    if not culture.is_latin:
        if draw() < NATIVE_SHARE:
            return Name(given.written, family.written, address)
        return Name(given.latin, family.latin, address)
    if not culture.joint or draw() >= DOUBLE_SHARE:
        return Name(given.written, family.written, address)
    second = culture.family[int(draw() * len(culture.family))]
    if second is family or "-" in family.written + second.written:
        return Name(given.written, family.written, address)
    return Name(given.written, f"{family.written}{culture.joint}{second.written}", address)
