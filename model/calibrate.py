"""Shifts of the outputs and the curve from the readout to the sentiment."""

import numpy as np

import binary
import sgd

# Sentiment of the readout's least and greatest value, and of the bounds of neutral.
LEAST, NEUTRAL_FROM, NEUTRAL_TO, GREATEST = 300, 4750, 5250, 9700
# Bounds of neutral on the readout.
BOUND = 0.12


def fit(dev, outputs):
    """(shifts [HEADS] of the outputs, curve [KNOTS] in ten-thousandths)."""
    x = np.linspace(-1, 1, binary.KNOTS)
    curve = np.interp(x, [-1, -BOUND, BOUND, 1],
                      [LEAST, NEUTRAL_FROM, NEUTRAL_TO, GREATEST])
    return np.zeros(sgd.HEADS), np.round(curve).astype(int)
