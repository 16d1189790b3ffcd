from pathlib import Path

import pytest

from app.actions.imports.columns import FIELDS, Reason, match_columns, read_mapping
from app.actions.imports.table import Unreadable, read_file

STAFF = Path(__file__).parent / "staff.csv"


def left_out(header, mapping=None):
    return {column.header: column.reason for column in match_columns(header, mapping).left_out}


def test_awkward_staff_list_finds_its_fields_and_leaves_out_the_rest():
    columns = match_columns(read_file(str(STAFF)).header)
    assert columns.headers == {
        "name": "Employee_Name",
        "number": "EmpID",
        "pay_amount": "Salary",
        "role": "Position",
        "location": "State",
        "birth_date": "DOB",
        "hired_on": "DateofHire",
        "left_on": "DateofTermination",
        "leaving_reason": "TermReason",
        "status": "EmploymentStatus",
        "department": "Department",
        "manager": "ManagerName",
        "manager_number": "ManagerID",
    }
    by_reason = {reason: {c.header for c in columns.left_out if c.reason is reason} for reason in Reason}
    assert by_reason[Reason.SENSITIVE] == {
        *("MarriedID", "MaritalStatusID", "GenderID", "FromDiversityJobFairID", "Sex", "MaritalDesc", "CitizenDesc"),
        *("HispanicLatino", "RaceDesc"),
    }
    assert by_reason[Reason.CODE] == {"EmpStatusID", "DeptID", "PerfScoreID", "Termd", "PositionID"}
    assert by_reason[Reason.UNKNOWN] == {"Zip"}


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_is_known_by_its_own_name(field):
    header = ["number", "first_name", "last_name"]
    if field in ("name", *header):
        header = ["number", field] if field == "name" else header
    else:
        header.append(field)
    assert match_columns(header).headers[field] == field


@pytest.mark.parametrize(
    ("title", "field"),
    [
        ("Employee ID", "number"),
        ("STAFF NO.", "number"),
        ("Personal-Nummer", "number"),
        ("Date of Joining", "hired_on"),
        ("Währung", "pay_currency"),
        ("e-mail", "email"),
        ("Job Title", "role"),
        ("Supervisor", "manager"),
        ("Ｄepartment", "department"),
    ],
)
def test_header_is_known_whatever_its_case_accents_and_punctuation(title, field):
    assert match_columns(["id", "name", "mail", title]).headers[field] == title


@pytest.mark.parametrize(
    "title",
    [
        *(
            "Race",
            "race_desc",
            "RACEID",
            "RaceDesc",
            "Ethnicity",
            "Hispanic/Latino",
            "Sex",
            "Gender identity",
            "Marital Status",
        ),
        *(
            "Religion",
            "Disability",
            "Diversity group",
            "Citizenship",
            "Nationality",
            "Veteran?",
            "SSN",
            "Passport No",
            "Health",
        ),
        *("Sexual orientation", "Trade-union member", "EmployeeRace", "Pronouns", "Geschlecht", "Staatsangehörigkeit"),
    ],
)
def test_sensitive_column_is_left_out_and_no_mapping_brings_it_in(title):
    assert left_out(["id", "name", title])[title] is Reason.SENSITIVE
    with pytest.raises(Unreadable, match="sensitive and never stored"):
        match_columns(["id", "name", title], {title: "notes"})


@pytest.mark.parametrize("title", ["Terrace", "Essex office", "Credit limit", "T-shirt size"])
def test_column_that_only_looks_sensitive_is_merely_unknown(title):
    assert left_out(["id", "name", title]) == {title: Reason.UNKNOWN}
    assert match_columns(["id", "name", title], {title: "location"}).headers["location"] == title


def test_best_of_several_columns_is_used_and_the_others_are_told():
    columns = match_columns(["id", "employee number", "name", "state", "city"])
    assert columns.headers == {"number": "employee number", "name": "name", "location": "city"}
    assert left_out(["id", "employee number", "name", "state", "city"]) == {"id": Reason.TAKEN, "state": Reason.TAKEN}


def test_whole_name_gives_way_to_first_and_last_name():
    header = ["id", "name", "first name", "last name"]
    assert set(match_columns(header).places) == {"number", "first_name", "last_name"}
    assert left_out(header) == {"name": Reason.TAKEN}


def test_name_beside_a_first_name_alone_is_the_last_name():
    assert match_columns(["Personalnummer", "Name", "Vorname"]).headers == {
        "number": "Personalnummer",
        "first_name": "Vorname",
        "last_name": "Name",
    }


def test_column_without_a_name_is_told_by_its_place():
    assert left_out(["id", "name", ""]) == {"column 3": Reason.UNNAMED}


def test_same_header_twice_is_refused_where_it_matters():
    with pytest.raises(Unreadable, match="two columns “Dept”"):
        match_columns(["id", "name", "Dept", "dept"])
    assert left_out(["id", "name", "Hobby", "Hobby"]) == {"Hobby": Reason.UNKNOWN}


@pytest.mark.parametrize(("header", "words"), [(["id", "Dept"], "as the name"), (["name", "Dept"], "number or e-mail")])
def test_list_that_names_nobody_is_refused(header, words):
    with pytest.raises(Unreadable, match=words):
        match_columns(header)


def test_mapping_goes_before_synonyms():
    columns = match_columns(
        ["id", "name", "Code", "State", "Zip"], {"Code": "number", "zip": "location", "name": "name"}
    )
    assert columns.headers == {"number": "Code", "name": "name", "location": "Zip"}
    assert left_out(["id", "name", "Dept"], {"Dept": ""}) == {"Dept": Reason.ASKED}


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"Codes": "number"}, "“Codes”, which the file doesn't have"),
        ({"Code": "nmber"}, "which is no field: use one of number, name"),
        ({"Code": "number", "id": "number"}, "both “Code” and “id” to number"),
        ({"Twin": "notes"}, "two columns “Twin”"),
    ],
)
def test_mapping_that_does_not_fit_is_refused_with_a_sentence(mapping, words):
    with pytest.raises(Unreadable, match=words):
        match_columns(["id", "name", "Code", "Twin", "Twin"], mapping)


@pytest.mark.parametrize(
    "data",
    [
        b'{"Staff code": "number", "Zip": null}',
        b"\xef\xbb\xbfStaff code,number\r\nZip,\r\n",
        b"header;field\nStaff code;Number\n\nZip;-\n",
        b"Staff code = number\nZip =\n",
        "column\tfield\nStaff code\tnumber\nZip\t-".encode("utf-16"),
    ],
)
def test_mapping_file_is_read_in_each_of_its_forms(data):
    assert read_mapping(data) == {"Staff code": "number", "Zip": ""}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"Staff code": ', "no valid JSON"),
        (b'["Staff code", "number"]', "has to be a JSON object"),
        (b'{"Staff code": 3}', "has to be a JSON object"),
        (b"Staff code\n", "has to be a JSON object"),
        (b"a,b,c\n", "has to be a JSON object"),
        (b'{"Zip": "notes", "Zip": "location"}', "“Zip” twice"),
        (b"Zip,notes\nZip,location\n", "“Zip” twice"),
    ],
)
def test_mapping_file_that_can_not_be_read_is_refused_with_a_sentence(data, words):
    with pytest.raises(Unreadable, match=words):
        read_mapping(data)
