"""What a statement reads, found by having SQLAlchemy write it: whatever stands in the SQL was asked for here.

So joins, aliases, subqueries, CTEs, unions, EXISTS and the loads of relationships are all met, without knowing them.
What could say something else the next time, or reads what may not be kept, is refused with the reason in words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum as Choice
from functools import cache
from types import NoneType
from typing import Any

from sqlalchemy import ClauseElement, CompoundSelect, Date, DateTime, Dialect, Enum, Select, Table, Time
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler

from app.core.columns import CACHED, UNCACHED
from app.extensions import db

Question = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]
SHAPES_KEPT = 500
FUNCTIONS = {"avg", "char_length", "coalesce", "count", "length", "lower", "max", "min", "row_number", "sum", "upper"}
"""The functions whose result is told by what they are given; any other may look at the clock, or throw dice."""
VALUES = {NoneType, bool, int, float, str, bytes, Decimal, date, datetime, time, timedelta}
"""The types of values that `repr` tells apart whatever they hold, in each process alike; choices and lists beside."""
MOMENTS = (Date, DateTime, Time)
AS_TEXT = "text instead of an expression"
REFUSED = {
    "visit_textclause": AS_TEXT,
    "visit_tstring": AS_TEXT,
    "visit_tstring_text": AS_TEXT,
    "visit_custom_op_binary": AS_TEXT,
    "visit_custom_op_unary_operator": AS_TEXT,
    "visit_custom_op_unary_modifier": AS_TEXT,
    "get_select_hint_text": AS_TEXT,
    "get_statement_hint_text": AS_TEXT,
    "format_from_hint_text": AS_TEXT,
    "for_update_clause": "locks what it reads",
}
"""The compiler's methods that are asked only for what may not be kept, and why."""
COMPILER: Any = SQLCompiler  # whose methods say too little of their types


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement without its values: its SQL, its tables, and the groups whose tokens go into the key.

    `refusal` is why its rows can't be kept, "" where they can. `told` tells it from all others, in each process alike:
    by the SQL, by which value goes where, and by the types of values and columns, which the SQL doesn't show.
    """

    sql: str
    tables: tuple[str, ...]
    groups: tuple[str, ...]
    enums: tuple[type[Choice] | None, ...] = ()
    is_ordered: bool = False
    refusal: str = ""
    told: str = ""
    compiled: Any = field(default=None, repr=False, compare=False)


class Plans:
    """The plans of one application's statements, by their shape."""

    def __init__(self) -> None:
        self._kept: dict[Any, Plan] = {}

    def of(self, statement: Question, dialect: Dialect) -> tuple[Plan, dict[str, Any]]:
        """Return the plan of a statement, and its values by name."""
        key = statement._generate_cache_key()
        if key is None:
            return Plan(_written(statement, dialect), (), (), refusal="it has a part that nothing can be told of"), {}
        plan = self._kept.get(key.key)
        if plan is None:
            plan = _plan(statement, dialect, key)
            if len(self._kept) >= SHAPES_KEPT:  # which is far more than there are, so what is lost doesn't matter
                self._kept.clear()
            self._kept[key.key] = plan
        if plan.refusal:
            return plan, {}
        # The values are those of now: one that is worked out when the statement runs could be another by then.
        if any(parameter.callable is not None for parameter in key.bindparams):
            return replace(plan, refusal="a value that is worked out later"), {}
        values = plan.compiled.construct_params(extracted_parameters=key.bindparams, _collected_params=key.params)
        strange = {kind for kind in _kinds(values) if kind not in VALUES and not issubclass(kind, Choice)}
        if strange:
            named = ", ".join(sorted(kind.__name__ for kind in strange))
            return replace(plan, refusal=f"a value of type {named}"), {}
        return plan, values


def _kinds(values: Mapping[str, Any]) -> set[type]:
    """Return the types of values, and of those in the lists among them."""
    kinds = set(map(type, values.values()))
    if list in kinds or tuple in kinds:
        lists = [value for value in values.values() if type(value) in (list, tuple)]
        kinds = (kinds - {list, tuple}).union(*(map(type, value) for value in lists))
    return kinds


def _written(statement: Question, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))


def _plan(statement: Question, dialect: Dialect, key: Any) -> Plan:
    compiler: Any = dialect.statement_compiler
    compiled = _reader(compiler)(dialect, statement, cache_key=key)
    seen: dict[str, dict[Any, None]] = getattr(compiled, "seen", {})
    tables = sorted(seen.get("tables", ()), key=lambda table: str(table.name))
    columns = [column.type for column in compiled._result_columns]
    values = [(name, _told(value.type)) for value, name in compiled.bind_names.items()]
    told = repr((str(compiled), compiled.positiontup, values, [_told(kind) for kind in columns]))
    return Plan(
        sql=str(compiled),
        tables=tuple(dict.fromkeys(table.name for table in tables)),
        groups=tuple(sorted({table.info[CACHED] for table in tables if _is_on_the_list(table)})),
        enums=tuple(kind.enum_class if isinstance(kind, Enum) else None for kind in columns),
        is_ordered=bool(statement._order_by_clauses),
        refusal=", ".join(dict.fromkeys(_refusals(statement, key, seen))),
        told=hashlib.blake2b(told.encode(), digest_size=32).hexdigest(),
        compiled=compiled,
    )


def _refusals(statement: Question, key: Any, seen: Mapping[str, Any]) -> Iterator[str]:
    yield from seen.get("refusals", ())
    yield from (f"table {table.name}" for table in seen.get("tables", ()) if not _is_on_the_list(table))
    yield from (f"the construct {kind.__name__}" for kind in _classes(key.key) if not _is_sqlalchemys(kind))
    if _has_entity(statement):
        yield "an object instead of columns"


def _is_on_the_list(table: Any) -> bool:
    return isinstance(table, Table) and table.metadata is db.metadata and CACHED in table.info


def _told(kind: Any) -> str:
    """Return what tells a type from others, in each process alike."""
    if isinstance(kind, Enum):  # whose own words may hold a place in memory
        return f"{kind.enum_class!r} {kind.enums}"
    return f"{type(kind).__module__} {kind!r}"


def _classes(key: Any) -> set[type]:
    """Return the classes of the elements that a statement's key was made of."""
    found: set[type] = set()
    todo = [key]
    while todo:
        part = todo.pop()
        if isinstance(part, tuple):
            todo += part
        elif isinstance(part, type) and issubclass(part, ClauseElement):
            found.add(part)
    return found


def _is_sqlalchemys(kind: type) -> bool:
    """Say whether SQLAlchemy's compiler writes such elements itself, so that it was asked for what they read."""
    if hasattr(kind, "_compiler_dispatcher"):  # left by @compiles
        return False
    own = (base for base in kind.__mro__ if issubclass(base, ClauseElement))
    return all(base.__module__.partition(".")[0] == "sqlalchemy" for base in own)


def _has_entity(statement: Any) -> bool:
    """Say whether a statement's rows hold mapped objects or bundles."""
    if isinstance(statement, CompoundSelect):
        return any(_has_entity(part) for part in statement.selects)
    columns = getattr(getattr(statement, "element", statement), "_raw_columns", ())
    told = [(one._annotations, one.is_selectable) for one in columns]
    return any("bundle" in notes or (is_selectable and "parententity" in notes) for notes, is_selectable in told)


class Noting(COMPILER):
    """A compiler that notes what it is asked to write; `_reader` puts it before a dialect's own."""

    hiding = 0
    """Inside how many functions and EXISTS we are, of which “*” tells no column."""

    def note(self, what: str, value: Any) -> None:
        # The base compiles inside its own __init__, so there is no moment to make this before.
        self.__dict__.setdefault("seen", {}).setdefault(what, {})[value] = None

    def hide(self, visit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.hiding += 1
        try:
            return visit(*args, **kwargs)
        finally:
            self.hiding -= 1

    def visit_table(self, table: Any, *args: Any, **kwargs: Any) -> Any:
        self.note("tables", table)
        return super().visit_table(table, *args, **kwargs)

    def visit_column(self, column: Any, *args: Any, **kwargs: Any) -> Any:
        if column.is_literal:  # “1”, “*”, and “%” around what is looked for SQLAlchemy itself writes so
            if column.name not in ("1", "'%'") and not (column.name == "*" and self.hiding):
                self.note("refusals", AS_TEXT)
        elif column.table is None:
            self.note("refusals", f"column {column.name} of no table")
        for base_column in column.base_columns:
            if UNCACHED.items() <= getattr(base_column, "info", {}).items():
                self.note("refusals", f"column {base_column}")
        return super().visit_column(column, *args, **kwargs)

    def visit_unary(self, unary: Any, *args: Any, **kwargs: Any) -> Any:
        if unary.operator is operators.exists:
            return self.hide(super().visit_unary, unary, *args, **kwargs)
        return super().visit_unary(unary, *args, **kwargs)

    def visit_function(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        if function.name.lower() not in FUNCTIONS or function.packagenames:
            self.note("refusals", f"function {'.'.join((*function.packagenames, function.name))}")
        return self.hide(super().visit_function, function, *args, **kwargs)

    def visit_cast(self, cast: Any, *args: Any, **kwargs: Any) -> Any:
        if issubclass(cast.type._type_affinity, MOMENTS):  # PostgreSQL takes the text “now” for one
            self.note("refusals", "a moment made of something else")
        return super().visit_cast(cast, *args, **kwargs)


def _refusing(name: str, reason: str) -> Callable[..., Any]:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.note("refusals", reason)
        return getattr(super(Noting, self), name)(*args, **kwargs)

    return refuse


for _name, _reason in REFUSED.items():
    setattr(Noting, _name, _refusing(_name, _reason))


@cache
def _reader(base: Any) -> Any:
    """Return a dialect's compiler that notes what it is asked to write."""
    return type("Reader", (Noting, base), {})
