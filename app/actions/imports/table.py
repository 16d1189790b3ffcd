"""Delimited text as people really send it: bytes in, a header and rows out.

Nothing here knows what the columns mean. What can't be read at all is an `Unreadable` with one sentence; a row that
is broken by itself comes back with its `problem`, and the rows around it are untouched.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from flask_babel import gettext as _

from app.core.problems import Problem

MAX_BYTES = 64 * 1024 * 1024
MAX_ROWS = 200_000

SEPARATORS = (",", ";", "\t", "|")
_HINT = re.compile(r"sep=([,;\t|])[ \t]*(?:\r\n|\n|\r)", re.IGNORECASE)
_RISKY = "=+@-\t\r＝＋－＠"
_GUARDED = re.compile(rf"'+\s*[{re.escape(_RISKY)}]")
_TO_GUARD = re.compile(rf"'*\s*[{re.escape(_RISKY)}]")
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x19\x1b-\x1f]")
_SIGNATURES = (
    (b"PK\x03\x04", "workbook"),
    (b"\xd0\xcf\x11\xe0", "workbook"),
    (b"%PDF", "binary"),
    (b"\x1f\x8b", "binary"),
)


class Unreadable(Problem):
    """A file that can't be read as a table; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its number as a spreadsheet shows it (the header is usually 1), its cells, what is wrong with it."""

    number: int
    cells: list[str]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A header and the text below it; the rows are parsed each time they are asked for, so they need no memory."""

    header: list[str]
    header_row: int
    separator: str
    encoding: str
    text: str

    def rows(self) -> Iterator[Row]:
        """Yield the records below the header, without blank lines.

        A record with fewer or more cells than the header has a `problem`; empty surplus cells are no harm. Raises
        `Unreadable` at a quotation mark that is never closed: what follows it could be anything.
        """
        width = len(self.header)
        for number, record in _records(self.text, self.separator, self.header_row):
            if not any(cell.strip() for cell in record):
                continue
            cells = [unguarded(cell) for cell in record]
            if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
                cells = cells[:width]
            problem = None
            if len(cells) != width:
                problem = _("It has %(found)d cells where the header has %(wanted)d.", found=len(cells), wanted=width)
            yield Row(number, cells, problem)


def guarded(text: str) -> str:
    """Return `text` so that no spreadsheet runs it as a formula: with an apostrophe before `= + - @ TAB CR`.

    A text that already looks guarded gets one more, so `unguarded` always gives back exactly what was written.
    """
    return f"'{text}" if _TO_GUARD.match(text) else text


def unguarded(text: str) -> str:
    """Return `text` without the apostrophe that `guarded` has put before it."""
    return text[1:] if _GUARDED.match(text) else text


def read_file(path: str, max_bytes: int = MAX_BYTES, max_rows: int = MAX_ROWS) -> Table:
    """Return the table in the file at `path`; a file over the limit is refused before it is read.

    Raises `Unreadable`.
    """
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > max_bytes:
                raise Unreadable(_too_large(max_bytes))
            return read_stream(file, max_bytes, max_rows)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unreadable(_("%(path)s can't be opened: %(reason)s.", path=path, reason=reason)) from error


def read_stream(stream: BinaryIO, max_bytes: int = MAX_BYTES, max_rows: int = MAX_ROWS) -> Table:
    """Return the table in `stream`, of which never more than `max_bytes` + 1 bytes are taken. Raises `Unreadable`."""
    data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise Unreadable(_too_large(max_bytes))
    return read_bytes(data, max_rows)


def read_bytes(data: bytes, max_rows: int = MAX_ROWS) -> Table:
    """Return the table in `data`, its encoding and separator found out. Raises `Unreadable`."""
    text, encoding = decode(data)
    if not text.strip():
        raise Unreadable(_("The file is empty: its first row has to name the columns."))
    hint = _HINT.match(text)
    separator = hint[1] if hint else _separator(text)
    first = 0
    header: list[str] = []
    for number, record in _records(text, separator, int(bool(hint))):
        if any(cell.strip() for cell in record):
            first, header = number, [unguarded(cell).strip() for cell in record]
            break
    table = Table(header, first, separator, encoding, text)
    if sum(1 for row in islice(table.rows(), max_rows + 1)) > max_rows:
        raise Unreadable(
            _("The file has more than %(limit)d rows, the most that are taken: split it into several.", limit=max_rows)
        )
    return table


def decode(data: bytes) -> tuple[str, str]:
    """Return the text of `data` and the name of its encoding: Unicode with or without its mark, else Windows-1252.

    Raises `Unreadable` for what is no text, and for Unicode with damaged places: read as Windows-1252 instead it would
    come in as nonsense letters without anybody noticing.
    """
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            raise Unreadable(_no_text(kind))
    encoding = _marked(data) or _unmarked_utf16(data) or "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or _is_mostly_utf8(data):
            name, place = encoding.upper(), error.start
            raise Unreadable(
                _(
                    "The file is %(name)s with a damaged place at byte %(place)d: export it again.",
                    name=name,
                    place=place,
                )
            ) from error
        encoding = "windows-1252"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            raise Unreadable(_no_text("binary")) from error
    text = text.removeprefix("\ufeff")
    # A stray control character is an accident of the other system and is cleaned with its cell; many are no text.
    if "\0" in text or len(_CONTROLS.findall(text)) > len(text) / 1000:
        raise Unreadable(_no_text("binary"))
    return text, encoding


def _marked(data: bytes) -> str | None:
    """Return the encoding that a byte order mark names; UTF-32 first, because its mark begins with that of UTF-16."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return name
    return None


def _unmarked_utf16(data: bytes) -> str | None:
    """Return which UTF-16 the NUL bytes betray: every ASCII letter of the header has one, always on the same side."""
    start = data[:512]
    half = len(start) // 2
    if half == 0:
        return None
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd > half * 0.4 and even <= half * 0.05:
        return "utf-16-le"
    if even > half * 0.4 and odd <= half * 0.05:
        return "utf-16-be"
    return None


def _is_mostly_utf8(data: bytes) -> bool:
    """Tell whether more non-ASCII letters of `data` are sound UTF-8 than damaged."""
    text = data.decode("utf-8", "surrogateescape")
    damaged = len(re.findall("[\udc80-\udcff]", text))
    return len(re.findall("[^\x00-\x7f\udc80-\udcff]", text)) > damaged


def _records(text: str, separator: str, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number from 1, cells) for each record after the first `skip`, blank ones included."""
    reader = _reader(text, separator)
    number = 0
    while True:
        number += 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(_broken(number, error)) from error
        if number > skip:
            yield number, record


def _reader(text: str, separator: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)


def _separator(text: str) -> str:
    """Return the separator under which the first rows agree best with the header.

    On a tie it is the most frequent one that has no space behind it, so that “Name (last, first);pay, yearly” has two
    columns.
    """
    start = text.lstrip()[:65_536]
    unquoted = re.sub(r'"[^"]*"', "", start).partition("\n")[0]
    best, best_score = ",", (0.0, 0, 0)
    for separator in SEPARATORS:
        widths = _widths(start, separator)
        if not widths or widths[0] < 2:
            continue
        agreeing = sum(1 for width in widths if width == widths[0]) / len(widths)
        score = (agreeing, len(re.findall(re.escape(separator) + "(?! )", unquoted)), widths[0])
        if score > best_score:
            best, best_score = separator, score
    return best


def _widths(start: str, separator: str) -> list[int]:
    """Return the number of cells in each of the first records; what can't be read with `separator` ends the list."""
    widths: list[int] = []
    try:
        for record in csv.reader(
            io.StringIO(start, newline=""), delimiter=separator, skipinitialspace=True, strict=True
        ):
            if record:
                widths.append(len(record))
            if len(widths) == 20:
                break
    except csv.Error:
        pass
    return widths


def _broken(number: int, error: csv.Error) -> str:
    if "field larger than field limit" in str(error):
        return _(
            "A cell in row %(number)d holds more than %(limit)d characters: probably a quotation mark is never closed.",
            number=number,
            limit=csv.field_size_limit(),
        )
    return _("The quotation marks in row %(number)d don't match: correct that row and try again.", number=number)


def _too_large(max_bytes: int) -> str:
    megabytes = max_bytes / (1024 * 1024)
    return _(
        "The file is larger than %(limit)s MB, the most that is taken: split it into several.", limit=f"{megabytes:g}"
    )


def _no_text(kind: str) -> str:
    if kind == "workbook":
        return _("This is a spreadsheet workbook, not a text file: save it as CSV first.")
    return _("This is not a text file: export the list as CSV (UTF-8 is best).")
