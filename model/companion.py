"""Examples of companion chat that were written for the scorer (CC0): `companion/*.tsv`."""

from pathlib import Path

import corpus
import labels
import lexicon

FOLDER = Path(__file__).parent / "companion"


def add(rows):
    """Adds the examples, and the words and phrases of the companion list as such."""
    for path in sorted(FOLDER.glob("*.tsv")):
        corpus.add_file(rows, path, "companion")
    for phrase, valence, mood, _weight in lexicon.rows("companion.tsv"):
        valence = int(valence)
        side = 2 if valence >= 10 else 0 if valence <= -10 else 1
        rows.add(phrase, "phrases", side, {mood} if mood in labels.MOODS else ())
