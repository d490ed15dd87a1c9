//! Which mood a genre tends to have.
//!
//! A heuristic of this project, by genre family: the values order families roughly as
//! the audio-feature averages that were published for them do (e.g. Every Noise at
//! Once, McDonald 2013–2023), and claim no more precision than that order.

/// Percentages, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mood {
    pub(super) energy: u64,
    pub(super) valence: u64,
    pub(super) danceability: u64,
    pub(super) acousticness: u64,
}

const fn mood(energy: u64, valence: u64, danceability: u64, acousticness: u64) -> Mood {
    Mood {
        energy,
        valence,
        danceability,
        acousticness,
    }
}

/// Family and its mood. A genre belongs to the longest family that its name contains.
const FAMILIES: &[(&str, Mood)] = &[
    ("acoustic", mood(30, 45, 45, 85)),
    ("afrobeat", mood(70, 75, 75, 25)),
    ("ambient", mood(20, 25, 30, 75)),
    ("baul", mood(40, 55, 50, 80)),
    ("bhangra", mood(80, 80, 75, 20)),
    ("blues", mood(50, 50, 50, 50)),
    ("bollywood", mood(60, 60, 60, 40)),
    ("bossa nova", mood(35, 60, 60, 75)),
    ("chill", mood(35, 45, 60, 45)),
    ("classical", mood(20, 30, 25, 95)),
    ("country", mood(60, 60, 58, 35)),
    ("dance", mood(80, 65, 75, 8)),
    ("disco", mood(75, 80, 75, 15)),
    ("drum and bass", mood(88, 45, 55, 5)),
    ("dubstep", mood(85, 40, 60, 5)),
    ("edm", mood(85, 50, 65, 6)),
    ("electro", mood(75, 50, 70, 10)),
    ("emo", mood(80, 40, 45, 10)),
    ("folk", mood(38, 45, 48, 70)),
    ("funk", mood(70, 78, 75, 20)),
    ("ghazal", mood(30, 40, 45, 80)),
    ("gospel", mood(60, 55, 48, 40)),
    ("grunge", mood(75, 40, 42, 8)),
    ("hip hop", mood(65, 50, 76, 18)),
    ("house", mood(80, 60, 76, 6)),
    ("indie", mood(60, 50, 52, 30)),
    ("jazz", mood(40, 52, 52, 65)),
    ("k-pop", mood(76, 64, 66, 14)),
    ("latin", mood(72, 70, 73, 22)),
    ("lo-fi", mood(30, 42, 62, 50)),
    ("metal", mood(92, 30, 40, 2)),
    ("pop", mood(65, 58, 65, 22)),
    ("post-rock", mood(55, 22, 32, 25)),
    ("punk", mood(88, 55, 46, 4)),
    ("r&b", mood(55, 50, 66, 28)),
    ("rap", mood(66, 48, 76, 16)),
    ("reggae", mood(60, 75, 74, 20)),
    ("rock", mood(74, 50, 50, 14)),
    ("salsa", mood(76, 85, 70, 35)),
    ("singer-songwriter", mood(38, 42, 50, 65)),
    ("soul", mood(50, 58, 58, 40)),
    ("techno", mood(82, 38, 72, 5)),
    ("trance", mood(86, 42, 58, 4)),
    ("trap", mood(66, 42, 74, 12)),
];

/// The mood of a genre's family; `None` for a genre of none of them.
pub(super) fn mood_of(genre: &str) -> Option<Mood> {
    let genre = genre.to_lowercase();
    FAMILIES
        .iter()
        .filter(|(family, _)| genre.contains(family))
        .max_by_key(|(family, _)| family.len())
        .map(|&(_, mood)| mood)
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, mood_of};

    #[test]
    fn the_longest_family_wins() {
        assert_eq!(mood_of("Scottish Post-Rock"), mood_of("post-rock"));
        assert_ne!(mood_of("post-rock"), mood_of("rock"));
        assert_eq!(mood_of("sea shanty"), None);
    }

    #[test]
    fn moods_are_percentages_and_families_are_listed_once() {
        assert!(FAMILIES.is_sorted_by(|(a, _), (b, _)| a < b));
        assert!(FAMILIES.iter().all(|(_, m)| {
            m.energy
                .max(m.valence)
                .max(m.danceability)
                .max(m.acousticness)
                <= 100
        }));
    }
}
