"""Times the Python systems over the lines of the standard input: `name value`, microseconds."""

import sys
import time

import numpy as np
from textblob import TextBlob
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

ROUNDS = 2


def report(name, lines, score):
    """Mean and 99th percentile; the fastest of each line's rounds counts."""
    fastest = np.full(len(lines), np.inf)
    for _ in range(ROUNDS):
        for at, line in enumerate(lines):
            started = time.perf_counter()
            score(line)
            fastest[at] = min(fastest[at], (time.perf_counter() - started) * 1e6)
    print(f"{name}_us_mean {fastest.mean():.2f}")
    print(f"{name}_us_p99 {np.quantile(fastest, 0.99):.2f}")


if __name__ == "__main__":
    texts = [line for line in sys.stdin.read().split("\n") if line]
    report("vaderSentiment", texts, SentimentIntensityAnalyzer().polarity_scores)
    report("TextBlob", texts, lambda line: TextBlob(line).sentiment.polarity)
