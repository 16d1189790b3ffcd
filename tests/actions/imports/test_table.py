import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.actions.imports.table import Unreadable, guarded, read_bytes, read_file, unguarded

LINES = "number,name\r\n1,Zoë Ångström\r\n2,Jürgen Groß\r\n"


def cells(data: bytes) -> list[list[str]]:
    return [row.cells for row in read_bytes(data).rows()]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (LINES.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + LINES.encode(), "utf-8"),
        (b"\xff\xfe" + LINES.encode("utf-16-le"), "utf-16-le"),
        (b"\xfe\xff" + LINES.encode("utf-16-be"), "utf-16-be"),
        (LINES.encode("utf-16-le"), "utf-16-le"),
        (LINES.encode("utf-16-be"), "utf-16-be"),
        (LINES.encode("utf-32"), "utf-32-le"),
        (LINES.encode("windows-1252"), "windows-1252"),
    ],
)
def test_each_encoding_gives_the_same_table(data, encoding):
    table = read_bytes(data)
    assert table.encoding == encoding
    assert table.header == ["number", "name"]
    assert [row.cells for row in table.rows()] == [["1", "Zoë Ångström"], ["2", "Jürgen Groß"]]


def test_damaged_utf8_is_refused_instead_of_read_as_nonsense():
    with pytest.raises(Unreadable, match="UTF-8 with a damaged place at byte"):
        read_bytes("number,name\n1,Zoë Ångström\n2,Łukasz".encode() + b"\xff\n")


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("number,name\n1,Ann", ","),
        ("number;name\n1;Ann", ";"),
        ("number\tname\n1\tAnn", "\t"),
        ("number|name\n1|Ann", "|"),
        ('"a; b; c",name\n1,Ann', ","),
        ("Name (last, first);number;pay, yearly\nOrr, Ann;1;62,506", ";"),
        ("pay, yearly;name\n5;Ann\n6;Bob", ";"),
        ("sep=;\nnumber;name, whole\n1;Ann", ";"),
        ("number", ","),
    ],
)
def test_separator_is_found_outside_quotes(text, separator):
    assert read_bytes(text.encode()).separator == separator


def test_quoted_line_breaks_quotes_and_separators_stay_in_their_cell():
    data = b'number,notes\r\n1,"first line\r\nsecond, ""quoted""\r\n\r\nlast"\r\n2,next\r\n'
    assert cells(data) == [["1", 'first line\r\nsecond, "quoted"\r\n\r\nlast'], ["2", "next"]]


def test_row_numbers_are_those_a_spreadsheet_shows():
    table = read_bytes(b'\r\nnumber,name\r\n1,"Ann\r\nOrr"\r\n\r\n , \r\n2,Bob\r\n\r\n\r\n')
    assert table.header_row == 2
    assert [row.number for row in table.rows()] == [3, 6]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_parts_rows(line_end):
    assert cells(line_end.join(["number,name", "1,Ann", "2,Bob"]).encode()) == [["1", "Ann"], ["2", "Bob"]]


def test_row_with_the_wrong_number_of_cells_says_so_and_spares_the_others():
    rows = list(read_bytes(b"number,name\n1\n2,Bob\n3,Cleo,x\n4,Dan,,\n").rows())
    assert [row.problem is None for row in rows] == [False, True, False, True]
    assert "1 cells where the header has 2" in rows[0].problem
    assert "3 cells where the header has 2" in rows[2].problem
    assert rows[3].cells == ["4", "Dan"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\r\n \r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"PK\x03\x04\x14\x00", "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook"),
        (b"%PDF-1.7\n", "not a text file"),
        (b"number,name\n1,A\x00nn\n", "not a text file"),
        (bytes(range(256)) * 4, "not a text file"),
        (b'number,name\n1,"Ann\n2,Bob\n3,Cleo\n', "row 2 don't match"),
        (b'number,name\n1,Ann\n2,"Bob" Orr\n', "row 3 don't match"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(data, words):
    with pytest.raises(Unreadable, match=words):
        read_bytes(data)


def test_endless_cell_is_refused_with_its_row():
    data = b'number,notes\n1,fine\n2,"' + b"x" * (csv.field_size_limit() + 1) + b'"\n'
    with pytest.raises(Unreadable, match="row 3 holds more than"):
        read_bytes(data)


def test_file_over_the_limit_is_refused_with_the_limit(tmp_path):
    path = tmp_path / "staff.csv"
    path.write_bytes(b"number,name\n" + b"1,Ann\n" * 200_000)
    with pytest.raises(Unreadable, match="larger than 1 MB"):
        read_file(str(path), max_bytes=1024 * 1024)


def test_rows_over_the_limit_are_refused_with_the_limit():
    data = b"number,name\n" + b"1,Ann\n" * 11
    with pytest.raises(Unreadable, match="more than 10 rows"):
        read_bytes(data, max_rows=10)
    assert len(list(read_bytes(data, max_rows=11).rows())) == 11


def test_missing_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(Unreadable, match=r"gone\.csv can't be opened"):
        read_file(str(tmp_path / "gone.csv"))


@pytest.mark.parametrize("text", ["=1+1", "+49 30 1", "-5", "@x", "\t=1", " \r=1", "＝1", "  ＋1", "'=1", "''-1"])
def test_formula_is_guarded_and_read_back(text):
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["", "O'Leary", "'t Hooft", "'Ndrangheta", "5-3", "a=b"])
def test_apostrophe_of_a_name_stays(text):
    assert guarded(text) == text
    assert unguarded(text) == text


@given(st.text())
def test_guarding_loses_nothing_and_hides_every_formula(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).strip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])), min_size=3, max_size=3), max_size=5
    ),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_spreadsheet_writes_is_read_back(rows, separator, encoding):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows([["number", "name", "notes"], *[[guarded(cell) for cell in row] for row in rows]])
    table = read_bytes(file.getvalue().encode(encoding))
    assert table.header == ["number", "name", "notes"]
    assert [row.cells for row in table.rows()] == [row for row in rows if any(cell.strip() for cell in row)]
