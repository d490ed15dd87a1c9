"""Writes the model's file, whose format `core/src/score/{model,table,hash}.rs` read."""

import struct

import numpy as np

MAGIC = b"bondhu\0\x02"
HEADS = 16
KNOTS = 33
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


def table(ids, rows, bits):
    """A map from 32-bit hashes (unique) to rows of bytes, as `table::Table`."""
    ids = np.asarray(ids, dtype=np.uint64)
    assert len(ids) < 1 << 16 and len(np.unique(ids)) == len(ids)
    order = np.argsort(ids)
    ids, rows = ids[order], np.asarray(rows)[order]
    buckets = np.searchsorted(ids >> np.uint64(32 - bits), np.arange((1 << bits) + 1))
    return b"".join([
        buckets.astype("<u2").tobytes(),
        (ids & np.uint64(0xFFFF)).astype("<u2").tobytes(),
        np.ascontiguousarray(rows).tobytes(),
    ])


def model(lexicon, ids, weights, scales, biases, curve):
    """The whole file.

    lexicon: {word: (valence, roles)}; ids: hash of each feature; weights: int8
    [features, HEADS]; scales: value of one step of each head in 2^-20; biases: logits in
    2^-12; curve: sentiment in ten-thousandths at KNOTS even distances.
    """
    hashes = [word_hash(word) for word in lexicon]
    entries = [(valence & 0xFF, roles) for valence, roles in lexicon.values()]
    assert len(scales) == len(biases) == HEADS and len(curve) == KNOTS
    body = b"".join([
        struct.pack("<4I", 13, len(hashes), 16, len(ids)),
        np.asarray(scales, dtype="<i4").tobytes(),
        np.asarray(biases, dtype="<i4").tobytes(),
        np.asarray(curve, dtype="<i4").tobytes(),
        table(hashes, np.asarray(entries, dtype=np.uint8), 13),
        table(ids, np.asarray(weights, dtype=np.int8).reshape(-1, HEADS), 16),
    ])
    return MAGIC + struct.pack("<Q", checksum(body)) + body


def without_weights(lexicon):
    """A file with the lexicon alone: enough to see what the model sees of a text."""
    return model(lexicon, [], [], [0] * HEADS, [0] * HEADS, [5000] * KNOTS)
