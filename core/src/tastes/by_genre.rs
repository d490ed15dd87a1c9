//! What the genres that a person hears say, by their weights: mood, traits, diversity.

use std::collections::BTreeMap;

use super::features::{Features, MoodProfile, MoodSource};
use super::genres::{self, Dimension};
use super::ranked::{WHOLE, share};

/// Shares, in thousandths, of the genres that go with a trait among those a source speaks of.
/// Rentfrow & Gosling 2003, <https://doi.org/10.1037/0022-3514.84.6.1236>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraitEvidence {
    /// Reflective and complex music.
    pub openness: u64,
    /// Energetic and rhythmic music.
    pub extraversion: u64,
}

/// How music of these genres tends to feel, as far as they are known.
pub(super) fn mood(by_genre: &BTreeMap<String, u64>, total: u64) -> Option<MoodProfile> {
    let known: Vec<_> = by_genre
        .iter()
        .filter_map(|(genre, &weight)| Some((genres::mood_of(genre)?, weight)))
        .collect();
    let known_total: u64 = known.iter().map(|(_, weight)| weight).sum();
    if known_total == 0 {
        return None;
    }
    let mean = |figure: fn(&Features) -> u64| {
        (known
            .iter()
            .map(|(mood, weight)| figure(mood) * weight)
            .sum::<u64>()
            + known_total / 2)
            / known_total
    };
    Some(MoodProfile {
        mean: Features {
            energy: mean(|m| m.energy),
            valence: mean(|m| m.valence),
            danceability: mean(|m| m.danceability),
            acousticness: mean(|m| m.acousticness),
        },
        confidence: share(known_total, total),
        source: MoodSource::Genres,
    })
}

/// How music of these genres tends to feel, each as much as the others; `None` where none is known.
#[must_use]
pub fn mood_of_genres(genres: &[String]) -> Option<Features> {
    let by_genre = genres.iter().map(|genre| (genre.clone(), 1)).collect();
    mood(&by_genre, genres.len() as u64).map(|of| of.mean)
}

/// What these genres say about traits, as far as the source speaks of them.
pub(super) fn trait_evidence(by_genre: &BTreeMap<String, u64>) -> Option<TraitEvidence> {
    let (mut known, mut reflective, mut energetic) = (0, 0, 0);
    for (genre, weight) in by_genre {
        match genres::dimension_of(genre) {
            Some(Dimension::ReflectiveComplex) => reflective += weight,
            Some(Dimension::EnergeticRhythmic) => energetic += weight,
            Some(Dimension::Other) => {}
            None => continue,
        }
        known += weight;
    }
    (known > 0).then(|| TraitEvidence {
        openness: share(reflective, known),
        extraversion: share(energetic, known),
    })
}

/// See [`super::MusicTaste::diversity`].
pub(super) fn diversity(by_genre: &BTreeMap<String, u64>, total: u64) -> Option<u64> {
    if total == 0 {
        return None;
    }
    let total = u128::from(total);
    let squares: u128 = by_genre
        .values()
        .map(|&weight| u128::from(weight).pow(2))
        .sum();
    let concentration = (squares * u128::from(WHOLE) + total * total / 2) / (total * total);
    u64::try_from(concentration)
        .ok()
        .map(|concentration| WHOLE - concentration.min(WHOLE))
}
