//! Whether what is recommended is what people then play: invented listeners of the stand-in's catalogue,
//! the last week of each held back. Without a clock and the same in every run.

mod listeners;

use std::collections::{BTreeMap, BTreeSet};

use bondhu_core::recommend::{Direction, Followed, Item, Plays, candidates, rank};
use bondhu_core::tastes::{TimeRange, weight_of_place};
use bondhu_standin::catalogue;
use bondhu_standin::catalogue::music::Track;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use listeners::{Family, Listener, listener};

/// How many are recommended.
const SHOWN: usize = 20;

/// Listeners of a family.
const LISTENERS: u64 = 200;

/// Ways to recommend, in the order of the columns.
const WAYS: [&str; 5] = [
    "recommended",
    "most_played",
    "most_recent",
    "popularity",
    "random",
];

/// The families that the rule's points were chosen by, and those that they were not.
const FAMILIES: [(Family, &str); 8] = [
    (Family::Steady, "steady, tuned on"),
    (Family::Drifting, "drifting, tuned on"),
    (Family::Tiring, "tiring, tuned on"),
    (Family::Commuters, "commuters, tuned on"),
    (Family::Phases, "phases, tuned on"),
    (Family::Explorers, "explorers, tuned on"),
    (Family::Collectors, "collectors"),
    (Family::Moody, "moody"),
];

/// Prints recall at 20 of each way, for each family.
pub fn run() {
    let tracks = catalogue::tracks();
    println!(
        "recall@{SHOWN}: of the tracks that somebody plays in a week held back, the share among {SHOWN} named before"
    );
    println!("{LISTENERS} listeners a family, {} tracks\n", tracks.len());
    print!("{:<20}", "");
    for way in WAYS {
        print!("{way:>13}");
    }
    println!("  best other ÷");
    for (family, name) in FAMILIES {
        let recalls = recalls(family, &tracks);
        print!("{name:<20}");
        for recall in recalls {
            print!("{recall:>13.3}");
        }
        let other = recalls[1..].iter().copied().fold(0.0, f64::max);
        println!("{:>14.2}", recalls[0] / other);
    }
}

/// The mean recall of each of [`WAYS`].
fn recalls(family: Family, tracks: &[Track]) -> [f64; 5] {
    let all: Vec<Listener> = (0..LISTENERS)
        .map(|number| listener(family, number, tracks))
        .collect();
    let mut heard = BTreeMap::<usize, u64>::new();
    for play in all
        .iter()
        .flat_map(|of| &of.plays)
        .filter(|play| play.day < 0)
    {
        *heard.entry(play.track).or_default() += 1;
    }
    let popular = most(&heard);
    let mut sums = [0.0; 5];
    let mut measured = 0.0;
    for (of, number) in all.iter().zip(0..) {
        let held_back: BTreeSet<usize> = of
            .plays
            .iter()
            .filter(|play| play.day >= 0)
            .map(|play| play.track)
            .collect();
        if held_back.is_empty() {
            continue;
        }
        measured += 1.0;
        let mut random: Vec<usize> = known(of).into_iter().collect();
        random.shuffle(&mut StdRng::seed_from_u64(number));
        let lists = [
            recommended(of, tracks),
            most(&counts(of)),
            recent(of),
            popular.clone(),
            random,
        ];
        for (sum, list) in sums.iter_mut().zip(lists) {
            let hits = list
                .iter()
                .take(SHOWN)
                .filter(|track| held_back.contains(track))
                .count();
            *sum += hits as f64 / held_back.len() as f64;
        }
    }
    sums.map(|sum| sum / measured)
}

fn known(of: &Listener) -> BTreeSet<usize> {
    let played = of
        .plays
        .iter()
        .filter(|play| play.day < 0)
        .map(|play| play.track);
    let saved = of
        .saved
        .iter()
        .filter(|&(_, &day)| day < 0)
        .map(|(&track, _)| track);
    played.chain(saved).collect()
}

fn counts(of: &Listener) -> BTreeMap<usize, u64> {
    let mut counts = BTreeMap::new();
    for play in of.plays.iter().filter(|play| play.day < 0) {
        *counts.entry(play.track).or_default() += 1;
    }
    counts
}

fn most(counts: &BTreeMap<usize, u64>) -> Vec<usize> {
    let mut sorted: Vec<_> = counts
        .iter()
        .map(|(&track, &count)| (track, count))
        .collect();
    sorted.sort_by_key(|&(track, count)| (std::cmp::Reverse(count), track));
    sorted.into_iter().map(|(track, _)| track).collect()
}

fn recent(of: &Listener) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let newest_first = of.plays.iter().rev().filter(|play| play.day < 0);
    newest_first
        .map(|play| play.track)
        .filter(|&track| seen.insert(track))
        .collect()
}

/// What the product recommends, from what its tables would hold on the last known day.
fn recommended(of: &Listener, tracks: &[Track]) -> Vec<usize> {
    let mut items = BTreeMap::<usize, Item>::new();
    for track in known(of) {
        let Some(facts) = tracks.get(track) else {
            continue;
        };
        items.insert(
            track,
            Item {
                id: format!("{track:04}"),
                maker: facts.artists.first().map(|artist| artist.name.clone()),
                genres: facts
                    .artists
                    .first()
                    .and_then(|artist| artist.genres.clone())
                    .unwrap_or_default(),
                days_since_saved: of
                    .saved
                    .get(&track)
                    .filter(|&&day| day < 0)
                    .map(|&day| day.unsigned_abs()),
                ..Item::default()
            },
        );
    }
    for play in of.plays.iter().filter(|play| play.day < 0) {
        let Some(item) = items.get_mut(&play.track) else {
            continue;
        };
        let age = play.day.unsigned_abs() - 1;
        let Plays {
            week,
            month,
            earlier,
        } = &mut item.plays;
        *match age {
            0..7 => week,
            7..30 => month,
            _ => earlier,
        } += 1;
        item.days_since_play = Some(age);
    }
    // Top lists as the provider makes them.
    for (range, since, long) in [(TimeRange::Short, -28, 50), (TimeRange::Medium, -84, 50)] {
        let mut counts = BTreeMap::new();
        for play in of
            .plays
            .iter()
            .filter(|play| (since..0).contains(&play.day))
        {
            *counts.entry(play.track).or_default() += 1;
        }
        for (track, rank) in most(&counts).into_iter().take(long).zip(1..) {
            if let Some(item) = items.get_mut(&track) {
                item.listed += weight_of_place(range, rank);
            }
        }
    }
    let followed: Vec<_> = of.followed.iter().cloned().map(Followed).collect();
    let items: Vec<Item> = items.into_values().collect();
    let candidates = candidates(&items, &followed);
    let ranked = rank(&candidates, Direction::Even, &BTreeMap::new());
    ranked
        .iter()
        .filter_map(|of| of.candidate.id.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, catalogue, recalls};

    #[test]
    fn what_is_recommended_is_played_more_than_what_any_other_way_names() {
        let tracks = catalogue::tracks();
        let unseen: Vec<_> = FAMILIES
            .into_iter()
            .filter(|(_, name)| !name.contains("tuned"))
            .collect();
        assert_eq!(unseen.len(), 2);
        for (family, name) in unseen {
            let [recommended, others @ ..] = recalls(family, &tracks);
            assert!(
                others.into_iter().all(|other| other < recommended),
                "{name}: {recommended} {others:?}"
            );
        }
    }
}
