"""The lexicon that the scorer looks words up in: word -> (valence in tenths, roles)."""

import subprocess
import tempfile
from pathlib import Path

import binary

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


def normal(words, program):
    """{word: the token that it is to the scorer}, by its own program; others left out.

    Emoticons stand as they are: the scorer knows them by the lexicon that is being made.
    """
    with tempfile.NamedTemporaryFile() as blank:
        blank.write(binary.without_weights({}))
        blank.flush()
        out = subprocess.run([program, blank.name], input="\n".join(words).encode(),
                             stdout=subprocess.PIPE, check=True).stdout.decode()
    tokens = dict(zip(words, out.split("\n")))
    result = {}
    for word in words:
        if word.isascii() and not any(c.isalnum() for c in word[:1]):
            result[word] = word.lower()
        elif tokens[word] and " " not in tokens[word]:
            result[word] = tokens[word]
    return result


def load(program):
    """{token: (valence, roles)}. Companion chat's valences go before VADER's."""
    valences, roles = {}, {}
    for word, valence in [*rows("vader.tsv"), *rows("vader_emoji.tsv")]:
        valences.setdefault(word.lower(), int(valence))
    for valence, words in rows("bangla.tsv"):
        valences.update((word, int(valence)) for word in words.split(" "))
    for phrase, valence, _mood, _weight in rows("companion.tsv"):
        if " " not in phrase:
            valences[phrase] = int(valence)
    for role, words in rows("roles.tsv"):
        for word in words.split(" "):
            roles[word] = roles.get(word, 0) | ROLES[role]
    lexicon = {}
    tokens = normal(sorted(valences.keys() | roles.keys()), program)
    for word, token in tokens.items():
        valence, role = lexicon.get(token, (0, 0))
        lexicon[token] = (valences.get(word, valence), role | roles.get(word, 0))
        if not word[0].isalnum() and word in valences:
            lexicon[token] = (valences[word], SYMBOL)
    # Words that turn or weigh others have no valence of their own, as in VADER.
    alone = ROLES["speaker"] | SYMBOL
    return {token: (0 if role & ~alone else valence, role)
            for token, (valence, role) in sorted(lexicon.items()) if valence or role}
