"""What the demo organisation is made of at full size: job families with their titles, and a tree of departments."""

from __future__ import annotations

from typing import NamedTuple

TOP_LEVEL = 7
CHIEF_LEVEL = 6
MANAGER_LEVEL = 5
TEAM_LEAD_LEVEL = 4


class Family(NamedTuple):
    """Job titles that lead from one to the next; `wage` compares its pay with the average. Empty: no such title."""

    name: str
    wage: float
    work: str
    titles: tuple[str, ...]  # levels 1 to 6
    specialist: str  # level 4 without a team


def _family(name: str, wage: float, work: str, titles: str, specialist: str = "") -> Family:
    return Family(name, wage, work, tuple(title.strip() for title in titles.split("|")), specialist)


FAMILIES = {
    "exec": _family(
        "Executive Leadership",
        1.0,
        "sets direction and answers for results",
        "Office Assistant|Executive Assistant|Senior Executive Assistant|Chief of Staff||",
    ),
    "eng": _family(
        "Software Engineering",
        1.25,
        "designs, builds and runs our software",
        "Junior Software Engineer|Software Engineer|Senior Software Engineer|Engineering Team Lead"
        "|Engineering Manager|Director of Engineering",
        "Staff Software Engineer",
    ),
    "data": _family(
        "Data",
        1.2,
        "turns what we measure into decisions",
        "Junior Data Analyst|Data Analyst|Senior Data Analyst|Data Team Lead|Data Manager|Director of Data",
        "Principal Data Scientist",
    ),
    "infra": _family(
        "Infrastructure",
        1.15,
        "keeps systems running, quick and affordable",
        "Junior Systems Engineer|Systems Engineer|Senior Systems Engineer|Infrastructure Team Lead"
        "|Infrastructure Manager|Director of Infrastructure",
        "Principal Systems Engineer",
    ),
    "sec": _family(
        "Information Security",
        1.25,
        "protects people's data and our systems",
        "Junior Security Analyst|Security Analyst|Senior Security Analyst|Security Team Lead|Security Manager"
        "|Director of Information Security",
        "Principal Security Engineer",
    ),
    "it": _family(
        "Workplace IT",
        0.85,
        "gives colleagues tools that work",
        "IT Support Assistant|IT Support Specialist|Senior IT Support Specialist|IT Support Team Lead|IT Manager"
        "|Director of Workplace IT",
    ),
    "qa": _family(
        "Quality Engineering",
        1.0,
        "finds faults before customers do",
        "Junior Test Engineer|Test Engineer|Senior Test Engineer|Test Team Lead|Quality Engineering Manager"
        "|Director of Quality Engineering",
    ),
    "pm": _family(
        "Product Management",
        1.25,
        "decides what we build next, and why",
        "Junior Product Manager|Product Manager|Senior Product Manager|Lead Product Manager"
        "|Group Product Manager|Director of Product",
    ),
    "ux": _family(
        "Design",
        1.1,
        "makes products people understand at first sight",
        "Junior Product Designer|Product Designer|Senior Product Designer|Design Team Lead|Design Manager"
        "|Director of Design",
        "Principal Product Designer",
    ),
    "sales": _family(
        "Sales",
        1.1,
        "wins customers and keeps promises to them",
        "Sales Development Representative|Account Executive|Senior Account Executive|Sales Team Lead"
        "|Sales Manager|Director of Sales",
        "Key Account Manager",
    ),
    "mkt": _family(
        "Marketing",
        0.95,
        "lets the right people know what we do",
        "Marketing Assistant|Marketing Specialist|Senior Marketing Specialist|Marketing Team Lead"
        "|Marketing Manager|Director of Marketing",
    ),
    "part": _family(
        "Partnerships",
        1.05,
        "works with firms that sell and build with us",
        "Partner Coordinator|Partner Manager|Senior Partner Manager|Partnerships Team Lead"
        "|Partnerships Manager|Director of Partnerships",
    ),
    "cs": _family(
        "Customer Support",
        0.72,
        "answers customers and solves what troubles them",
        "Customer Support Assistant|Customer Support Specialist|Senior Customer Support Specialist"
        "|Customer Support Team Lead|Customer Support Manager|Director of Customer Support",
    ),
    "csm": _family(
        "Customer Success",
        0.95,
        "helps customers reach what they bought us for",
        "Customer Success Associate|Customer Success Manager|Senior Customer Success Manager"
        "|Customer Success Team Lead|Regional Customer Success Manager|Director of Customer Success",
    ),
    "train": _family(
        "Customer Training",
        0.85,
        "teaches customers and writes what they read",
        "Training Assistant|Trainer|Senior Trainer|Training Team Lead|Training Manager|Director of Training",
    ),
    "impl": _family(
        "Professional Services",
        1.05,
        "brings our product into customers' daily work",
        "Associate Consultant|Consultant|Senior Consultant|Consulting Team Lead|Consulting Manager"
        "|Director of Professional Services",
        "Principal Consultant",
    ),
    "log": _family(
        "Logistics",
        0.65,
        "moves goods on time and undamaged",
        "Warehouse Associate|Logistics Specialist|Senior Logistics Specialist|Warehouse Team Lead"
        "|Logistics Manager|Director of Logistics",
    ),
    "prod": _family(
        "Production",
        0.68,
        "makes what we sell, safely and well",
        "Production Associate|Production Technician|Senior Production Technician|Shift Lead"
        "|Production Manager|Director of Production",
    ),
    "qual": _family(
        "Quality Assurance",
        0.85,
        "checks that products are what they should be",
        "Quality Assistant|Quality Inspector|Senior Quality Inspector|Quality Team Lead|Quality Manager"
        "|Director of Quality",
    ),
    "buy": _family(
        "Procurement",
        0.92,
        "buys well and knows our suppliers",
        "Purchasing Assistant|Buyer|Senior Buyer|Procurement Team Lead|Procurement Manager|Director of Procurement",
    ),
    "fac": _family(
        "Facilities",
        0.68,
        "keeps buildings safe, warm and pleasant",
        "Facilities Assistant|Facilities Technician|Senior Facilities Technician|Facilities Team Lead"
        "|Facilities Manager|Director of Facilities",
    ),
    "fin": _family(
        "Finance",
        1.0,
        "keeps the books right and the money in view",
        "Accounts Assistant|Accountant|Senior Accountant|Accounting Team Lead|Finance Manager|Director of Finance",
    ),
    "ctrl": _family(
        "Financial Planning",
        1.08,
        "plans, compares and explains the numbers",
        "Junior Financial Analyst|Financial Analyst|Senior Financial Analyst|Financial Planning Team Lead"
        "|Financial Planning Manager|Director of Financial Planning",
    ),
    "hr": _family(
        "Human Resources",
        0.92,
        "looks after people from offer to farewell",
        "HR Assistant|HR Specialist|Senior HR Specialist|HR Team Lead|HR Manager|Director of Human Resources",
        "HR Business Partner",
    ),
    "rec": _family(
        "Recruiting",
        0.9,
        "finds the colleagues we need",
        "Recruiting Coordinator|Recruiter|Senior Recruiter|Recruiting Team Lead|Recruiting Manager"
        "|Director of Recruiting",
    ),
    "legal": _family(
        "Legal",
        1.2,
        "keeps us within the law and our contracts fair",
        "Legal Assistant|Legal Counsel|Senior Legal Counsel|Legal Team Lead|Managing Counsel|Deputy General Counsel",
    ),
}

INTERN = "Intern"
CHIEF_EXECUTIVE = "Chief Executive Officer"


class Unit(NamedTuple):
    """A department at full size; its `weight` of the headcount goes to its parent where it doesn't exist."""

    code: str
    name: str
    parent: str
    family: str
    weight: float
    chief: str = ""  # the title of the lead of a division


# In the order in which a growing organisation founds them, parents first.
UNITS = (
    Unit("EXE", "Executive Office", "", "exec", 0.6, CHIEF_EXECUTIVE),
    Unit("TEC", "Technology", "EXE", "eng", 1.2, "Chief Technology Officer"),
    Unit("COM", "Commercial", "EXE", "sales", 1.0, "Chief Commercial Officer"),
    Unit("OPS", "Operations", "EXE", "log", 1.0, "Chief Operating Officer"),
    Unit("FIN", "Finance", "EXE", "fin", 3.2, "Chief Financial Officer"),
    Unit("PEO", "People and Culture", "EXE", "hr", 2.6, "Chief People Officer"),
    Unit("CUX", "Customer Experience", "EXE", "csm", 1.6, "Chief Customer Officer"),
    Unit("ENG", "Software Engineering", "TEC", "eng", 13.0),
    Unit("SUP", "Customer Support", "CUX", "cs", 14.0),
    Unit("SAL", "Sales", "COM", "sales", 9.0),
    Unit("LOG", "Logistics", "OPS", "log", 10.0),
    Unit("PRD", "Product and Design", "EXE", "pm", 2.4, "Chief Product Officer"),
    Unit("MKT", "Marketing", "COM", "mkt", 3.6),
    Unit("INF", "Infrastructure", "TEC", "infra", 3.6),
    Unit("MAN", "Production", "OPS", "prod", 10.0),
    Unit("DAT", "Data and Analytics", "TEC", "data", 2.6),
    Unit("REC", "Recruiting", "PEO", "rec", 1.2),
    Unit("LEG", "Legal and Compliance", "EXE", "legal", 1.2, "General Counsel"),
    Unit("SUC", "Customer Success", "CUX", "csm", 3.4),
    Unit("PRO", "Professional Services", "CUX", "impl", 3.6),
    Unit("ITS", "Workplace IT", "TEC", "it", 1.6),
    Unit("DES", "Product Design", "PRD", "ux", 1.6),
    Unit("FPA", "Financial Planning", "FIN", "ctrl", 1.0),
    Unit("BUY", "Procurement", "OPS", "buy", 1.6),
    Unit("SEC", "Information Security", "TEC", "sec", 1.2),
    Unit("QEN", "Quality Engineering", "TEC", "qa", 1.8),
    Unit("FAC", "Facilities", "OPS", "fac", 2.2),
    Unit("PAR", "Partnerships", "COM", "part", 1.2),
    Unit("ACC", "Accounting", "FIN", "fin", 2.0),
    Unit("QUA", "Quality Assurance", "OPS", "qual", 1.8),
    Unit("TRA", "Customer Training", "CUX", "train", 1.2),
    Unit("PLA", "Platform Engineering", "ENG", "eng", 3.0),
    Unit("MOB", "Mobile Applications", "ENG", "eng", 2.2),
    Unit("WEB", "Web Applications", "ENG", "eng", 2.6),
    Unit("ENT", "Enterprise Sales", "SAL", "sales", 2.6),
    Unit("INS", "Inside Sales", "SAL", "sales", 2.2),
    Unit("TES", "Technical Support", "SUP", "cs", 4.0),
    Unit("BIL", "Billing Support", "SUP", "cs", 2.0),
    Unit("WAR", "Warehousing", "LOG", "log", 5.0),
    Unit("TRN", "Transport", "LOG", "log", 2.4),
    Unit("ASM", "Assembly", "MAN", "prod", 5.0),
    Unit("PAC", "Packaging", "MAN", "prod", 2.6),
    Unit("BRA", "Brand and Content", "MKT", "mkt", 0.8),
    Unit("DIG", "Digital Marketing", "MKT", "mkt", 1.0),
    Unit("PAY", "Payroll and Benefits", "PEO", "hr", 0.8),
    Unit("LRN", "Learning and Development", "PEO", "hr", 0.6),
    Unit("TAX", "Tax and Treasury", "FIN", "fin", 0.6),
    Unit("NET", "Networks", "INF", "infra", 1.0),
    Unit("CLO", "Cloud Services", "INF", "infra", 1.2),
    Unit("DSC", "Data Science", "DAT", "data", 0.9),
    Unit("DEN", "Data Engineering", "DAT", "data", 0.9),
    Unit("COP", "Compliance", "LEG", "legal", 0.5),
    Unit("PRI", "Privacy", "LEG", "legal", 0.3),
    Unit("UXR", "User Research", "DES", "ux", 0.5),
    Unit("SUS", "Sustainability", "OPS", "qual", 0.4),
    Unit("MNT", "Maintenance", "MAN", "prod", 1.8),
)


def level_titles(family: Family) -> dict[int, str]:
    """Return the titles of a family by level, those that exist."""
    return {level: title for level, title in enumerate(family.titles, start=1) if title}
