"""What the labels of each source mean: sentiment (0 negative, 1 neutral, 2 positive) and mood.

The set that a file's labels are from is told by the labels, never by the file's name.
"""

from pathlib import Path

MOODS = ["angry", "anxious", "calm", "curious", "disgust", "grateful", "joy", "lonely",
         "love", "neutral", "sad", "surprise", "tired"]
# Moods that only hand-written examples teach.
HAND_WRITTEN = {"calm", "lonely", "tired"}
CLASSES = ["negative", "neutral", "positive"]
NEGATIVE, NEUTRAL, POSITIVE = range(3)


def _sides(negative, positive, neutral=""):
    sides = dict.fromkeys(negative.split(), NEGATIVE)
    sides |= dict.fromkeys(positive.split(), POSITIVE)
    return sides | dict.fromkeys(neutral.split(), NEUTRAL)


# Emotions that are missing here have no side: a row that has no other is left out.
SIDES = {
    # Demszky et al. 2020, table 1; ambiguous emotions count as neutral.
    "goemotions": _sides(
        "anger annoyance disappointment disapproval disgust embarrassment fear grief "
        "nervousness remorse sadness",
        "admiration amusement approval caring desire excitement gratitude joy love optimism "
        "pride relief",
        "neutral confusion curiosity realization surprise"),
    "xed": _sides("anger disgust fear sadness", "joy trust", "neutral"),
    "dailydialog": _sides("anger disgust fear sadness", "happiness", "neutral"),
    "empathetic": _sides(
        "afraid angry annoyed anxious apprehensive ashamed devastated disappointed disgusted "
        "embarrassed furious guilty jealous lonely sad terrified",
        "anticipating caring confident content excited faithful grateful hopeful impressed "
        "joyful prepared proud trusting"),
    "meld": _sides("negative", "positive", "neutral"),
    "classes": _sides("negative", "positive", "neutral"),
}

def _moods():
    table = {}
    path = Path(__file__).parent / "data" / "mood_mapping.tsv"
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        source, label, mood = line.split("\t")
        table.setdefault(source, {})[label] = mood
    return table


MOOD_OF = _moods()


# Labels that say nothing of the side but belong to a set, and the sets, smallest first.
_OTHER = {"classes": {"mixed"}, "xed": {"anticipation", "surprise"}, "dailydialog": {"surprise"},
          "empathetic": {"surprised", "sentimental", "nostalgic"}}
_VOCABULARIES = sorted(
    ((source, set(sides) | _OTHER.get(source, set()) | set(MOOD_OF.get(source, ())))
     for source, sides in SIDES.items() if source != "meld"),
    key=lambda item: len(item[1]))


def source_of(found):
    """The name of the set that the labels of a file are from: the smallest with all of them.

    None if there is none.
    """
    found = set(found)
    if all("|" in label for label in found):
        return "meld"
    parts = {part for label in found for part in label.split(",")}
    return next((source for source, vocabulary in _VOCABULARIES if parts <= vocabulary), None)


def sentiment(source, label):
    """0, 1 or 2; None if the row has no one side."""
    parts = label.split("|")[-1:] if source == "meld" else label.split(",")
    sides = {SIDES[source][part] for part in parts if part in SIDES[source]}
    if {NEGATIVE, POSITIVE} <= sides:
        return None
    return next((side for side in (NEGATIVE, POSITIVE, NEUTRAL) if side in sides), None)


def moods(source, label):
    """The moods of a row, as a set; neutral only if there is no other. Empty: left out."""
    table = MOOD_OF.get(source, {})
    parts = label.split("|")[:1] if source == "meld" else label.split(",")
    found = {table.get(part, "-") for part in parts}
    if "-" in found:
        return set()
    return found - {"neutral"} or found
