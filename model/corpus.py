"""Reads the data that the scorer is trained on and judged by."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import labels

NONE = -1


@dataclass
class Rows:
    """Texts with what is known of each: class and mood (NONE: unknown), rating, weight."""

    text: list = field(default_factory=list)
    sentiment: list = field(default_factory=list)
    moods: list = field(default_factory=list)
    rated: list = field(default_factory=list)
    source: list = field(default_factory=list)

    def add(self, text, source, sentiment=None, moods=(), rated=np.nan):
        self.text.append(text)
        self.source.append(source)
        self.sentiment.append(NONE if sentiment is None else sentiment)
        self.moods.append(moods)
        self.rated.append(rated)


def table(path):
    """Header and rows of a TSV as lists of strings; broken rows are left out."""
    lines = Path(path).read_text(encoding="utf-8", errors="replace").split("\n")
    header = lines[0].rstrip("\r").split("\t")
    rows = [line.rstrip("\r").split("\t") for line in lines[1:] if line]
    return header, [row for row in rows if len(row) == len(header)]


def add_file(rows, path, name=None):
    """Adds a file in one of the formats of the data's README."""
    header, body = table(path)
    name = name or Path(path).name.split(".")[0]
    columns = {column: at for at, column in enumerate(header)}
    if "label" in columns:
        pairs = [(row[columns["text"]], row[columns["label"]]) for row in body]
        try:
            ratings = [float(label) for _, label in pairs]
        except ValueError:
            pass
        else:
            for (text, _), rating in zip(pairs, ratings):
                rows.add(text, name, rated=rating)
            return
        source = labels.source_of(label for _, label in pairs)
        if source is None:
            raise ValueError(f"{path}: labels of no known set")
        for text, label in pairs:
            rows.add(text, name, labels.sentiment(source, label),
                     labels.moods(source, label))
    else:
        for row in body:
            side = row[columns["sentiment"]]
            mood = row[columns["mood"]]
            rows.add(row[columns["text"]], name,
                     labels.CLASSES.index(side) if side in labels.CLASSES else None,
                     {mood} if mood in labels.MOODS else ())
