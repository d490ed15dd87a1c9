//! The order, by the mood and by what the person said.

use std::collections::BTreeMap;

use super::candidates::Candidate;
use crate::fixed::round_div;
use crate::mood::Mood;

/// Where a mood leads to. A heuristic of this project: stay near how somebody feels and lean a little
/// towards ease, rather than oppose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Nothing is known, or nothing stands out.
    Even,
    /// Glad: bright and lively.
    Bright,
    /// Low: gentle, warm and well known.
    Gentle,
    /// Tense: quiet and well known.
    Quiet,
    /// Curious: what is less known.
    Open,
}

/// Points at the ends of a scale: what is as bright, lively or well known as can be gets them, what is
/// as little so loses them.
struct Lean {
    valence: i64,
    energy: i64,
    familiarity: i64,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Self; 5] = [
        Self::Even,
        Self::Bright,
        Self::Gentle,
        Self::Quiet,
        Self::Open,
    ];

    /// Its name in SQL and in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Even => "even",
            Self::Bright => "bright",
            Self::Gentle => "gentle",
            Self::Quiet => "quiet",
            Self::Open => "open",
        }
    }

    /// Of the dominant mood; where that tells nothing, of a trend that falls.
    #[must_use]
    pub const fn of(mood: Option<Mood>, is_declining: bool) -> Self {
        match mood {
            Some(Mood::Joy | Mood::Love | Mood::Grateful) => Self::Bright,
            Some(Mood::Sad | Mood::Lonely | Mood::Tired) => Self::Gentle,
            Some(Mood::Angry | Mood::Anxious | Mood::Disgust) => Self::Quiet,
            Some(Mood::Curious | Mood::Surprise) => Self::Open,
            Some(Mood::Calm | Mood::Neutral) | None if is_declining => Self::Gentle,
            Some(Mood::Calm | Mood::Neutral) | None => Self::Even,
        }
    }

    const fn lean(self) -> Lean {
        let (valence, energy, familiarity) = match self {
            Self::Even => (0, 0, 0),
            Self::Bright => (80, 60, 0),
            Self::Gentle => (40, -60, 60),
            Self::Quiet => (20, -90, 60),
            Self::Open => (0, 0, -90),
        };
        Lean {
            valence,
            energy,
            familiarity,
        }
    }
}

/// What a person said of a recommendation, or did with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// They like it.
    Like,
    /// They do not want it.
    Dismiss,
    /// They took it up, and need not be told of it for a while.
    Played,
}

impl Feedback {
    /// What it adds to the thing itself. What is dismissed is not recommended at all.
    const fn of_itself(self) -> i64 {
        match self {
            Self::Like => 150,
            Self::Dismiss => 0,
            Self::Played => -250,
        }
    }

    /// What it adds to all of its maker.
    const fn of_maker(self) -> i64 {
        match self {
            Self::Like => 60,
            Self::Dismiss => -60,
            Self::Played => 20,
        }
    }
}

/// All feedback together moves a maker by this much at most, either way.
const MOST_OF_MAKER: i64 = 180;

/// What a second thing of one maker loses, a third twice as much.
const VARIETY: i64 = 20;

/// A recommendation with where its place comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked<'a> {
    /// What is recommended.
    pub candidate: &'a Candidate,
    /// What the mood adds.
    pub mood: i64,
    /// What feedback adds.
    pub feedback: i64,
    /// What others of the same maker before it take away: 0 or less.
    pub variety: i64,
    /// The sum of all points.
    pub score: i64,
}

fn mood_points(candidate: &Candidate, lean: &Lean) -> i64 {
    let feel = candidate.feel.map_or(0, |of| {
        lean.valence * (of.valence - 500) + lean.energy * (of.energy - 500)
    });
    let points = feel + lean.familiarity * (candidate.familiarity() - 500);
    i64::try_from(round_div(i128::from(points), 500)).unwrap_or(0)
}

/// The candidates in the order of their score, ties by id. `feedback` is by id, with the maker that the
/// thing had when it was recommended.
#[must_use]
pub fn rank<'a>(
    candidates: &'a [Candidate],
    direction: Direction,
    feedback: &BTreeMap<String, (Option<String>, Feedback)>,
) -> Vec<Ranked<'a>> {
    let lean = direction.lean();
    let mut makers = BTreeMap::<&str, i64>::new();
    for (maker, feedback) in feedback.values() {
        if let Some(maker) = maker {
            *makers.entry(maker).or_default() += feedback.of_maker();
        }
    }
    let of_maker = |maker: &str| {
        let points = makers.get(maker).copied().unwrap_or(0);
        points.clamp(-MOST_OF_MAKER, MOST_OF_MAKER)
    };
    let mut ranked: Vec<Ranked<'_>> = candidates
        .iter()
        .filter_map(|candidate| {
            let said = feedback.get(&candidate.id).map(|&(_, feedback)| feedback);
            if said == Some(Feedback::Dismiss) {
                return None;
            }
            let mood = mood_points(candidate, &lean);
            let feedback = said.map_or(0, Feedback::of_itself)
                + candidate.maker.as_deref().map_or(0, of_maker);
            Some(Ranked {
                candidate,
                mood,
                feedback,
                variety: 0,
                score: candidate.points.sum() + mood + feedback,
            })
        })
        .collect();
    sort(&mut ranked);
    let mut before = BTreeMap::<&str, i64>::new();
    for of in &mut ranked {
        if let Some(maker) = of.candidate.maker.as_deref() {
            let count = before.entry(maker).or_default();
            of.variety = -VARIETY * *count;
            of.score += of.variety;
            *count += 1;
        }
    }
    sort(&mut ranked);
    ranked
}

fn sort(ranked: &mut [Ranked<'_>]) {
    ranked.sort_by(|a, b| (b.score, &a.candidate.id).cmp(&(a.score, &b.candidate.id)));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Direction, Feedback, Ranked, rank};
    use crate::mood::Mood;
    use crate::recommend::{Candidate, Feel, Points};

    fn candidate(id: &str, maker: &str, played: i64) -> Candidate {
        Candidate {
            id: id.to_owned(),
            maker: (!maker.is_empty()).then(|| maker.to_owned()),
            points: Points {
                played,
                ..Points::default()
            },
            feel: None,
        }
    }

    fn ids<'a>(ranked: &'a [Ranked<'_>]) -> Vec<&'a str> {
        ranked.iter().map(|of| of.candidate.id.as_str()).collect()
    }

    fn said(of: &[(&str, &str, Feedback)]) -> BTreeMap<String, (Option<String>, Feedback)> {
        of.iter()
            .map(|&(id, maker, feedback)| (id.to_owned(), (Some(maker.to_owned()), feedback)))
            .collect()
    }

    #[test]
    fn ties_are_settled_by_id() {
        let candidates = [
            candidate("b", "", 5),
            candidate("a", "", 5),
            candidate("c", "", 6),
        ];
        let ranked = rank(&candidates, Direction::Even, &BTreeMap::new());
        assert_eq!(ids(&ranked), ["c", "a", "b"]);
    }

    #[test]
    fn one_maker_does_not_fill_the_list() {
        let candidates = [
            candidate("a", "Sona", 100),
            candidate("b", "Sona", 95),
            candidate("c", "Sona", 90),
            candidate("d", "Rupa", 60),
            candidate("e", "", 55),
            candidate("f", "", 54),
        ];
        let ranked = rank(&candidates, Direction::Even, &BTreeMap::new());
        assert_eq!(ids(&ranked), ["a", "b", "d", "e", "f", "c"]);
        assert_eq!(
            ranked.last().map(|of| (of.variety, of.score)),
            Some((-40, 50))
        );
    }

    #[test]
    fn feedback_moves_a_thing_and_its_maker_within_bounds() {
        let candidates = [
            candidate("a", "Sona", 10),
            candidate("b", "Rupa", 20),
            candidate("c", "Sona", 5),
        ];
        let score = |feedback: &BTreeMap<_, _>, id: &str| {
            let ranked = rank(&candidates, Direction::Even, feedback);
            ranked
                .iter()
                .find(|of| of.candidate.id == id)
                .map(|of| of.score - of.variety)
        };
        assert_eq!(
            score(&said(&[("a", "Sona", Feedback::Like)]), "a"),
            Some(10 + 150 + 60)
        );
        assert_eq!(
            score(&said(&[("a", "Sona", Feedback::Like)]), "c"),
            Some(5 + 60)
        );
        assert_eq!(score(&said(&[("a", "Sona", Feedback::Dismiss)]), "a"), None);
        assert_eq!(
            score(&said(&[("a", "Sona", Feedback::Played)]), "a"),
            Some(10 - 250 + 20)
        );
        let names: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        let many: Vec<_> = names
            .iter()
            .map(|id| (id.as_str(), "Sona", Feedback::Dismiss))
            .collect();
        assert_eq!(score(&said(&many), "c"), Some(5 - 180));
    }

    #[test]
    fn moods_lean_to_what_suits_them() {
        let mut candidates = [candidate("loud", "", 250), candidate("soft", "", 250)];
        candidates[0].feel = Some(Feel {
            valence: 900,
            energy: 900,
        });
        candidates[1].feel = Some(Feel {
            valence: 500,
            energy: 100,
        });
        let first = |direction| ids(&rank(&candidates, direction, &BTreeMap::new()))[0].to_owned();
        assert_eq!(first(Direction::Bright), "loud");
        assert_eq!(first(Direction::Quiet), "soft");
        let candidates = [candidate("known", "", 500), candidate("new", "", 480)];
        let first = |direction| ids(&rank(&candidates, direction, &BTreeMap::new()))[0].to_owned();
        assert_eq!(first(Direction::Gentle), "known");
        let mut candidates = [candidate("known", "", 300), candidate("new", "", 100)];
        candidates[1].points.genre = 190;
        let first = |direction| ids(&rank(&candidates, direction, &BTreeMap::new()))[0].to_owned();
        assert_eq!(
            [first(Direction::Even), first(Direction::Open)],
            ["known", "new"]
        );
    }

    #[test]
    fn a_trend_that_falls_leads_where_a_mood_does_not() {
        assert_eq!(Direction::of(None, true), Direction::Gentle);
        assert_eq!(Direction::of(Some(Mood::Calm), true), Direction::Gentle);
        assert_eq!(Direction::of(Some(Mood::Calm), false), Direction::Even);
        assert_eq!(Direction::of(Some(Mood::Joy), true), Direction::Bright);
    }
}
