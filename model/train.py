"""Trains the scorer: reads DATA, writes the model's file and its figures.

usage: train.py DATA PROGRAMS MODEL

DATA: a folder with the *.train.tsv and *.score.tsv files of the data's README, and *.dev.tsv
files, which select and calibrate but never train; PROGRAMS: the folder of the programs of this crate; MODEL: the file to write. The same
data, seed and versions give the same bytes.
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
import labels
import lexicon
import sgd
import vectors

SEED = 20
# Of the table of features: 8 places each, 18 bytes a place.
BUCKETS = 10_000
EPOCHS, RATE, DECAY, DROP = 8, 0.12, 1e-4, 0.3
# A feature of fewer texts is not learnt.
FEWEST = 3
# How much a source counts, a task each: sentiment, moods. One that is missing counts 1.
SENTIMENT_OF = {"companion": 3.0, "templates": 1.0, "phrases": 1.0}
MOODS_OF = {"xed": 0.1, "companion": 3.5, "templates": 1.0, "phrases": 2.0}
# Rows of these sources have no human rating: VADER's compound stands in for it, brought to
# the raters' spread, so that the ratings' head knows more than 6,700 rows teach.
STAND_IN, STAND_IN_SPREAD, STAND_IN_WEIGHT = ("tweets", "xed"), 0.55, 0.5
# How far rare classes are made up for: 1 is wholly.
BALANCE = {"sentiment": 1.0, "moods": 0.7}


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
            rated[row] = STAND_IN_SPREAD * compound
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


def fit(sparse, aims, weight, features, epochs, seed):
    """Weights [features, HEADS] and biases [HEADS]."""
    shape = (features, sgd.HEADS)
    w, g = np.zeros(shape, np.float32), np.full(shape, 1e-2, np.float32)
    b, gb = np.zeros(sgd.HEADS), np.ones(sgd.HEADS)
    generator = np.random.default_rng(seed)
    sentiment, moods, rated = aims
    for epoch in range(epochs):
        order = generator.permutation(len(rated))
        loss = sgd.epoch(order, *sparse, sentiment, moods, np.nan_to_num(rated), weight,
                         w, g, b, gb, RATE * (1 - epoch / epochs), DECAY, DROP, seed + epoch)
        print(f"epoch {epoch + 1}/{epochs}: loss {loss:.4f}", flush=True)
    return w, b


def quantise(w):
    """int8 weights and the value of a step of each head in 2^-20."""
    steps = np.maximum(np.quantile(np.abs(w), 0.9995, axis=0) / 127, 1e-4)
    scales = np.round(steps * (1 << 20)).astype(int)
    return np.clip(np.round(w / (scales / (1 << 20))), -127, 127).astype(np.int8), scales


def main(data, programs, out):
    rows, dev = corpus.Rows(), corpus.Rows()
    for path in sorted(Path(data).glob("*.tsv")):
        if ".train." in path.name or ".score." in path.name:
            corpus.add_file(rows, path)
        elif ".dev." in path.name:
            corpus.add_file(dev, path)
    companion.add(rows)
    words = lexicon.load(f"{programs}/words")
    with tempfile.NamedTemporaryFile() as blank:
        blank.write(binary.without_weights(words))
        blank.flush()
        sparse = vectors.extract(f"{programs}/features", blank.name, rows.text)
        dev_sparse = vectors.extract(f"{programs}/features", blank.name, dev.text)
    aims = targets(rows)
    weight = weights(np.array(rows.source), *aims)

    known, counts = np.unique(sparse[1], return_counts=True)
    frequent = counts >= FEWEST
    known, counts = known[frequent], counts[frequent]
    w, _ = fit(compact(sparse, known), aims, weight, len(known), EPOCHS // 2, SEED)
    use = np.linalg.norm(w, axis=1) * np.sqrt(counts)
    best = known[np.argsort(-use, kind="stable")]
    known = np.sort(best[binary.chosen(best, BUCKETS)])
    w, b = fit(compact(sparse, known), aims, weight, len(known), EPOCHS, SEED)

    q, scales = quantise(w)
    outputs = sgd.predict(*compact(dev_sparse, known),
                          (q * (scales / (1 << 20))).astype(np.float32), b)
    b = np.round((b + calibrate.mood_shifts(dev, outputs)) * 4096).astype(int)
    Path(out).write_bytes(binary.model(words, known, q, scales, b, BUCKETS))


if __name__ == "__main__":
    main(*sys.argv[1:])
