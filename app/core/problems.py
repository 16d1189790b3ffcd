"""What can go wrong, by name; each face turns them into its own words (a field error, problem+json, an exit code)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

Sentence: TypeAlias = "str | LazyString"


class Problem(Exception):
    """Something a person can be told about; `str()` of it is a sentence without technical detail."""

    sentence: Sentence = _l("Something went wrong.")

    def __init__(self, sentence: Sentence | None = None) -> None:
        super().__init__(sentence or self.sentence)
        if sentence:
            self.sentence = sentence

    def __str__(self) -> str:
        return str(self.sentence)


class Invalid(Problem):
    """Input that breaks a rule: `errors` maps a field's name (or "" for the whole) to its sentences."""

    sentence = _l("Some of what was entered can’t be used.")

    def __init__(self, errors: Mapping[str, Sentence | Sequence[Sentence]]) -> None:
        self.errors: dict[str, list[Sentence]] = {
            field: [words] if isinstance(words, str | LazyString) else list(words) for field, words in errors.items()
        }
        super().__init__()

    def __str__(self) -> str:
        return " ".join(str(words) for sentences in self.errors.values() for words in sentences)


class TooMany(Invalid):
    """A preview of more records than can be shown; the action itself may be fine."""


class NotFound(Problem):
    """The record is not there, or not for this actor's eyes; the two are not told apart."""

    sentence = _l("There is no such record, or it was removed.")


class Forbidden(Problem):
    """The actor may not do this."""

    sentence = _l("You don’t have the right to do this.")


class HeldBack(Problem):
    """Nothing was done yet: somebody else has to agree first, to the approval of this id."""

    sentence = _l("This waits for a second administrator.")

    def __init__(self, approval_id: int) -> None:
        self.approval_id = approval_id
        super().__init__()


class Conflict(Problem):
    """The record moved on since it was read, and some fields were changed by both sides: nothing was saved.

    `version` is the present one, `theirs` holds the present values of those fields and `original` what they were
    before, as far as that is known. `kept` are the other fields that were sent, but not changed by the sender: they
    stay as they are now.
    """

    sentence = _l("Somebody else changed this record while you were editing it.")

    def __init__(
        self,
        version: int,
        theirs: Mapping[str, Any],
        original: Mapping[str, Any] | None = None,
        kept: Mapping[str, Any] | None = None,
    ) -> None:
        self.version = version
        self.theirs = dict(theirs)
        self.original = dict(original or {})
        self.kept = dict(kept or {})
        super().__init__()


class Passing(Problem):
    """Something that may well be over when it is tried again later: a database, a store or a mail server is away."""


class Busy(Passing):
    """The database could not take the change just now; nothing was saved, trying again is safe."""

    sentence = _l("The database is busy just now. Nothing was saved; please try again.")


class Outdated(Passing):
    """The tables are another version's: this code would not change them as that one counts on."""

    sentence = _l("The database has another version’s tables. Update this program and start it again.")


class OutcomeUnknown(Passing):
    """The connection broke during COMMIT, so the change may or may not be there; never repeated by itself."""

    sentence = _l("The connection broke while saving. Please check whether the change is there before you repeat it.")


class Unavailable(Passing):
    """The database can't be reached."""

    sentence = _l("The database can’t be reached at the moment. Nothing was saved.")
