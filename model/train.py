"""Trains the scorer: reads DATA, writes the model's file and its figures.

usage: train.py DATA PROGRAMS MODEL

DATA: a folder with the *.train.tsv and *.score.tsv files of the data's README, and *.dev.tsv
files, which calibrate but never train; PROGRAMS: the folder of the programs of this crate;
MODEL: the file to write. The same data, seed, versions and machine give the same bytes.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

import binary
import calibrate
import companion
import corpus
import fit
import labels
import lexicon
import opinions
import vectors

SEED = 20
# Of the table of features: 8 places each, 18 bytes a place.
BUCKETS = 9_600
# Of the fit that chooses the features, and of the one that stays.
CHOOSING_EPOCHS, EPOCHS = 3, 8
RATE, DROP = 1.2, 0.4
# A feature of fewer texts is not learnt.
FEWEST = 3
# How much a source counts, a task each: sentiment, moods. One that is missing counts 1.
SENTIMENT_OF = {"companion": 3.0, "bangla": 4.0, "templates": 1.0, "phrases": 2.0}
MOODS_OF = {"xed": 0.1, "companion": 3.5, "bangla": 4.0, "templates": 1.0, "phrases": 2.0}
# Rows of these sources have a class and no rating: VADER's compound and the class (-1, 0, 1)
# stand in for it at the raters' spread, so that the ratings' head knows more than 6,700 rows
# teach.
STAND_IN, STAND_IN_WEIGHT = ("tweets", "xed"), 0.5
OF_COMPOUND, OF_CLASS = 0.4, 0.2
# How far rare classes are made up for: 1 is wholly.
BALANCE = {"sentiment": 1.0, "moods": 0.7}
# Rated messages have classes too: a rating this far from the middle is wholly one.
RATED_SOURCES, WHOLLY = ("vader_amazon", "vader_nyt"), 0.3
# Where a label and the teacher's opinion are known, the label's share; where the opinion
# alone is, its weight. The teacher knows the mood of a subtitle better than XED's labels,
# which are of eight emotions.
LABEL_SHARE, OPINION_WEIGHT, OPINION_ALONE = 0.2, 1.0, ("xed",)
OPINIONS = Path(__file__).parent / "data" / "opinions.npz"


def labelled(data):
    """The rows that train: those of the folder, then the examples of this project."""
    rows = corpus.Rows()
    for path in sorted(Path(data).glob("*.tsv")):
        if ".train." in path.name or ".score." in path.name:
            corpus.add_file(rows, path)
    companion.add(rows)
    return rows


def targets(rows):
    """Shares of classes [n, 3] and moods [n, 13] (zeros: unknown), ratings in -1..1 [n]."""
    n = len(rows.text)
    sentiment, moods = np.zeros((n, 3)), np.zeros((n, len(labels.MOODS)))
    for row in range(n):
        if rows.sentiment[row] != corpus.NONE:
            sentiment[row, rows.sentiment[row]] = 1
        for mood in rows.moods[row]:
            moods[row, labels.MOODS.index(mood)] = 1 / len(rows.moods[row])
    analyzer = SentimentIntensityAnalyzer()
    rated = np.array(rows.rated) * 2 - 1
    for row in range(n):
        if rows.source[row] in STAND_IN:
            compound = analyzer.polarity_scores(rows.text[row])["compound"]
            rated[row] = OF_COMPOUND * compound + OF_CLASS * (sentiment[row] @ (-1, 0, 1))
    return sentiment, moods, rated


def weights(sources, sentiment, moods, rated):
    """Weight of each row in each task [n, 3]: classes of a source are evened out."""
    result = np.zeros((len(sources), 3))
    for source in np.unique(sources):
        of_source = sources == source
        for task, (shares, power, share_of) in enumerate((
                (sentiment, BALANCE["sentiment"], SENTIMENT_OF),
                (moods, BALANCE["moods"], MOODS_OF))):
            known = of_source & (shares.sum(axis=1) > 0)
            if known.any():
                counts = shares[known].sum(axis=0)
                rarity = np.where(counts > 0, np.maximum(counts, 1) ** -power, 0)
                weight = shares[known] @ rarity
                result[known, task] = weight / weight.mean() * share_of.get(source, 1.0)
    result[~np.isnan(rated), 2] = np.where(np.isin(sources, STAND_IN), STAND_IN_WEIGHT,
                                           2)[~np.isnan(rated)]
    return result


def compact(vectors_, known):
    """Sparse rows with the ids' positions in `known` (sorted); other features left out."""
    pointers, ids, values = vectors_
    at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    kept = known[at] == ids
    before = np.concatenate([[0], np.cumsum(kept)])
    return before[pointers], at[kept].astype(np.int32), values[kept]


def with_classes_of_ratings(sources, aims, weight):
    """The aims and weights with shares of classes for what has a rating alone."""
    (sentiment, moods, rated), weight = aims, weight.copy()
    of = np.isin(sources, RATED_SOURCES)
    side = np.clip(rated[of] / WHOLLY, -1, 1)
    sentiment = sentiment.copy()
    sentiment[of] = np.stack([np.maximum(-side, 0), 1 - np.abs(side), np.maximum(side, 0)],
                             axis=1)
    weight[of, 0] = 1
    return (sentiment, moods, rated), weight


def taught(sources, aims, weight, said):
    """The aims and weights after the teacher was heard.

    said: its outputs [n, OUTPUTS], nan where it was not asked.
    """
    sentiment, moods, rated = (aim.copy() for aim in aims)
    weight = weight.copy()
    heard = ~np.isnan(said[:, 0])
    for task, (aim, outputs, alone) in enumerate((
            (sentiment, opinions.CLASSES, ()), (moods, opinions.MOODS, OPINION_ALONE))):
        opinion = opinions.shares(said[:, outputs])
        labelled_too = heard & (weight[:, task] > 0) & ~np.isin(sources, alone)
        aim[labelled_too] *= LABEL_SHARE
        aim[labelled_too] += (1 - LABEL_SHARE) * opinion[labelled_too]
        only = heard & ~labelled_too
        aim[only], weight[only, task] = opinion[only], OPINION_WEIGHT
    return (sentiment, moods, rated), weight


def quantise(w):
    """int8 weights and the value of a step of each head in 2^-20."""
    steps = np.maximum(np.quantile(np.abs(w), 0.9995, axis=0) / 127, 1e-4)
    scales = np.round(steps * (1 << 20)).astype(int)
    return np.clip(np.round(w / (scales / (1 << 20))), -127, 127).astype(np.int8), scales


def main(data, programs, out):
    rows, dev = labelled(data), corpus.Rows()
    for path in sorted(Path(data).glob("*.dev.tsv")):
        corpus.add_file(dev, path)
    words = lexicon.load(f"{programs}/words")
    with tempfile.NamedTemporaryFile() as blank:
        blank.write(binary.without_weights(words))
        blank.flush()
        sparse, of_whole = vectors.extract(f"{programs}/features", blank.name, rows.text)
        dev_sparse, _ = vectors.extract(f"{programs}/features", blank.name, dev.text)
    sources, aims = np.array(rows.source), targets(rows)
    aims, weight = with_classes_of_ratings(sources, aims, weights(sources, *aims))
    (sentiment, moods, rated), weight = taught(
        sources, aims, weight, opinions.read(OPINIONS, rows.text))
    aims = sentiment, moods, np.nan_to_num(rated)

    known, counts = np.unique(sparse[1], return_counts=True)
    frequent = counts >= FEWEST
    known, counts = known[frequent], counts[frequent]
    w, _ = fit.fit(compact(sparse, known), aims, weight, np.isin(known, of_whole),
                   CHOOSING_EPOCHS, RATE, DROP, SEED)
    use = np.linalg.norm(w, axis=1) * np.sqrt(counts)
    best = known[np.argsort(-use, kind="stable")]
    known = np.sort(best[binary.chosen(best, BUCKETS)])
    w, b = fit.fit(compact(sparse, known), aims, weight, np.isin(known, of_whole),
                   EPOCHS, RATE, DROP, SEED)

    q, scales = quantise(w)
    outputs = fit.predict(compact(dev_sparse, known),
                          (q * (scales / (1 << 20))).astype(np.float32), b)
    b = np.round((b + calibrate.mood_shifts(dev, outputs)) * 4096).astype(int)
    Path(out).write_bytes(binary.model(words, known, q, scales, b, BUCKETS))


if __name__ == "__main__":
    main(*sys.argv[1:])
