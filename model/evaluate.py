"""Evaluates the committed model and four others on every TSV of a folder.

usage: evaluate.py DATA PROGRAMS

Prints `file<TAB>system<TAB>metric<TAB>value` lines. A file's columns and labels tell what
is measured: see `labels.py` for the sets that are known.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

import corpus
import labels
from labels import MOODS

SYSTEMS = ["bondhu", "vaderSentiment", "TextBlob", "vader_sentiment", "vader-sentimental"]
# As the core's `NEGATIVE_UP_TO` and `POSITIVE_FROM`, and VADER's own compound of 0.05.
NEUTRAL_WITHIN = 0.05


class Readings:
    """What each system says of the texts: sentiment in -1..1; bondhu's mood and support."""

    def __init__(self, texts, programs):
        lines = [" ".join(text.split("\r")).replace("\n", " ") for text in texts]
        scored = run(f"{programs}/score", lines)
        self.mood = np.array([fields[1] for fields in scored])
        self.support = np.array([fields[3] for fields in scored])
        others = np.array([[float(x) for x in fields] for fields in run(f"{programs}/baselines",
                                                                        lines)])
        self.sentiment = {
            "bondhu": np.array([int(fields[0]) for fields in scored]) / 50 - 1,
            "vader_sentiment": others[:, 0],
            "vader-sentimental": others[:, 1],
            **python_systems(lines),
        }


def run(program, lines):
    """The tab-separated fields that a program writes for each line."""
    out = subprocess.run([program], input=("\n".join(lines) + "\n").encode(), check=True,
                         stdout=subprocess.PIPE).stdout.decode()
    rows = [line.split("\t") for line in out.split("\n")[:-1]]
    assert len(rows) == len(lines), program
    return rows


def python_systems(lines):
    from textblob import TextBlob
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    analyzer = SentimentIntensityAnalyzer()
    return {
        "vaderSentiment": np.array([analyzer.polarity_scores(line)["compound"]
                                    for line in lines]),
        "TextBlob": np.array([TextBlob(line).sentiment.polarity for line in lines]),
    }


def classes(sentiment, binary):
    """0, 1, 2; without a neutral class, whichever side of the middle it is."""
    if binary:
        return np.where(sentiment > 0, 2, 0)
    sentiment = np.round(sentiment, 6)
    return np.where(sentiment >= NEUTRAL_WITHIN, 2, np.where(sentiment <= -NEUTRAL_WITHIN, 0, 1))


def f1(truth, said, label):
    both = ((truth == label) & (said == label)).sum()
    return 2 * both / max(1, (truth == label).sum() + (said == label).sum())


def class_metrics(truth, said):
    present = np.unique(truth)
    yield "macro_recall", np.mean([(said[truth == label] == label).mean() for label in present])
    yield "macro_f1", np.mean([f1(truth, said, label) for label in present])
    yield "accuracy", (truth == said).mean()


def file_metrics(rows, readings, columns):
    """(system, metric, value) of one file."""
    rated, truth = np.array(rows.rated, dtype=float), np.array(rows.sentiment)
    has_rating, has_class = ~np.isnan(rated), truth != corpus.NONE
    binary = not (truth == labels.NEUTRAL).any()
    for system in SYSTEMS:
        sentiment = readings.sentiment[system]
        if has_rating.any():
            value = (sentiment[has_rating] + 1) / 2
            yield system, "pearson", np.corrcoef(value, rated[has_rating])[0, 1]
            yield system, "mae", np.abs(value - rated[has_rating]).mean()
        if has_class.any():
            said = classes(sentiment, binary)
            for metric, value in class_metrics(truth[has_class], said[has_class]):
                yield system, metric, value
            for category in sorted(set(columns.get("category", []))):
                of = has_class & (np.array(columns["category"]) == category)
                if of.any():
                    yield system, f"accuracy:{category}", (truth[of] == said[of]).mean()
    # Moods without training rows count where they were labelled by hand.
    counted = set(MOODS) if "category" in columns else set(MOODS) - labels.HAND_WRITTEN
    moods = [next(iter(m)) if len(m) == 1 and m <= counted else "" for m in rows.moods]
    known = np.array([mood != "" for mood in moods])
    if known.any():
        truth, said = np.array(moods)[known], readings.mood[known]
        yield "bondhu", "mood_macro_f1", np.mean([f1(truth, said, mood)
                                                  for mood in np.unique(truth)])
        yield "bondhu", "mood_accuracy", (truth == said).mean()
    if "support" in columns:
        level = np.array(columns["support"])
        crisis = readings.support == "crisis"
        if (level == "crisis").any():
            yield "bondhu", "crisis_recall", crisis[level == "crisis"].mean()
        if (level == "none").any():
            yield "bondhu", "false_alarms", crisis[level == "none"].mean()


def main(data, programs, only=lambda path: True):
    paths = list(filter(only, sorted(Path(data).glob("*.tsv"))))
    if not paths:
        sys.exit(f"{data} has no .tsv file: name a folder of files with a column text and a column label")
    for path in paths:
        header, body = corpus.table(path)
        rows = corpus.Rows()
        if "text" not in header or not {"label", "sentiment"} & set(header) or not body:
            print(f"left out {path.name}: it has no column text, no column label, or no row", file=sys.stderr)
            continue
        try:
            corpus.add_file(rows, path)
        except ValueError as error:
            print(f"left out {error}", file=sys.stderr)
            continue
        columns = {name: [row[at] for row in body] for at, name in enumerate(header)
                   if name in ("support", "category")}
        for system, metric, value in file_metrics(rows, Readings(rows.text, programs), columns):
            print(f"{path.name}\t{system}\t{metric}\t{value:.4f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
