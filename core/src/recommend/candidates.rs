//! Points for what a pull has brought.

use std::collections::BTreeMap;

use crate::fixed::round_sqrt_ratio;

/// How many candidates of a kind are kept of a person: the best.
pub const MOST_CANDIDATES: usize = 120;

/// Plays by age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plays {
    /// Of the last 7 days.
    pub week: u32,
    /// Of the 23 days before.
    pub month: u32,
    /// Earlier ones.
    pub earlier: u32,
}

impl Plays {
    /// Their weight in tenths: what was played lately is played again, more than what was played as often
    /// before (Anderson et al. 2014, "The dynamics of repeat consumption",
    /// <https://doi.org/10.1145/2566486.2568018>), and the more so the more somebody's taste moves.
    fn tenths(self, movement: u64) -> u64 {
        (20 + movement) * u64::from(self.week)
            + 20 * u64::from(self.month)
            + 10 * u64::from(self.earlier)
    }

    /// All of them.
    #[must_use]
    pub fn count(self) -> u64 {
        u64::from(self.week) + u64::from(self.month) + u64::from(self.earlier)
    }
}

/// How much of the last week's listening went elsewhere than before, in hundredths beyond the two fifths that
/// chance and whim take of anybody's: 0 to 60.
fn movement(items: &[Item]) -> u64 {
    let mut makers = BTreeMap::<&str, [u64; 2]>::new();
    for item in items {
        let [now, before] = makers
            .entry(item.maker.as_deref().unwrap_or(&item.id))
            .or_default();
        *now += u64::from(item.plays.week);
        *before += u64::from(item.plays.month) + u64::from(item.plays.earlier);
    }
    let all = |nth: usize| makers.values().map(|plays| plays[nth]).sum::<u64>();
    let (now, before) = (all(0), all(1));
    if now == 0 || before == 0 {
        return 0;
    }
    // Shares that both have in common, over one denominator.
    let common = makers
        .values()
        .map(|&[of_now, of_before]| u128::from(of_now * before).min(u128::from(of_before * now)))
        .sum::<u128>();
    let hundredths = common * 100 / u128::from(now * before);
    60_u64.saturating_sub(u64::try_from(hundredths).unwrap_or(60))
}

/// A track or a video that the person has met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The provider's id.
    pub id: String,
    /// The first artist's name, or the channel's id.
    pub maker: Option<String>,
    /// Genres, or topics.
    pub genres: Vec<String>,
    /// Known plays. Of videos there are none: YouTube shows no watch history.
    pub plays: Plays,
    /// Whole days between the last known play and the pull.
    pub days_since_play: Option<u32>,
    /// The weight of its places in the provider's top lists, see [`crate::tastes::weight_of_place`].
    pub listed: u64,
    /// Whole days since it was saved, liked or put into a list of the person's own.
    pub days_since_saved: Option<u32>,
    /// How it feels, where that is known.
    pub feel: Option<Feel>,
}

/// An artist or a channel that the person follows, as in [`Item::maker`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed(pub String);

/// Points of a candidate, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points {
    /// How often it was played, recently more than earlier: 0 to 900.
    pub played: i64,
    /// What its places in the provider's top lists say beyond that: 0 to 300. Plays are known only from when an
    /// account was linked.
    pub listed: i64,
    /// That it was saved, and lately: 0 to 80.
    pub saved: i64,
    /// What else of its maker is played, saved or followed: 0 to 240.
    pub maker: i64,
    /// Its share of the person's favourite genres or topics: 0 to 100.
    pub genre: i64,
    /// How long it has rested: −60 to 40.
    pub rest: i64,
}

impl Points {
    /// Their sum.
    #[must_use]
    pub const fn sum(self) -> i64 {
        self.played + self.listed + self.saved + self.maker + self.genre + self.rest
    }
}

/// What may be recommended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The provider's id.
    pub id: String,
    /// As in [`Item::maker`]; what has none is like nothing else.
    pub maker: Option<String>,
    /// What it is worth, whatever the mood.
    pub points: Points,
    /// As in [`Item::feel`].
    pub feel: Option<Feel>,
}

/// How music feels: from the provider's features of the recording, else from its genres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feel {
    /// Positivity in thousandths.
    pub valence: i64,
    /// Intensity in thousandths.
    pub energy: i64,
}

impl Candidate {
    /// How well the person knows it, in thousandths.
    #[must_use]
    pub fn familiarity(&self) -> i64 {
        (2 * (self.points.played + self.points.listed)).min(1_000)
    }
}

/// `unit × √(tenths / 10)`, at most `most`.
fn rooted(tenths: u64, unit: i128, most: i64) -> i64 {
    let root = round_sqrt_ratio(i128::from(tenths) * unit * unit, 10);
    i64::try_from(root).unwrap_or(most).min(most)
}

/// What an item adds to the weight of its maker, in tenths.
fn tenths_for_maker(item: &Item, movement: u64) -> u64 {
    let saved = if item.days_since_saved.is_some() {
        30
    } else {
        0
    };
    item.plays.tenths(movement) + item.listed + saved
}

/// What following a maker adds to their weight, in tenths.
const FOLLOWED: u64 = 240;

fn played(plays: Plays, movement: u64) -> i64 {
    let lately = plays.tenths(movement) * 6 / 5;
    i64::try_from(lately).unwrap_or(600).min(600) + rooted(10 * plays.count(), 40, 300)
}

fn saved(days: Option<u32>) -> i64 {
    match days {
        Some(0..=10) => 80,
        Some(_) => 20,
        None => 0,
    }
}

/// Who has heard something today rather hears something else (Kapoor et al. 2015, "Just in time
/// recommendations", <https://doi.org/10.1145/2684822.2685306>); what was loved and left rests
/// until it is welcome again; and what was saved and never played is waited for.
fn rest(item: &Item) -> i64 {
    match item.days_since_play {
        Some(0) => -60,
        Some(1..=2) => -40,
        Some(3..=13) => 0,
        Some(_) if item.plays.count() >= 3 => 40,
        Some(_) => 10,
        None if item.plays.count() == 0 && item.days_since_saved.is_some() => 20,
        None => 0,
    }
}

/// Shares, in thousandths, of genres or topics, by how much of each was played, listed or kept.
fn favourites(items: &[Item]) -> BTreeMap<&str, u64> {
    let mut weights = BTreeMap::<&str, u64>::new();
    for item in items {
        for genre in &item.genres {
            *weights.entry(genre).or_default() += 1 + item.plays.count() + item.listed / 50;
        }
    }
    let total = weights.values().sum::<u64>().max(1);
    for weight in weights.values_mut() {
        *weight = *weight * 1_000 / total;
    }
    weights
}

/// Points for all `items`, the best [`MOST_CANDIDATES`] first, ties by id.
#[must_use]
pub fn candidates(items: &[Item], followed: &[Followed]) -> Vec<Candidate> {
    let favourites = favourites(items);
    let movement = movement(items);
    let mut makers = BTreeMap::<&str, u64>::new();
    for item in items {
        if let Some(maker) = &item.maker {
            *makers.entry(maker).or_default() += tenths_for_maker(item, movement);
        }
    }
    for Followed(maker) in followed {
        *makers.entry(maker).or_default() += FOLLOWED;
    }
    let mut all: Vec<Candidate> = items
        .iter()
        .map(|item| {
            let of_maker = item.maker.as_deref().and_then(|maker| makers.get(maker));
            // Its own plays are counted already.
            let others = of_maker.map_or(0, |weight| weight - tenths_for_maker(item, movement));
            let genres = item.genres.iter();
            let genre = genres
                .filter_map(|genre| favourites.get(genre.as_str()))
                .max();
            let played = played(item.plays, movement);
            let listed = i64::try_from(item.listed).unwrap_or(i64::MAX).min(300);
            Candidate {
                id: item.id.clone(),
                maker: item.maker.clone(),
                points: Points {
                    played,
                    listed: (listed - played).max(0),
                    saved: saved(item.days_since_saved),
                    maker: rooted(others, 14, 240),
                    genre: genre.map_or(0, |share| i64::try_from(share / 10).unwrap_or(0)),
                    rest: rest(item),
                },
                feel: item.feel,
            }
        })
        .collect();
    all.sort_by(|a, b| (b.points.sum(), &a.id).cmp(&(a.points.sum(), &b.id)));
    all.truncate(MOST_CANDIDATES);
    all
}

#[cfg(test)]
mod tests {
    use super::{Candidate, Followed, Item, MOST_CANDIDATES, Plays, Points, candidates};

    fn item(id: &str, maker: &str, week: u32, month: u32) -> Item {
        Item {
            id: id.to_owned(),
            maker: Some(maker.to_owned()),
            plays: Plays {
                week,
                month,
                earlier: 0,
            },
            days_since_play: (week + month > 0).then_some(5),
            ..Item::default()
        }
    }

    fn points_of(found: &[Candidate], id: &str) -> Points {
        found.iter().find(|of| of.id == id).unwrap().points
    }

    #[test]
    fn nothing_known_gives_nothing() {
        assert_eq!(candidates(&[], &[]), []);
    }

    #[test]
    fn what_is_played_more_is_worth_more_up_to_a_bound() {
        let items: Vec<Item> = (0..50)
            .map(|n| item(&format!("{n:02}"), &format!("m{n}"), 0, n * n))
            .collect();
        let found = candidates(&items, &[]);
        let played: Vec<i64> = items
            .iter()
            .map(|of| points_of(&found, &of.id).played)
            .collect();
        assert!(played.is_sorted(), "{played:?}");
        assert_eq!((played[0], played[49]), (0, 900));
    }

    #[test]
    fn figures_by_hand() {
        let mut items = [
            item("a", "Sona", 2, 3),
            item("b", "Sona", 0, 0),
            item("c", "Rupa", 0, 0),
        ];
        items[1].days_since_saved = Some(40);
        items[2].listed = 130;
        items[2].genres = vec!["baul".into(), "jazz".into()];

        let found = candidates(&items, &[Followed("Rupa".into())]);
        // 12 × 10 and 40 √5; of Sona's others 14 √3.
        assert_eq!(
            points_of(&found, "a"),
            Points {
                played: 120 + 89,
                maker: 24,
                ..Points::default()
            }
        );
        assert_eq!(
            points_of(&found, "b"),
            Points {
                saved: 20,
                maker: 44,
                rest: 20,
                ..Points::default()
            }
        );
        assert_eq!(
            points_of(&found, "c"),
            Points {
                listed: 130,
                maker: 69,
                genre: 50,
                ..Points::default()
            }
        );
    }

    #[test]
    fn the_best_are_kept_whatever_the_order_they_come_in() {
        let mut items: Vec<Item> = (0..300)
            .map(|n| item(&format!("{n:03}"), "Sona", n % 7, 1))
            .collect();
        let found = candidates(&items, &[]);
        assert_eq!(found.len(), MOST_CANDIDATES);
        items.reverse();
        assert_eq!(found, candidates(&items, &[]));
    }

    #[test]
    fn where_taste_moves_the_last_week_counts_more() {
        let steady = [item("a", "Sona", 4, 4), item("b", "Rupa", 4, 4)];
        let moving = [item("a", "Sona", 4, 0), item("b", "Rupa", 0, 4)];
        let of = |items: &[Item]| points_of(&candidates(items, &[]), "a").played;
        assert_eq!(of(&steady), 192 + 113);
        assert_eq!(of(&moving), 384 + 80);
    }

    #[test]
    fn what_was_just_heard_rests_and_what_was_left_comes_back() {
        let rest = |plays: u32, days: Option<u32>, saved: Option<u32>| {
            let item = Item {
                days_since_play: days,
                days_since_saved: saved,
                ..item("a", "Sona", plays, 0)
            };
            candidates(&[item], &[])[0].points.rest
        };
        assert_eq!(
            [
                rest(3, Some(0), None),
                rest(3, Some(2), None),
                rest(3, Some(13), None)
            ],
            [-60, -40, 0]
        );
        assert_eq!([rest(3, Some(14), None), rest(2, Some(14), None)], [40, 10]);
        assert_eq!([rest(0, None, Some(9)), rest(0, None, None)], [20, 0]);
    }
}
