"""The words of staff lists: what their columns are called, and what stands in columns of words.

Each table has a line for a meaning and behind the colon the ways to say it, the best first; a longer one goes on in
an indented line. Case, accents, spaces and punctuation don't count.
"""

from __future__ import annotations

import unicodedata

# Each field that a staff list can fill. Codes of the other system (department 5, position 19) are no names of it.
HEADERS = """
number: employee number, employee no, employee nr, employee id, emp id, emp no, emp number, personnel number,
    personnel no, staff number, staff no, staff id, worker id, payroll number, Personalnummer, Pers.-Nr.,
    Mitarbeiternummer, matricule, número de empleado, id
name: employee name, full name, person name, staff name, worker name, display name, name (last, first), last name
    first name, employee, Mitarbeiter, nom complet, nombre completo
first_name: given name, given names, forename, forenames, fname, Vorname, prénom, nombre
last_name: family name, surname, lname, Nachname, Familienname, nom, nom de famille, apellidos, apellido
email: work e-mail, email address, work email address, business email, company email, mail, mail address, work mail,
    courriel, correo, correo electrónico
phone: work phone, phone number, telephone, telephone number, tel, business phone, extension, Telefon
location: work location, office, office location, site, workplace, branch, Standort, city, state, region, country
status: employment status, employee status, emp status, worker status, statut, estado
employment_type: employee type, contract type, type of contract, worker type, type of employment, emp type,
    Beschäftigungsart, Vertragsart
fte: full-time equivalent, workload, FTE percent, FTE %, Pensum
hired_on: hire date, date of hire, date hired, hired, start date, joining date, date of joining, joined, joined date,
    join date, employment start date, original hire date, Eintrittsdatum, Eintritt, date d'embauche
probation_until: probation end, probation end date, end of probation, Probezeitende
contract_until: contract end, contract end date, end of contract, contract expiry, befristet bis
left_on: date of termination, termination date, term date, terminated on, leave date, leaving date, date of leaving,
    last day, last day of work, last working day, exit date, end date, employment end date, separation date,
    Austrittsdatum, Austritt
leaving_reason: term reason, termination reason, reason for leaving, leave reason, exit reason, separation reason,
    termination description, Austrittsgrund
department: department name, dept, dept name, org unit, organisational unit, organizational unit, Abteilung
role: job title, position, position title, position name, title, job, job name, job role, role name, designation,
    Stelle, Funktion, poste, puesto
manager: manager name, supervisor, supervisor name, line manager, line manager name, reports to, reports to name,
    boss, Vorgesetzter, Vorgesetzte
manager_number: manager id, manager employee id, manager no, manager employee number, manager emp id, supervisor id,
    supervisor number, reports to id, reports to number, line manager id, line manager number
pay_amount: salary, annual salary, base salary, base pay, pay, pay rate, rate of pay, compensation, amount, wage,
    gross salary, annual pay, annual rate, Gehalt, salaire, salario
pay_currency: currency, salary currency, currency code, Währung
pay_period: salary period, pay frequency, pay rate period, rate type, pay unit
legal_entity: company, company name, employer, legal employer, entity, Gesellschaft
birth_date: DOB, date of birth, birthday, birth, Geburtsdatum, date de naissance
home_address: address, private address, residential address
personal_email: private email, home email, personal email address
personal_phone: private phone, home phone, mobile, mobile phone, cell phone, cell
emergency_name: emergency contact, emergency contact name, next of kin
emergency_phone: emergency contact phone, emergency contact number, emergency number, next of kin phone
notes: note, comment, comments, remark, remarks, Bemerkung
"""

# Columns that are left out. “sensitive” is what law protects, and identity papers: no mapping brings those in. They
# and “rating” are found anywhere in a header; “sensitive word” only as a whole word of it, because “race” is also in
# “terrace” and “sex” in “Essex”.
LEFT_OUT = """
sensitive: ethni, hispanic, latino, latinx, citizen, nationalit, gender, marital, married, religi, pregnan, disab,
    handicap, diversity, veteran, sexual, racedesc, racial, trade union, union member, politic, social security,
    national id, passport, biometric, Geburtsland, Konfession, Familienstand, Geschlecht, Staatsangehörigkeit,
    immigration, visa status, criminal, medical, blood group, blood type, birth place, place of birth
sensitive word: race, race id, race code, sex, sex code, pronoun, pronouns, ssn, nin, nino, caste, union, health,
    faith, creed, orientation, spouse, children, eeo
rating: performance, perf score, satisfaction, engagement, absence, absent, days late, rating, appraisal, special
    project, recruitment, sick day, last review, attrition, overtime
code: dept id, department id, position id, job id, role id, emp status id, status id, termd, terminated, location id,
    job code, perf score id
"""

STATUSES = """
active: active, current, employed, working, yes, active employee, future start, pre-hire, aktiv, actif, activo
on_leave: on leave, leave, LOA, leave of absence, on leave of absence, maternity leave, paternity leave, parental
    leave, family leave, medical leave, sick leave, unpaid leave, sabbatical, furlough, furloughed, suspended,
    Elternzeit, beurlaubt
left: left, leaver, inactive, former, former employee, terminated, termination, voluntarily terminated, voluntary
    termination, involuntarily terminated, involuntary termination, terminated for cause, resigned, resignation,
    retired, retirement, dismissed, redundant, made redundant, laid off, deceased, quit, exited, separated, ended, not
    employed, ausgeschieden
"""

EMPLOYMENT_TYPES = """
permanent: permanent, regular, full-time, part-time, permanent full-time, permanent part-time, regular full-time,
    regular part-time, open-ended, indefinite, employee, staff, FT, PT, unbefristet, CDI
fixed_term: fixed-term, fixed-term contract, temporary, temporary employee, temp, limited, limited-term, seasonal,
    casual, befristet, CDD
intern: intern, internship, trainee, apprentice, student, working student, Praktikant, Werkstudent, stagiaire
contractor: contractor, freelance, freelancer, consultant, external, vendor, contingent, contingent worker, agency,
    agency worker
"""

PERIODS = """
year: year, yearly, annual, annually, per year, per annum, p.a., yr, a, Jahr, jährlich, an
month: month, monthly, per month, p.m., mo, m, Monat, monatlich, mois, mensual
hour: hour, hourly, per hour, p.h., hr, h, Stunde, heure, hora
"""


def normalised(text: str) -> str:
    """Return a word of a staff list for comparison: no case, no accents, nothing but letters and digits."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LN")


def listed(lines: str) -> dict[str, list[str]]:
    """Return meaning → normalised ways to say it, in their order, from the text of a table above."""
    found: dict[str, list[str]] = {}
    for line in lines.strip().replace("\n    ", " ").splitlines():
        meaning, _colon, ways = line.partition(": ")
        # A comma inside brackets belongs to the way itself: “name (last, first)”.
        found[meaning] = [normalised(way) for way in ways.replace("(last, first)", "last first").split(", ")]
    return found


def meanings(lines: str) -> dict[str, str]:
    """Return normalised way to say it → meaning, from the text of a table above."""
    return {way: meaning for meaning, ways in listed(lines).items() for way in ways}
