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

# What Bangla appends to nouns and adjectives: case, number, article, emphasis.
BANGLA_ENDINGS = ("র", "ের", "ে", "য়", "কে", "রা", "েরা", "দের", "টা", "টি", "গুলো", "ও", "ই")
# Letters and signs of a word to which they are appended; shorter ones would become others.
INFLECTED_FROM = 3


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
    valences, inflected, roles = {}, {}, {}
    for word, valence in [*rows("vader.tsv"), *rows("vader_emoji.tsv")]:
        valences.setdefault(word.lower(), int(valence))
    for valence, words in rows("bangla.tsv"):
        for word in words.split(" "):
            valences[word] = int(valence)
            if len(word) >= INFLECTED_FROM:
                inflected.update((word + ending, int(valence)) for ending in BANGLA_ENDINGS)
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
    for word, token in normal(sorted(inflected.keys() - valences.keys()), program).items():
        lexicon.setdefault(token, (inflected[word], 0))
    # Words that turn or weigh others have no valence of their own, as in VADER.
    alone = ROLES["speaker"] | SYMBOL
    return {token: (0 if role & ~alone else valence, role)
            for token, (valence, role) in sorted(lexicon.items()) if valence or role}
