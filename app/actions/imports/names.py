"""People's names in staff lists: taken apart, and compared without caring for case, accents and middle initials."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from app.actions.imports.values import clean, text
from app.actions.imports.vocabulary import listed, normalised

_COMMAS = re.compile(r"[,，、،]")
_PARTICLES = listed(
    "lower: af, al, ap, at, ben, bin, bint, da, dal, das, de, degli, dei, del, della, den, der, di, do, dos, du, e, el,"
    " ibn, la, las, le, los, mac, op, santa, ten, ter, van, vom, von, y, zu, zum, zur"
)["lower"]
_SUFFIXES = listed("upper: jr, sr, II, III, IV, Esq, PhD, MD, DDS, CPA")["upper"]
# Letters that have no decomposition, as they are written where the keyboard doesn't have them.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})


class Name(NamedTuple):
    """A person's given names and family name; the family name is empty where there is only one name."""

    first: str
    last: str

    @property
    def whole(self) -> str:
        """The name as it is said: given names first."""
        return f"{self.first} {self.last}".strip()


def split_name(cell: str) -> Name:
    """Return the name in “Last, First”, “First Last” or a single word; empty where the cell says nothing.

    Without a comma the last word is the family name, together with what belongs to it: “van Beethoven”, “Smith Jr.”.
    Names of two words in Chinese, Japanese or Korean script have the family name first.
    """
    whole = text(cell).strip(" ,，、،")
    parts = [clean(part) for part in _COMMAS.split(whole)]
    parts = [part for part in parts if part]
    if not parts:
        return Name("", "")
    suffixes = [part for part in parts[1:] if normalised(part) in _SUFFIXES]
    parts = [parts[0], *(part for part in parts[1:] if normalised(part) not in _SUFFIXES)]
    name = Name(" ".join(parts[1:]), parts[0]) if len(parts) > 1 else _split_words(parts[0].split())
    return Name(name.first, " ".join([name.last, *suffixes]).strip())


def _split_words(words: list[str]) -> Name:
    if len(words) == 1:
        return Name(words[0], "")
    if len(words) == 2 and all(_is_east_asian(word) for word in words):
        return Name(words[1], words[0])
    start = len(words) - 1
    while start > 1 and normalised(words[start]) in _SUFFIXES:
        start -= 1
    while start > 1 and normalised(words[start - 1]) in _PARTICLES:
        start -= 1
    return Name(" ".join(words[:start]), " ".join(words[start:]))


def name_words(text_: str) -> list[str]:
    """Return the words of a name for comparison: no case, no accents, no full stops; a hyphen parts two words."""
    folded = unicodedata.normalize("NFKD", text_.casefold().translate(_LETTERS)).casefold()
    kept = "".join(
        " " if char.isspace() or unicodedata.category(char) == "Pd" else char
        for char in folded
        if char.isspace() or unicodedata.category(char)[0] in "LN" or unicodedata.category(char) in ("Mc", "Pd")
    )
    return kept.split()


def whole_key(name: Name) -> str:
    """Return all words of a name in one text, the same for “Le Blanc, Ann  R” and “Ann R. Le Blanc”."""
    return " ".join(name_words(name.whole))


def short_key(name: Name) -> str:
    """Return first given name and family name in one text, the same with and without middle names."""
    return " ".join([*name_words(name.first)[:1], *name_words(name.last)])


def is_same_person(one: Name, other: Name) -> bool:
    """Tell whether two names are clearly one person's.

    The same words in the same order are, wherever the family name is thought to begin. Otherwise the family name and
    the first given name have to agree, and middle names may be missing or shortened on one side but never differ.
    """
    if whole_key(one) == whole_key(other) != "":
        return True
    mine, theirs = name_words(one.first), name_words(other.first)
    if name_words(one.last) != name_words(other.last) or not mine or not theirs or mine[0] != theirs[0]:
        return False
    return all(
        a == b or (min(len(a), len(b)) == 1 and a[0] == b[0]) for a, b in zip(mine[1:], theirs[1:], strict=False)
    )


def _is_east_asian(word: str) -> bool:
    return all(unicodedata.name(char, "").startswith(("CJK", "HANGUL", "HIRAGANA", "KATAKANA")) for char in word)
