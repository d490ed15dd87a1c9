"""Multi-task linear training by AdaGrad over sparse rows, compiled by Numba."""

import numpy as np
from numba import njit

HEADS = 16
NEG, POS, RATED, MOOD = 0, 1, 2, 3


@njit(fastmath=False)
def epoch(order, pointers, ids, values, sentiment, moods, rated, weights, W, G, b, Gb,
          rate, decay, drop, seed):
    """One pass over the rows in `order`. Returns the mean loss.

    sentiment: target shares [rows, 3] (all zero: unknown); moods: [rows, 13] likewise;
    rated: [rows] in -1..1 (nan: unknown); weights: [rows, 3], a task each.
    """
    np.random.seed(seed)
    total = 0.0
    z = np.empty(HEADS)
    g = np.empty(HEADS)
    n_rows = len(order)
    keep = np.empty(60000, dtype=np.bool_)
    for o in range(n_rows):
        r = order[o]
        a, e = pointers[r], pointers[r + 1]
        for h in range(HEADS):
            z[h] = b[h]
            g[h] = 0.0
        for k in range(a, e):
            kept = np.random.random() >= drop
            keep[k - a] = kept
            if kept:
                v = values[k] / (1.0 - drop)
                row = W[ids[k]]
                for h in range(HEADS):
                    z[h] += v * row[h]
        w = weights[r, 0]
        if w > 0:
            m = max(z[NEG], z[POS], 0.0)
            en, e0, ep = np.exp(z[NEG] - m), np.exp(-m), np.exp(z[POS] - m)
            s = en + e0 + ep
            g[NEG] += w * (en / s - sentiment[r, 0])
            g[POS] += w * (ep / s - sentiment[r, 2])
            total -= w * (sentiment[r, 0] * np.log(en / s + 1e-12)
                          + sentiment[r, 1] * np.log(e0 / s + 1e-12)
                          + sentiment[r, 2] * np.log(ep / s + 1e-12))
        w = weights[r, 1]
        if w > 0:
            m = z[MOOD]
            for h in range(MOOD, HEADS):
                m = max(m, z[h])
            s = 0.0
            for h in range(MOOD, HEADS):
                s += np.exp(z[h] - m)
            for h in range(MOOD, HEADS):
                p = np.exp(z[h] - m) / s
                t = moods[r, h - MOOD]
                g[h] += w * (p - t)
                if t > 0:
                    total -= w * t * np.log(p + 1e-12)
        w = weights[r, 2]
        if w > 0:
            d = z[RATED] - rated[r]
            g[RATED] += w * d
            total += 0.5 * w * d * d
        for h in range(HEADS):
            Gb[h] += g[h] * g[h]
            b[h] -= rate * g[h] / np.sqrt(Gb[h] + 1e-8)
        for k in range(a, e):
            if keep[k - a]:
                v = values[k] / (1.0 - drop)
                i = ids[k]
                for h in range(HEADS):
                    if g[h] != 0.0:
                        d = g[h] * v + decay * W[i, h]
                        G[i, h] += d * d
                        W[i, h] -= rate * d / np.sqrt(G[i, h] + 1e-8)
    return total / n_rows


@njit
def predict(pointers, ids, values, W, b):
    """Outputs [rows, HEADS]."""
    n = len(pointers) - 1
    Z = np.empty((n, HEADS), dtype=np.float32)
    for r in range(n):
        z = b.copy()
        for k in range(pointers[r], pointers[r + 1]):
            if ids[k] >= 0:
                for h in range(HEADS):
                    z[h] += values[k] * W[ids[k], h]
        Z[r] = z
    return Z
