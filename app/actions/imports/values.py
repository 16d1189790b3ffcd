"""What stands in a cell: cleaned text, words for status and kind of employment, shares of full time."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from flask_babel import gettext as _

from app.actions.imports.vocabulary import EMPLOYMENT_TYPES, STATUSES, meanings, normalised
from app.core.problems import Problem


class Refused(Problem):
    """A cell that can't be taken; the message is a sentence that names it and says what is expected."""


_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e"))
_BREAKS = re.compile(r"\r\n?|\u2028|\u2029")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")

# What systems write for “nothing”. The second only counts where a word is expected: Na, Null and None are surnames.
_NOTHING = re.compile(r"[-–—]*|#?n/a|#ref!|#value!|\((?:blank|none|null)\)|<null>|\\n", re.IGNORECASE)
_NO_WORD = re.compile(
    r"na|n\.a\.?|null|none|nil|nan|nat|tbd|not applicable|(?:n/a)?[ -]*still ?employed", re.IGNORECASE
)
_STATUSES = meanings(STATUSES)
_TYPES = meanings(EMPLOYMENT_TYPES)


def clean(cell: str) -> str:
    """Return a cell on one line: composed letters, no invisible ones, single spaces."""
    return " ".join(_visible(cell).split())


def clean_lines(cell: str) -> str:
    """Return a cell that may have several lines, each of them clean, without blank lines at its ends."""
    lines = _BREAKS.sub("\n", _visible(cell)).split("\n")
    return "\n".join(" ".join(line.split()) for line in lines).strip("\n")


def text(cell: str) -> str:
    """Return the cell clean, empty where it only says that there is nothing: “-”, “N/A”, “#N/A”."""
    found = clean(cell)
    return "" if _NOTHING.fullmatch(found) else found


def word(cell: str) -> str:
    """Return the cell clean, empty where `text` would be and for “null”, “none”, “still employed”."""
    found = text(cell)
    return "" if _NO_WORD.fullmatch(found) else found


def number(cell: str) -> str:
    """Return an employee number; a spreadsheet's “10026.0” is 10026."""
    return re.sub(r"(?<=\d)\.0$", "", word(cell))


def email(cell: str) -> str:
    """Return an e-mail address, or empty. Raises `Refused` for what can't be one."""
    found = word(cell).removeprefix("mailto:")
    if found and not _EMAIL.fullmatch(found):
        raise Refused(_("“%(cell)s” is no e-mail address.", cell=shown(cell)))
    return found


def status(cell: str) -> str:
    """Return active, on_leave, left or empty for a word that says so. Raises `Refused` for any other."""
    return _known(cell, _STATUSES, _("“%(cell)s” is no status: use active, on leave or left.", cell=shown(cell)))


def employment_type(cell: str) -> str:
    """Return permanent, fixed_term, intern, contractor or empty. Raises `Refused` for any other word."""
    reason = _(
        "“%(cell)s” is no kind of employment: use permanent, fixed term, intern or contractor.", cell=shown(cell)
    )
    return _known(cell, _TYPES, reason)


def fte(cell: str) -> Decimal | None:
    """Return the share of full time above 0 and at most 1.5, to three places, from “0.5”, “0,5”, “50 %” or “100”.

    Raises `Refused` for anything else: 37.5 could be hours or per cent.
    """
    found = word(cell).replace(" ", "").replace(",", ".")
    if not found:
        return None
    digits = found.rstrip("%٪％")
    share = Decimal(digits) if re.fullmatch(r"\d{1,3}(\.\d{1,6})?", digits, re.ASCII) else Decimal(0)
    if digits != found or share == 100:
        share /= 100
    share = share.quantize(Decimal("0.001"))
    if not 0 < share <= Decimal("1.5"):
        raise Refused(_("“%(cell)s” is no share of full time: write it as 0.5 or 50 %%.", cell=shown(cell)))
    return share


def shown(cell: str) -> str:
    """Return a cell short enough to stand in a sentence."""
    found = clean(cell)
    return found if len(found) <= 60 else f"{found[:59]}…"


def _visible(cell: str) -> str:
    """Return `cell` composed, its control characters as spaces, without marks that nobody sees.

    The joiners U+200C and U+200D stay: names in Persian and in Indic scripts need them.
    """
    composed = unicodedata.normalize("NFC", cell).translate(_INVISIBLE)
    return "".join(" " if unicodedata.category(char) == "Cc" and char not in "\n\r" else char for char in composed)


def _known(cell: str, words: dict[str, str], reason: str) -> str:
    found = word(cell)
    if not found:
        return ""
    if normalised(found) not in words:
        raise Refused(reason)
    return words[normalised(found)]
