"""The protocol on a small model, in all the orders that things can happen in: why a hit is never stale.

The database holds a content and rows of tokens, whose sum is the version. Writers add to the content and insert a row;
a folder replaces rows by their sum; a backup is taken and put back; each of these may be killed before its COMMIT. A
reader takes version and content from one snapshot, looks in the store, which forgets whatever it likes, and fills it.
A hit has to be what the reader's snapshot holds. Taking any part away breaks that, which shows that the model sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest


class Row(NamedTuple):
    """A row of tokens: its id, and the random numbers that it is the sum of; no two sums of others are ever equal."""

    id: int
    sum: tuple[int, ...]


class Reader(NamedTuple):
    """A request: what it does next, and the version and content of its snapshot."""

    next: str = "begin"
    version: tuple[int, ...] = ()
    content: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class World:
    """A state of everything; `number` is the next one that nobody has had."""

    content: frozenset[int] = frozenset()
    rows: frozenset[Row] = frozenset({Row(0, (0,))})
    store: frozenset[tuple[tuple[int, ...], frozenset[int]]] = frozenset()
    writers: tuple[int, ...] = (0, 0)
    readers: tuple[Reader, ...] = (Reader(), Reader())
    folder: frozenset[Row] | None = None
    lost: tuple[int, ...] = ()
    folds: int = 0
    backup: tuple[frozenset[int], frozenset[Row]] | None = None
    restores: int = 0
    number: int = 1

    @property
    def version(self) -> tuple[int, ...]:
        """The sum of all rows."""
        return tuple(sorted(number for row in self.rows for number in row.sum))


@dataclass(frozen=True, slots=True)
class Protocol:
    """The parts of it that can be taken out, as they should be."""

    steps: tuple[str, ...] = ("both",)
    """What each of a writer's transactions changes."""
    is_random: bool = True
    is_one_snapshot: bool = True
    is_fold_atomic: bool = True


class Stale(Exception):
    """A hit was not what the reader's snapshot held."""


DONE = 9


def after(world: World, protocol: Protocol) -> Iterator[World]:
    """Yield each state that may come next; raise `Stale`."""
    yield from _written(world, protocol)
    yield from _folded(world, protocol)
    if world.restores:
        if world.backup is None:
            yield replace(world, backup=(world.content, world.rows))
        else:  # the server is stopped for it, so whatever is open ends
            content, rows = world.backup
            yield replace(world, content=content, rows=rows, folder=None, lost=(), restores=world.restores - 1)
    for entry in world.store:
        yield replace(world, store=world.store - {entry})
    for place, reader in enumerate(world.readers):
        others = world.readers[:place] + world.readers[place + 1 :]
        for moved, store in _read(world, reader, protocol):
            yield replace(world, readers=tuple(sorted((*others, moved), key=repr)), store=store)


def _written(world: World, protocol: Protocol) -> Iterator[World]:
    """A commit of a writer; one that was killed never comes to it."""
    for place, done in enumerate(world.writers):
        if done == DONE:
            continue
        others = world.writers[:place] + world.writers[place + 1 :]
        yield replace(world, writers=tuple(sorted((*others, DONE))))
        number, step = world.number, protocol.steps[done]
        here = DONE if done + 1 == len(protocol.steps) else done + 1
        moved = replace(world, writers=tuple(sorted((*others, here))), number=number + 1)
        if step != "token":
            moved = replace(moved, content=world.content | {number})
        if step != "data":
            moved = replace(moved, rows=world.rows | {Row(number, (number if protocol.is_random else 0,))})
        yield moved


def _folded(world: World, protocol: Protocol) -> Iterator[World]:
    number = world.number
    if world.lost:
        yield replace(world, rows=world.rows | {Row(number, world.lost)}, lost=(), number=number + 1)
    elif world.folder is None:
        if world.folds and len(world.rows) > 1:
            yield replace(world, folder=world.rows, folds=world.folds - 1)
    else:
        yield replace(world, folder=None)
        if world.folder <= world.rows:  # else somebody else has folded some of them
            left, total = world.rows - world.folder, tuple(sorted(one for row in world.folder for one in row.sum))
            if protocol.is_fold_atomic:
                yield replace(world, rows=left | {Row(number, total)}, folder=None, number=number + 1)
            else:
                yield replace(world, rows=left, lost=total, folder=None)


def _read(world: World, reader: Reader, protocol: Protocol) -> Iterator[tuple[Reader, frozenset]]:
    kept = dict(world.store)
    if reader.next == "begin":
        yield Reader("look", world.version, world.content), world.store
    elif reader.next == "look":
        if reader.version not in kept:
            yield reader._replace(next="fill"), world.store
        elif kept[reader.version] != reader.content:
            raise Stale
        else:
            yield Reader("end"), world.store
    elif reader.next == "fill":
        found = reader.content if protocol.is_one_snapshot else world.content
        yield Reader("end"), frozenset({**kept, reader.version: found}.items())


def explore(protocol: Protocol, *, folds: int = 0, restores: int = 0) -> int:
    """Go through all states; return how many there are, or raise `Stale`."""
    start = World(folds=folds, restores=restores)
    seen, todo = {start}, [start]
    while todo:
        for world in after(todo.pop(), protocol):
            if world not in seen:
                seen.add(world)
                todo.append(world)
    return len(seen)


@pytest.mark.parametrize(("folds", "restores"), [(2, 0), (0, 1), (1, 1)])
def test_whole_protocol_holds_in_every_state(folds: int, restores: int) -> None:
    assert explore(Protocol(), folds=folds, restores=restores) > 1000


TAKEN_OUT = {
    "tokens move before the data": (Protocol(steps=("token", "data")), {}),
    "tokens move after the data": (Protocol(steps=("data", "token")), {}),
    "tokens don't move": (Protocol(steps=("data",)), {}),
    "counted, and a backup put back": (Protocol(is_random=False), {"restores": 1}),
    "rows of a later snapshot": (Protocol(is_one_snapshot=False), {}),
    "folded in two transactions": (Protocol(is_fold_atomic=False), {"folds": 2}),
}


@pytest.mark.parametrize("what", TAKEN_OUT)
def test_each_part_is_needed(what: str) -> None:
    protocol, more = TAKEN_OUT[what]
    with pytest.raises(Stale):
        explore(protocol, **more)


def test_counting_alone_is_no_fault() -> None:
    """It takes a backup put back to make one count say two things."""
    assert explore(Protocol(is_random=False)) > 100
