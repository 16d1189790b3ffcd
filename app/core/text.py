"""Text made comparable: the same key for what people take to be the same words, on every database engine."""

import re
import unicodedata

SPACES = re.compile(r"\s+")
WORD = re.compile(r"[^\W_]+")
# Scripts written without spaces between words: any part of a name may be what somebody types.
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)
# What no column can hold: control characters that are no white space, and halves of characters.
UNSTORABLE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")
# Letters that Unicode doesn't take apart into a plain one and its mark, though who searches types the plain one.
PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
LONGEST_WORD = 64


def tidy(text: str | None) -> str | None:
    """Return `text` without control characters and stray white space, line breaks kept; None when nothing is left."""
    if text is None:
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return text.strip() or None


def key(text: str) -> str:
    """Return the form that decides whether two texts are the same: NFKC, casefolded, white space collapsed."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return SPACES.sub(" ", UNSTORABLE.sub("", folded)).strip()


def sort_key(text: str) -> str:
    """Return the form that lists are sorted by: `key` without accents, so that É stands beside E."""
    decomposed = unicodedata.normalize("NFKD", key(text))
    folded = "".join(c for c in decomposed if not unicodedata.combining(c)).translate(PLAIN)
    return unicodedata.normalize("NFC", folded)


def words(text: str) -> set[str]:
    """Return the words under which `text` is found by prefix.

    A name with a hyphen or apostrophe is found by its parts and written together; in scripts without spaces every
    tail of a word counts, because its second character may be the given name.
    """
    found: set[str] = set()
    for chunk in sort_key(text).split(" "):
        parts = WORD.findall(chunk)
        found.update(parts)
        if len(parts) > 1:
            found.add("".join(parts))
    for word in list(found):
        if UNSPACED.search(word):
            found.update(word[i:] for i in range(1, len(word)))
    return {word[:LONGEST_WORD] for word in found}


def terms(search: str) -> list[str]:
    """Return the prefixes that a typed search asks for, all of which have to be found; at most eight."""
    wanted: list[str] = []
    for chunk in sort_key(search).split(" "):
        if "@" in chunk.strip("@"):
            wanted.append(chunk)
        else:
            wanted.extend(WORD.findall(chunk))
    return [word[:LONGEST_WORD] for word in dict.fromkeys(wanted)][:8]
