//! Which mood a genre tends to have.
//!
//! A heuristic of this project, by genre family: the values order families roughly as
//! the audio-feature averages that were published for them do (e.g. Every Noise at
//! Once, McDonald 2013–2023), and claim no more precision than that order.

use super::features::Features;

/// Musical dimensions that go with a trait, each made of the genres that the source names.
///
/// Rentfrow & Gosling 2003, "The do re mi's of everyday life", Journal of Personality and
/// Social Psychology 84(6), <https://doi.org/10.1037/0022-3514.84.6.1236>: openness goes with
/// reflective and complex music (r about .4), extraversion with energetic and rhythmic music
/// (about .2). Small effects over many people: evidence, no measurement of anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    /// Blues, jazz, classical, folk.
    ReflectiveComplex,
    /// Rap and hip hop, soul and funk, electronica and dance.
    EnergeticRhythmic,
    /// Any other the source names: rock, alternative, metal; country, pop, religious, soundtracks.
    Other,
}

/// The features of a mood, each given in percent.
const fn mood(energy: u64, valence: u64, danceability: u64, acousticness: u64) -> Features {
    Features {
        energy: 10 * energy,
        valence: 10 * valence,
        danceability: 10 * danceability,
        acousticness: 10 * acousticness,
    }
}

/// Family and its mood. A genre belongs to the longest family that its name contains.
const FAMILIES: &[(&str, Features)] = &[
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

/// The longest family whose name the genre's contains.
fn family_of(genre: &str) -> Option<&'static (&'static str, Features)> {
    let genre = genre.to_lowercase();
    FAMILIES
        .iter()
        .filter(|(family, _)| genre.contains(family))
        .max_by_key(|(family, _)| family.len())
}

/// The mood of a genre's family; `None` for a genre of none of them.
pub(super) fn mood_of(genre: &str) -> Option<Features> {
    family_of(genre).map(|&(_, mood)| mood)
}

/// Which families belong to a dimension, by the genres that the source lists for it.
const DIMENSIONS: &[(Dimension, &[&str])] = &[
    (
        Dimension::ReflectiveComplex,
        &["baul", "blues", "classical", "folk", "jazz"],
    ),
    (
        Dimension::EnergeticRhythmic,
        &[
            "dance",
            "disco",
            "drum and bass",
            "dubstep",
            "edm",
            "electro",
            "funk",
            "hip hop",
            "house",
            "r&b",
            "rap",
            "soul",
            "techno",
            "trance",
            "trap",
        ],
    ),
    (
        Dimension::Other,
        &[
            "country",
            "gospel",
            "grunge",
            "indie",
            "k-pop",
            "metal",
            "pop",
            "post-rock",
            "punk",
            "rock",
        ],
    ),
];

/// The dimension of a genre's family; `None` where the source says nothing of it.
pub(super) fn dimension_of(genre: &str) -> Option<Dimension> {
    let family = family_of(genre)?.0;
    DIMENSIONS
        .iter()
        .find(|(_, families)| families.contains(&family))
        .map(|&(dimension, _)| dimension)
}

#[cfg(test)]
mod tests {
    use super::{DIMENSIONS, Dimension, FAMILIES, dimension_of, mood_of};
    use crate::tastes::ranked::WHOLE;

    #[test]
    fn the_longest_family_wins() {
        assert_eq!(mood_of("Scottish Post-Rock"), mood_of("post-rock"));
        assert_ne!(mood_of("post-rock"), mood_of("rock"));
        assert_eq!(mood_of("sea shanty"), None);
    }

    #[test]
    fn a_dimension_is_of_the_longest_family_and_unknown_where_the_source_is_silent() {
        assert_eq!(
            dimension_of("Delta Blues"),
            Some(Dimension::ReflectiveComplex)
        );
        assert_eq!(
            dimension_of("deep house"),
            Some(Dimension::EnergeticRhythmic)
        );
        assert_eq!(dimension_of("post-rock"), Some(Dimension::Other));
        assert_eq!(dimension_of("bhangra"), None);
        let known = |name| FAMILIES.iter().any(|(family, _)| family == name);
        assert!(
            DIMENSIONS
                .iter()
                .all(|(_, families)| families.iter().all(known))
        );
    }

    #[test]
    fn figures_are_thousandths_and_families_are_listed_once() {
        assert!(FAMILIES.is_sorted_by(|(a, _), (b, _)| a < b));
        assert!(FAMILIES.iter().all(|(_, m)| {
            m.energy
                .max(m.valence)
                .max(m.danceability)
                .max(m.acousticness)
                <= WHOLE
        }));
    }
}
