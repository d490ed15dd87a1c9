"""Examples of companion chat that were written for the scorer (CC0): `companion/*.txt`.

A heading `[sentiment mood]` ("-": none) stands over its messages, one a line.
"""

from pathlib import Path

import labels
import lexicon

FOLDER = Path(__file__).parent / "companion"


def examples():
    """(language, message, class, moods) of every example."""
    for path in sorted(FOLDER.glob("*.txt")):
        side, mood = None, "-"
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                side, mood = line.strip("[]").split(" ")
            elif line:
                yield (path.stem, line, labels.CLASSES.index(side),
                       {mood} if mood in labels.MOODS else set())


def filled():
    """(message, class, moods) of every template: once with each filler of its largest slot.

    Each other slot takes its fillers in turn.
    """
    fillers, templates = {}, []
    for first, *rest in lexicon.rows("templates.tsv"):
        if first.startswith("{") and first.endswith("}"):
            fillers[first] = rest[0].split(", ")
        else:
            templates.append((first, *rest))
    for side, mood, template in templates:
        slots = [name for name in fillers if name in template]
        for turn in range(max(len(fillers[name]) for name in slots)):
            message = template
            for name in slots:
                message = message.replace(name, fillers[name][turn % len(fillers[name])])
            yield (message, labels.CLASSES.index(side), {mood} if mood in labels.MOODS else set())


def add(rows):
    """Adds the examples, and the words and phrases of the lists as such.

    What is in Bangla script is a source of its own: no other has any.
    """
    for language, message, side, moods in examples():
        source = "bangla" if language.startswith("bangla") else "companion"
        rows.add(message, source, side, moods)
    for message, side, moods in filled():
        rows.add(message, "templates", side, moods)
    for phrase, valence, mood, _weight in lexicon.rows("companion.tsv"):
        rows.add(phrase, "phrases", side_of(int(valence)),
                 {mood} if mood in labels.MOODS else ())
    for valence, words in lexicon.rows("bangla.tsv"):
        for word in words.split(" "):
            rows.add(word, "bangla", side_of(int(valence)))


def side_of(valence):
    """Class of a valence in tenths."""
    return 2 if valence >= 10 else 0 if valence <= -10 else 1
