"""Who manages whom: the names and numbers of a staff list resolved to people in it and people who are here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flask_babel import gettext as _
from sqlalchemy import and_, or_, select

from app.actions.imports.compare import Kind, Outcome
from app.actions.imports.live import CHUNK
from app.actions.imports.names import Name, is_same_person, name_words, short_key, split_name, whole_key
from app.actions.imports.vocabulary import normalised
from app.core import text
from app.core.chunks import chunks
from app.extensions import db
from app.people.employee import Employee, Status
from app.people.rules import DEEPEST

# A person by their id here, or by their row in the file while they have none.
Ref = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a row says about its person's manager."""

    outcome: Outcome
    name: str
    number: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A manager who could not be linked: the row, its person, what the row says, and why not."""

    row: int
    person: str
    manager: str
    reason: str


@dataclass(frozen=True, slots=True)
class Link:
    """A row's person gets a manager; both may still be without an id until the people are imported."""

    outcome: Outcome
    manager: Ref
    manager_name: str


@dataclass(slots=True)
class Candidate:
    """Somebody who may be meant as a manager."""

    ref: Ref
    number: str
    name: Name
    status: Status


@dataclass(slots=True)
class Candidates:
    """Everybody who may be meant: all accepted people of the file, and those here with a name or number that occurs."""

    by_ref: dict[Ref, Candidate] = field(default_factory=dict)
    by_number: dict[str, Candidate] = field(default_factory=dict)
    by_name: dict[str, list[Candidate]] = field(default_factory=dict)
    # Whether the manager numbers of this file are numbers of employees, so that one may stand without a name.
    numbers_count: bool = False

    def add(self, found: Candidate) -> None:
        """Add a person unless they are there already."""
        if found.ref in self.by_ref:
            return
        self.by_ref[found.ref] = found
        if found.number:
            self.by_number[text.key(found.number)] = found
        for key in {whole_key(found.name), short_key(found.name)}:
            self.by_name.setdefault(key, []).append(found)


def ref_of(outcome: Outcome) -> Ref:
    """Return the person of a row, by id where they have one."""
    return ("row", outcome.row) if outcome.person_id is None else ("id", outcome.person_id)


def resolve(wanted: list[Wanted], outcomes: Iterable[Outcome]) -> tuple[list[Link], list[Unresolved]]:
    """Return the links that differ from what is here, those above before those below, and what can't be linked."""
    candidates = _candidates(wanted, outcomes)
    links: list[Link] = []
    unresolved: list[Unresolved] = []

    def give_up(wish: Wanted, reason: str) -> None:
        shown = wish.name or _("number %(number)s", number=wish.number)
        unresolved.append(Unresolved(wish.outcome.row, wish.outcome.name.whole, shown, reason))

    wishes: dict[Ref, Wanted] = {}
    for wish in wanted:
        found = _find(wish, candidates)
        if isinstance(found, str):
            give_up(wish, found)
        else:
            links.append(Link(wish.outcome, found.ref, found.name.whole))
            wishes[ref_of(wish.outcome)] = wish
    above = {ref_of(link.outcome): link.manager for link in links}
    _add_chains(above)
    rows = {ref_of(link.outcome): link.outcome.row for link in links}
    while circles := _closing_circles(above, rows):
        for ref in circles:
            give_up(wishes[ref], _("This would make a circle: the manager works below this person."))
            del rows[ref]
            # The person stays under their present manager, and that may close another circle.
            present = wishes[ref].outcome.manager_id
            above.pop(ref)
            if present is not None:
                above[ref] = ("id", present)
                _add_chains(above)
    links = [link for link in links if ref_of(link.outcome) in rows]
    links = [link for link in links if link.manager != ("id", link.outcome.manager_id)]
    links.sort(key=lambda link: (_depth(ref_of(link.outcome), above), link.outcome.row))
    return links, sorted(unresolved, key=lambda one: one.row)


def _find(wish: Wanted, candidates: Candidates) -> Candidate | str:
    """Return the one person who is meant, or a sentence why nobody can be linked."""
    numbered = candidates.by_number.get(text.key(wish.number)) if wish.number else None
    name = split_name(wish.name)
    if numbered and (is_same_person(name, numbered.name) if wish.name else candidates.numbers_count):
        return _allowed(wish, numbered)
    if not wish.name:
        return _("There is only a number, and the numbers of managers in this file are not those of employees.")
    exact = candidates.by_name.get(whole_key(name), [])
    exact = [one for one in exact if whole_key(one.name) == whole_key(name)]
    alike = exact or [one for one in candidates.by_name.get(short_key(name), []) if is_same_person(one.name, name)]
    if not alike:
        return _("Nobody of this name is in the file or here.")
    if len(alike) > 1:
        numbers = ", ".join(sorted(one.number or _("row %(row)d", row=one.ref[1]) for one in alike)[:5])
        return _("Several people have this name: %(numbers)s.", numbers=numbers)
    return _allowed(wish, alike[0])


def _allowed(wish: Wanted, found: Candidate) -> Candidate | str:
    if found.ref == ref_of(wish.outcome):
        return _("Nobody is their own manager.")
    if found.status is Status.LEFT and wish.outcome.status is not Status.LEFT:
        return _("%(name)s has left.", name=found.name.whole)
    return found


def _candidates(wanted: list[Wanted], outcomes: Iterable[Outcome]) -> Candidates:
    candidates = Candidates()
    for outcome in outcomes:
        if outcome.kind is not Kind.REFUSED:
            candidates.add(Candidate(ref_of(outcome), outcome.number, outcome.name, outcome.status))
    numbers = {text.key(wish.number) for wish in wanted if wish.number}
    in_file = sum(1 for number in numbers if number in candidates.by_number)
    candidates.numbers_count = in_file * 2 >= len(numbers)
    conditions = [Employee.number_key == number for number in numbers]
    for prefix in {prefix for wish in wanted for prefix in _prefixes(wish.name)}:
        # "!" comes right after the space: everybody whose key goes on with another given name.
        longer = and_(Employee.name_key >= f"{prefix} ", Employee.name_key < f"{prefix}!")
        conditions.append(or_(Employee.name_key == prefix, longer))
    columns = (Employee.id, Employee.number, Employee.first_name, Employee.last_name, Employee.status)
    for some in chunks(conditions, 100):
        for person_id, number, first, last, status in db.session.execute(select(*columns).where(or_(*some))):
            candidates.add(Candidate(("id", person_id), number, Name(first, last), status))
    return candidates


def _prefixes(cell: str) -> set[str]:
    """Return how the sort keys of people may begin who are called so, wherever the family name is thought to begin."""
    words = [word for word in cell.replace(",", " ").split() if name_words(word)]
    name = split_name(cell)
    found = {f"{name.last} {name.first.split()[0]}" if name.first else name.last}
    if len(words) <= 6 and "," not in cell:
        found |= {f"{' '.join(words[i:])} {words[0]}" for i in range(1, len(words))}
    return {text.sort_key(key) for key in found if normalised(key)}


def _add_chains(above: dict[Ref, Ref]) -> None:
    """Add to the planned links those that are here above them, up to the top."""
    level = {manager for manager in above.values() if manager not in above and manager[0] == "id"}
    while level:
        found: dict[Ref, Ref] = {}
        for ids in chunks([person_id for _kind, person_id in level], CHUNK):
            query = select(Employee.id, Employee.manager_id).where(Employee.id.in_(ids))
            for person_id, manager_id in db.session.execute(query):
                if manager_id is not None:
                    found["id", person_id] = ("id", manager_id)
        above.update(found)
        level = {manager for manager in found.values() if manager not in above}


def _closing_circles(above: dict[Ref, Ref], rows: dict[Ref, int]) -> list[Ref]:
    """Return, for each circle among the links, the one of its people who comes last in the file."""
    closing: list[Ref] = []
    done: set[Ref] = set()
    for start in above:
        path: dict[Ref, None] = {}
        here: Ref | None = start
        while here is not None and here not in done and here not in path:
            path[here] = None
            here = above.get(here)
        if here in path:
            walked = list(path)
            circle = [ref for ref in walked[walked.index(here) :] if ref in rows]
            if circle:
                closing.append(max(circle, key=rows.__getitem__))
        done.update(path)
    return closing


def _depth(ref: Ref, above: dict[Ref, Ref]) -> int:
    depth = 0
    while ref in above and depth < DEEPEST:
        ref, depth = above[ref], depth + 1
    return depth
