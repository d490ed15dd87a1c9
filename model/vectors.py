"""Texts as sparse rows of the features that the core sees, through its own program."""

import subprocess

import numpy as np

# Groups of `features::Group`: words, grams, whole.
WHOLE = 2


def extract(program, model, texts):
    """Runs `program` over texts: (row pointers, feature ids, values), ids of whole texts.

    A value is the feature's weight times 1/sqrt(features of its group in the text). The ids
    of whole texts are those of the group of that name, ascending.
    """
    lines = "\n".join(text.replace("\n", " ").replace("\r", " ") for text in texts) + "\n"
    out = subprocess.run([program, model], input=lines.encode(), stdout=subprocess.PIPE,
                         check=True).stdout
    pointers = np.zeros(len(texts) + 1, dtype=np.int64)
    at = 0
    counts = np.frombuffer(out, dtype=np.uint8)
    spans = []
    for row in range(len(texts)):
        n = int.from_bytes(out[at:at + 4], "little")
        spans.append(at + 4)
        pointers[row + 1] = pointers[row] + n
        at += 4 + 5 * n
    assert at == len(out)
    ids = np.empty(pointers[-1], dtype=np.uint32)
    values = np.empty(pointers[-1], dtype=np.float32)
    of_whole = set()
    for row, start in enumerate(spans):
        a, b = pointers[row], pointers[row + 1]
        n = b - a
        ids[a:b] = counts[start:start + 4 * n].view("<u4")
        packed = counts[start + 4 * n:start + 5 * n]
        group = packed >> 6
        sizes = np.maximum(np.bincount(group, minlength=3), 1)
        of_whole.update(ids[a:b][group == WHOLE].tolist())
        factor = np.where(np.arange(3) == WHOLE, 1.0, 1.0 / np.sqrt(sizes))
        values[a:b] = (packed & 63) / 16.0 * factor[group]
    return (pointers, ids, values), np.array(sorted(of_whole), dtype=np.uint32)
