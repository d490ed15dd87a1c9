"""Writes the model's file, whose format `core/src/score/{model,table,hash}.rs` read."""

import struct

import numpy as np

MAGIC = b"bondhu\0\x02"
HEADS = 16
LANES = 8
PADDING = 40
MASK = 0xFFFFFFFFFFFFFFFF


def word_hash(word):
    """Hash of a word, as `hash::WordHash`."""
    value = 0xCBF29CE484222325
    for c in word:
        value = ((value ^ ord(c)) * 0x100000001B3) & MASK
    return (((value ^ (value >> 32)) * 0xD6E8FEB86659FD93) & MASK) >> 32


def checksum(data):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def chosen(ids, buckets):
    """Positions of the ids, best first, that find a place in a table of so many buckets."""
    bucket = np.asarray(ids, dtype=np.uint64) * np.uint64(buckets) >> np.uint64(32)
    order = np.argsort(bucket, kind="stable")
    starts = np.searchsorted(bucket[order], np.arange(buckets))
    place = np.arange(len(order)) - starts[bucket[order]]
    return np.sort(order[place < LANES])


def roomy(ids):
    """The least number of buckets, in hundreds, in which all of the ids find a place."""
    buckets = 100
    while len(chosen(ids, buckets)) < len(ids):
        buckets += 100
    return buckets


def table(ids, rows, buckets):
    """A map from 32-bit hashes (unique) to rows of bytes, as `table::Table`."""
    ids, rows = np.asarray(ids, dtype=np.uint64), np.asarray(rows)
    bucket = (ids * np.uint64(buckets) >> np.uint64(32)).astype(int)
    tags = np.zeros((buckets, LANES), dtype="<u2")
    places = np.zeros((buckets, LANES, rows.shape[1]), dtype=rows.dtype)
    used = np.zeros(buckets, dtype=int)
    for at in range(len(ids)):
        lane = used[bucket[at]]
        tags[bucket[at], lane] = ids[at] & np.uint64(0xFFFF)
        places[bucket[at], lane] = rows[at]
        used[bucket[at]] += 1
    return tags.tobytes() + places.tobytes()


def model(lexicon, ids, weights, scales, biases, buckets):
    """The whole file.

    lexicon: {word: (valence, roles)}; ids: hash of each feature; weights: int8
    [features, HEADS]; scales: value of one step of each head in 2^-20; biases: logits in
    2^-12; buckets: of the features' table.
    """
    hashes = [word_hash(word) for word in lexicon]
    entries = [(valence & 0xFF, roles) for valence, roles in lexicon.values()]
    word_buckets = roomy(hashes)
    assert len(scales) == len(biases) == HEADS
    body = b"".join([
        struct.pack("<2I", word_buckets, buckets),
        np.asarray(scales, dtype="<i4").tobytes(),
        np.asarray(biases, dtype="<i4").tobytes(),
        bytes(PADDING),
        table(hashes, np.asarray(entries, dtype=np.uint8).reshape(-1, 2), word_buckets),
        table(ids, np.asarray(weights, dtype=np.int8).reshape(-1, HEADS), buckets),
    ])
    return MAGIC + struct.pack("<Q", checksum(body)) + body


def without_weights(lexicon):
    """A file with the lexicon alone: enough to see what the model sees of a text."""
    return model(lexicon, [], [], [0] * HEADS, [0] * HEADS, 0)
