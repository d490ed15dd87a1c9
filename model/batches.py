"""Batches of rows of near length, so that little is computed on padding."""

import numpy as np

# Rows that are sorted by length together; beyond it what is random stays random.
POOL = 4096


def plan(lengths, edges, cells, generator=None, share=1.0):
    """[(rows, length, size)]: rows of at most `length` cells, to be padded to `size` rows.

    lengths: of each row; what is longer than the last edge is cut. edges: the lengths to pad
    to, ascending. cells: of a batch, about. generator: orders rows and batches at random;
    share: of the rows that take part.
    """
    lengths = np.minimum(lengths, edges[-1])
    if generator is None:
        order, pool = np.arange(len(lengths)), len(lengths)
    else:
        order, pool = generator.permutation(len(lengths)), POOL
    order = order[:int(share * len(order))]
    batches = []
    for at in range(0, len(order), pool):
        part = order[at:at + pool]
        edge_of = np.searchsorted(edges, lengths[part])
        for edge, length in enumerate(edges):
            rows, size = part[edge_of == edge], max(1, cells // length)
            batches += [(rows[first:first + size], length, size)
                        for first in range(0, len(rows), size)]
    if generator is not None:
        generator.shuffle(batches)
    return batches


def padded(array, rows, size):
    """The rows of an array, and zeros up to `size` rows."""
    out = np.zeros((size, *array.shape[1:]), np.float32)
    out[:len(rows)] = array[rows]
    return out
