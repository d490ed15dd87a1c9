"""The lexicon that the scorer looks words up in: word -> (valence in tenths, roles)."""

import unicodedata
from pathlib import Path

DATA = Path(__file__).parent / "data"

# Bits of `lexicon::Entry` in the core.
ROLES = {
    "negates_next": 1,
    "negates_before": 2,
    "boosts": 4,
    "dampens": 8,
    "contrasts": 16,
    "speaker": 32,
}
SYMBOL = 64


def rows(name):
    """The tab-separated fields of each line of a data file that is no comment."""
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("# "):
            yield line.split("\t")


def normal(word):
    """A word as the scorer's tokens are: lower case, "don't" as "dont", Bangla decomposed."""
    word = word.lower()
    for letter in "smtv":
        word = word.replace("'" + letter, letter)
    for letter in "\u09dc\u09dd\u09df":
        word = word.replace(letter, unicodedata.normalize("NFD", letter))
    return word


def load():
    """{word: (valence, roles)}. Companion chat's valences go before VADER's."""
    valences = {}
    for word, valence in rows("vader.tsv"):
        valences.setdefault(normal(word), int(valence))
    for symbol, valence in rows("vader_emoji.tsv"):
        valences[symbol] = int(valence)
    for phrase, valence, _mood, _weight in rows("companion.tsv"):
        if " " not in phrase:
            valences[normal(phrase)] = int(valence)
    roles = {}
    for role, words in rows("roles.tsv"):
        for word in words.split(" "):
            roles[normal(word)] = roles.get(normal(word), 0) | ROLES[role]
    lexicon = {}
    for word in sorted(valences.keys() | roles.keys()):
        role = roles.get(word, 0)
        # Words that turn or weigh others have no valence of their own, as in VADER.
        valence = 0 if role & ~ROLES["speaker"] else valences.get(word, 0)
        if not word[0].isalnum() and word in valences:
            role |= SYMBOL
        if valence or role:
            lexicon[word] = (valence, role)
    return lexicon
