"""Writes cases.json: what an engine has to make of operations on messages.

An independent statement of the rules: exact fractions and nothing of the Rust code, so that the
two can be held against each other. Run it after a change of the rules:

    python3 conformance/corpus/generate.py > conformance/corpus/cases.json
"""

import json
from fractions import Fraction
from math import isqrt

MOODS = ["angry", "anxious", "calm", "curious", "disgust", "grateful", "joy", "lonely", "love",
         "neutral", "sad", "surprise", "tired"]
DEFAULTS = {"window_hours": 24, "min_messages": 5, "trend_threshold_hundredths": 10,
            "needs_support_below_hundredths": 30, "enthusiastic_above_hundredths": 70,
            "variable_above_hundredths": 30, "crisis_support_hours": 72, "trait_full_confidence": 30}
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOON = 12 * HOUR


def half_away(value: Fraction, digits: int) -> Fraction:
    scaled = abs(value) * 10**digits
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10**digits)


def root(value: Fraction, digits: int) -> Fraction:
    """The square root, rounded half up."""
    if value <= 0:
        return Fraction(0)
    floor = isqrt(value.numerator * 10**(2 * digits) // value.denominator)
    up = 4 * value * 10**(2 * digits) >= (2 * floor + 1) ** 2
    return Fraction(floor + 1 if up else floor, 10**digits)


def shown(value: Fraction | None, digits: int) -> str | None:
    if value is None:
        return None
    units = value * 10**digits
    assert units.denominator == 1
    sign, units = ("-" if units < 0 else ""), abs(units.numerator)
    return f"{sign}{units // 10**digits}.{units % 10**digits:0{digits}d}"


def weight(age_days: int) -> int:
    """round(10^6 x 2^(-age/30)), to the nearest integer, by a thirtieth root of integers."""
    if not 0 <= age_days < 180:
        return 0
    # w = 10^6 / 2^(age/30)  <=>  (2w)^30 x 2^age = (2 x 10^6)^30; the nearest w by bisection.
    low, high = 0, 2_000_001
    while high - low > 1:
        middle = (low + high) // 2  # in halves
        if middle**30 * 2**age_days <= (2_000_000)**30:
            low = middle
        else:
            high = middle
    return (low + 1) // 2


def figures(said: list[dict], settings: dict, baseline: list[int]) -> dict:
    messages = [m for m in said if m["counts"]]
    hours = settings["window_hours"] * HOUR
    current = [m for m in messages if m["before"] < hours]
    former = [m for m in messages if hours <= m["before"] < 2 * hours]
    n = len(current)
    enough = n >= settings["min_messages"]
    limit = lambda name: Fraction(settings[name], 100)
    mean = Fraction(sum(m["score"] for m in current), 100 * n) if n else None
    variance = (sum((Fraction(m["score"], 100) - mean) ** 2 for m in current) / (n - 1)) if n > 1 else None

    dominant = None
    if enough:
        counts = {mood: [m for m in current if m["mood"] == mood] for mood in MOODS}
        most = max(len(said) for said in counts.values())
        ties = [mood for mood in MOODS if len(counts[mood]) == most]
        latest = min(min(m["before"] for m in counts[mood]) for mood in ties)
        dominant = next(mood for mood in ties if min(m["before"] for m in counts[mood]) == latest)

    trend = None
    if enough and len(former) >= settings["min_messages"]:
        change = mean - Fraction(sum(m["score"] for m in former), 100 * len(former))
        bound = limit("trend_threshold_hundredths")
        trend = "rising" if change > bound else "falling" if change < -bound else "steady"

    style = "balanced"
    if enough and mean < limit("needs_support_below_hundredths"):
        style = "empathetic_supportive"
    elif enough and mean > limit("enthusiastic_above_hundredths"):
        style = "enthusiastic_energetic"
    crisis = any(m["support"] == "crisis" and m["before"] < settings["crisis_support_hours"] * HOUR for m in said)
    stability = None
    if enough:
        stability = "variable" if variance > limit("variable_above_hundredths") ** 2 else "stable"

    return {
        "message_count": n,
        "data_status": "sufficient" if enough else "insufficient_data",
        "mean_sentiment": shown(half_away(mean, 4), 4) if enough else None,
        "sentiment_volatility": shown(root(variance, 4), 4) if enough else None,
        "dominant_mood": dominant,
        "sentiment_trend": trend,
        "communication_style": style,
        "emotional_stability": stability,
        "needs_support": crisis or style == "empathetic_supportive",
        **traits(messages, settings, baseline),
    }


def traits(messages: list[dict], settings: dict, baseline: list[int]) -> dict:
    # As of noon, the day a message belongs to is this many days ago.
    age = lambda m: (m["before"] - NOON + DAY - 1) // DAY if m["before"] > NOON else 0
    weights = [(weight(age(m)), m) for m in messages]
    total = sum(w for w, _ in weights)
    share = lambda *moods: sum(w for w, m in weights if m["mood"] in moods)

    def balance(up, down):
        return half_away(Fraction(share(*up) - share(*down), total), 4) if total else Fraction(0)

    confidence = half_away(min(Fraction(1), Fraction(total, 10**6) / Fraction(settings["trait_full_confidence"])), 4)
    variability = Fraction(0)
    if total:
        mean = Fraction(sum(w * m["score"] for w, m in weights), total)
        spread = Fraction(sum(w * m["score"] ** 2 for w, m in weights), total) - mean**2
        variability = min(Fraction(1), root(4 * spread / 10_000, 4))
    affect = balance(["anxious", "sad", "lonely", "angry"], ["joy", "calm", "grateful", "love"])
    signals = {
        "openness": (balance(["curious", "surprise"], []), 20),
        "conscientiousness": (balance(["calm"], ["tired", "angry"]), 10),
        "extraversion": (balance(["joy", "love", "surprise"], ["sad", "lonely", "tired"]), 20),
        "agreeableness": (balance(["love", "grateful"], ["angry", "disgust"]), 20),
        "neuroticism": (half_away(Fraction(3, 4) * affect + Fraction(1, 4) * variability, 4), 20),
    }
    values = {name: min(Fraction(100), max(Fraction(0), Fraction(start, 100) + half_away(reach * signal * confidence, 2)))
              for (name, (signal, reach)), start in zip(signals.items(), baseline)}
    return {"trait_confidence": shown(confidence, 4)} | {name: shown(value, 2) for name, value in values.items()}


def totals(said: list[dict]) -> dict:
    messages = [m for m in said if m["counts"]]
    moods = {mood: sum(m["mood"] == mood for m in messages) for mood in MOODS}
    return {"message_count": len(messages), "score_sum": sum(m["score"] for m in messages),
            "score_sum_squares": sum(m["score"] ** 2 for m in messages),
            "moods": {mood: n for mood, n in moods.items() if n}}


CASES = []


def case(name: str, *operations: dict, **settings) -> None:
    stored: dict[str, dict] = {}
    assessed: dict[str, tuple[int, list[int]]] = {}
    for op in operations:
        match op["op"]:
            case "insert":
                stored[op["id"]] = {key: op[key] for key in ("user", "before", "score", "mood", "support")} | {"counts": True}
            case "edit":
                stored[op["id"]] |= {key: op[key] for key in ("score", "mood", "support")}
            case "delete":
                del stored[op["id"]]
            case "move":
                stored[op["id"]]["user"] = op["to"]
            case "correct":
                stored[op["id"]]["corrected"] = {key: op[key] for key in ("score", "mood") if op[key] is not None}
            case "count":
                stored[op["id"]]["counts"] = op["counts"]
            case "assess":
                assessed[op["user"]] = min(assessed.get(op["user"], (op["before"], op["traits"])), (op["before"], op["traits"]))
    rules = DEFAULTS | settings
    users = sorted({op["user"] for op in operations if op["op"] == "insert"} | {op["to"] for op in operations if op["op"] == "move"})
    expected = {}
    for user in users:
        own = [m | m.get("corrected", {}) for m in stored.values() if m["user"] == user]
        baseline = assessed[user][1] if user in assessed else [5000] * 5
        expected[user] = {"figures": figures(own, rules, baseline), "totals": totals(own)}
    CASES.append({"name": name, "settings": settings, "operations": list(operations), "expected": expected})


COUNTER = iter(range(10**6))


def said(score: int, mood: str = "neutral", before: int = HOUR, support: str = "none", user: str = "a", id: str = "") -> dict:
    return {"op": "insert", "id": id or f"m{next(COUNTER)}", "user": user, "before": before, "score": score,
            "mood": mood, "support": support}


def many(scores: list[int], **rest) -> list[dict]:
    return [said(score, **rest) for score in scores]


edit = lambda id, score, mood="neutral", support="none": {"op": "edit", "id": id, "score": score, "mood": mood, "support": support}
delete = lambda id: {"op": "delete", "id": id}
move = lambda id, to: {"op": "move", "id": id, "to": to}
correct = lambda id, score=None, mood=None: {"op": "correct", "id": id, "score": score, "mood": mood}
count = lambda id, counts: {"op": "count", "id": id, "counts": counts}
assess = lambda before, *traits, user="a": {"op": "assess", "id": f"m{next(COUNTER)}", "user": user, "before": before,
                                            "traits": list(traits)}

case("one message concludes nothing", said(100, "joy", 0))
case("four messages are too few", *many([80] * 4))
case("five messages are enough", *many([80] * 5))
case("fewer are enough where settings say so", *many([80, 60]), min_messages=2)
case("more are needed where settings say so", *many([80] * 9), min_messages=10)
case("a score of nought is a score", *many([0] * 5))
case("the best scores", *many([100] * 5))
case("thirds round half away", *many([33, 33, 34, 33, 33, 34, 33]))
case("the window is open at its old end", *many([50] * 5), said(100, before=24 * HOUR))
case("and closed a microsecond before", *many([50] * 5), said(100, before=24 * HOUR - 1))
case("the former window is open at its old end", *many([50] * 5), *many([50] * 4, before=30 * HOUR), said(50, before=48 * HOUR))
case("and closed a microsecond before it", *many([50] * 5), *many([50] * 4, before=30 * HOUR), said(50, before=48 * HOUR - 1))
case("a message of this instant counts", *many([50] * 4), said(50, before=0))
case("a shorter window", *many([50] * 5, before=HOUR), *many([90] * 5, before=3 * HOUR), window_hours=2)
case("a longer window", *many([50] * 3, before=HOUR), *many([90] * 3, before=100 * HOUR), window_hours=168)
case("rising", *many([61] * 5), *many([50] * 5, before=30 * HOUR))
case("a tenth is not yet rising", *many([60] * 5), *many([50] * 5, before=30 * HOUR))
case("falling", *many([39] * 5), *many([50] * 5, before=30 * HOUR))
case("a tenth is not yet falling", *many([40] * 5), *many([50] * 5, before=30 * HOUR))
case("the least above a tenth is rising", *many([60, 60, 60, 60, 60, 60, 61]), *many([50] * 5, before=30 * HOUR))
case("no trend against too few", *many([90] * 5), *many([10] * 4, before=30 * HOUR))
case("another threshold for the trend", *many([60] * 5), *many([50] * 5, before=30 * HOUR), trend_threshold_hundredths=9)
case("a mean of exactly .30 needs no support", *many([30] * 5))
case("a mean below .30 does", *many([30, 30, 30, 30, 29]))
case("a mean of exactly .70 is balanced", *many([70] * 5))
case("a mean above .70 is enthusiastic", *many([70, 70, 70, 70, 71]))
case("a low mean of too few needs none", *many([0] * 4))
case("a deviation of exactly .30 is stable", *many([20, 50, 80]), min_messages=3)
case("the least above it is variable", *many([20, 50, 81]), min_messages=3)
case("swings are variable", *many([0, 100, 0, 100, 0]))
case("another threshold for swings", *many([40, 60, 40, 60, 40]), variable_above_hundredths=10)
case("the most frequent mood", *many([50] * 3, mood="joy"), *many([50] * 2, mood="sad", before=0))
case("of equals the most recent", *many([50] * 2, mood="joy", before=HOUR), *many([50] * 2, mood="sad", before=2 * HOUR), said(50, "tired"))
case("of equally recent equals the first of the alphabet", *many([50] * 2, mood="sad"), *many([50] * 2, mood="calm"), *many([50] * 2, mood="love"))
case("a crisis sets needs_support at once", said(5, "sad", 0, "crisis"))
case("and keeps it until its period ends", said(5, "sad", 72 * HOUR - 1, "crisis"))
case("but no longer", said(5, "sad", 72 * HOUR, "crisis"))
case("support is not crisis", said(20, "sad", 0, "support"))
case("a shorter period", said(5, "sad", 2 * HOUR, "crisis"), crisis_support_hours=1)
case("the newest crisis counts", said(5, "sad", 80 * HOUR, "crisis"), said(5, "sad", 10 * HOUR, "crisis"))
case("no evidence moves nothing", said(50, "joy", 0, id="gone"), delete("gone"))
case("thirty joys are full confidence", *many([90] * 30, mood="joy", before=0))
case("fifteen are half of it", *many([90] * 15, mood="joy", before=0))
case("a hundred move no further", *many([90] * 100, mood="joy", before=0))
case("every mood", *[said(7 * i, mood, 0) for i, mood in enumerate(MOODS)])
case("anger and disgust", *many([10] * 10, mood="angry", before=0), *many([20] * 10, mood="disgust", before=0))
case("swings of mood raise neuroticism", *many([0, 100] * 15, before=0))
case("a message halves its weight in thirty days", *many([90] * 20, mood="joy", before=30 * DAY), *many([10] * 20, mood="sad", before=0))
case("the last day of the horizon", *many([90] * 30, mood="joy", before=179 * DAY))
case("the first day beyond it", *many([90] * 30, mood="joy", before=180 * DAY), said(50, "neutral", 0))
case("every tenth day of half a year", *[said((37 * day) % 101, MOODS[day % 13], day * DAY) for day in range(0, 180, 10)])
case("a message of yesterday evening is a day old", *many([90] * 10, mood="love", before=NOON + 1))
case("one of midnight is of today", *many([90] * 10, mood="love", before=NOON))
case("other full confidence", *many([90] * 5, mood="joy", before=0), trait_full_confidence=5)
case("edits count as last written", *many([50] * 4), said(0, "sad", id="e"), edit("e", 100, "joy"), edit("e", 70, "calm"))
case("an edit takes a crisis back", said(5, "sad", id="e", support="crisis"), edit("e", 50))
case("an edit may be one", *many([50] * 5), said(50, id="e"), edit("e", 5, "sad", "crisis"))
case("a deleted message leaves no trace", *many([50] * 5), said(0, "angry", id="d", support="crisis"), delete("d"))
case("the oldest message of a window deleted", *many([50] * 5), said(90, "joy", 23 * HOUR, id="d"), delete("d"))
case("the newest of a mood deleted", *many([50] * 2, mood="joy", before=3 * HOUR), *many([50] * 2, mood="sad", before=2 * HOUR),
     said(50, "joy", 0, id="d"), said(50, "tired"), delete("d"))
case("the newest crisis deleted", said(5, "sad", 90 * HOUR, "crisis"), said(5, "sad", 0, "crisis", id="d"), delete("d"))
case("all deleted", *[op for i in range(6) for op in (said(80, "joy", id=f"x{i}"),)], *[delete(f"x{i}") for i in range(6)])
case("old messages come in any order", *[said((13 * i) % 101, MOODS[i % 13], (i * 17 % 60) * HOUR) for i in range(60)])
case("a message changes hands", *many([50] * 5), *many([50] * 5, user="b"), said(100, "joy", id="h"), move("h", "b"))
case("the only message changes hands", said(5, "sad", id="h", support="crisis"), move("h", "b"))
case("people do not mix", *many([90] * 6, mood="joy"), *many([10] * 6, mood="sad", user="b"))
case("a thousand messages", *[said((i * i) % 101, MOODS[(i * 7) % 13], (i * 97) % 47 * HOUR) for i in range(1000)])
case("a correction comes before the score", *many([90] * 4, mood="joy"), said(90, "joy", id="c"), correct("c", 10, "sad"))
case("of the score alone", *many([90] * 4, mood="joy", before=0), said(90, "joy", 0, id="c"), correct("c", score=0))
case("of the mood alone", *many([50] * 2, mood="joy"), *many([50] * 2, mood="sad"), said(50, "joy", id="c"), correct("c", mood="sad"))
case("and is taken back", *many([90] * 4, mood="joy"), said(90, "joy", id="c"), correct("c", 10, "sad"), correct("c"))
case("no correction ends a crisis", said(5, "sad", 0, "crisis", id="c"), correct("c", 95, "joy"))
case("the newest of a mood corrected", *many([50] * 2, mood="joy", before=3 * HOUR), *many([50] * 2, mood="sad", before=2 * HOUR),
     said(50, "joy", 0, id="c"), said(50, "tired"), correct("c", mood="calm"))
case("a corrected message deleted", *many([50] * 5), said(50, "joy", 0, id="c"), correct("c", 100, "love"), delete("c"))
case("a corrected message changes hands", *many([50] * 5), *many([50] * 5, user="b"), said(10, "sad", id="c"), correct("c", 100, "joy"), move("c", "b"))
case("what does not count leaves no trace", *many([50] * 5), said(0, "angry", 0, id="n"), count("n", False))
case("and comes back", *many([50] * 4), said(0, "angry", 0, id="n"), count("n", False), count("n", True))
case("the oldest of a window stops counting", *many([50] * 5), said(90, "joy", 23 * HOUR, id="n"), count("n", False))
case("a crisis is noticed though it does not count", *many([90] * 5), said(5, "sad", HOUR, "crisis", id="n"), count("n", False))
case("corrected, then not counted", *many([50] * 5), said(50, id="n"), correct("n", 0, "sad"), count("n", False), correct("n", 100, "joy"))
case("of whom nothing counts any more", said(80, "joy", 0, id="n"), said(20, "sad", 0, id="o"), count("n", False), count("o", False))
case("an assessment is where traits start", assess(DAY, 8000, 2000, 9900, 100, 3333), *many([90] * 30, mood="joy", before=0))
case("the latest one", assess(DAY, 8000, 2000, 9900, 100, 3333), assess(2 * DAY, 0, 0, 0, 0, 0), *many([10] * 12, mood="anxious", before=DAY))
case("values stay on the scale", assess(0, 10000, 10000, 10000, 10000, 10000), *many([90] * 60, mood="love", before=0), *many([10] * 60, mood="angry", before=0))
case("an assessment that comes after the messages", *many([60] * 9, mood="curious", before=0), assess(0, 5001, 4999, 5000, 1, 9999))
case("of one person alone", *many([90] * 9, mood="joy", before=0), *many([90] * 9, mood="joy", before=0, user="b"), assess(0, 1000, 2000, 3000, 4000, 5000))

if __name__ == "__main__":
    print("[")
    print(",\n".join(json.dumps(one) for one in CASES))
    print("]")
