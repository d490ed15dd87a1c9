"""Writes the figures of the model card: `metrics.tsv`, from the evaluation of DATA.

usage: card.py DATA PROGRAMS
"""

import contextlib
import io
import sys
from pathlib import Path

import evaluate


def main(data, programs):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        evaluate.main(data, programs, only=lambda path: ".train." not in path.name)
    (Path(__file__).parent / "metrics.tsv").write_text(
        "file\tsystem\tmetric\tvalue\n" + out.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
