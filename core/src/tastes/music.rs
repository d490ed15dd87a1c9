//! Musical taste from top artists and plays.

use std::collections::BTreeMap;

use super::{WHOLE, genres, heaviest, share};

/// The provider's ranges: about 4 weeks, 6 months and a year.
/// <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeRange {
    /// About 4 weeks.
    Short,
    /// About 6 months.
    Medium,
    /// About a year.
    Long,
}

impl TimeRange {
    /// How much a place in this range counts (heuristic: what is heard now counts most).
    const fn weight(self) -> u64 {
        match self {
            Self::Short => 3,
            Self::Medium => 2,
            Self::Long => 1,
        }
    }
}

/// A top artist at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopArtist {
    /// The list it stands in.
    pub range: TimeRange,
    /// Place, from 1.
    pub rank: u32,
    /// Name.
    pub name: String,
    /// Genres; `None` or empty when the provider tells none.
    pub genres: Option<Vec<String>>,
}

/// A genre with its share of all genre evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genre {
    /// Name, as the provider spells it.
    pub genre: String,
    /// Share in thousandths.
    pub weight: u64,
}

/// A name with its standing, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Name.
    pub name: String,
    /// Share in thousandths.
    pub weight: u64,
}

/// How the music tends to feel, derived from genres. Thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoodProfile {
    /// Intensity.
    pub energy: u64,
    /// Positivity.
    pub valence: u64,
    /// How well it is danced to.
    pub danceability: u64,
    /// How acoustic it is.
    pub acousticness: u64,
    /// Share of the genre evidence that belongs to a known family.
    pub confidence: u64,
}

/// Musical taste.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MusicTaste {
    /// Heaviest first, at most [`super::FAVOURITES`].
    pub top_genres: Vec<Genre>,
    /// `None` without a known genre.
    pub mood: Option<MoodProfile>,
    /// Gini–Simpson index of the genre shares in thousandths: 0 one genre, towards 1,000
    /// many alike (Simpson 1949). `None` without genres.
    pub diversity: Option<u64>,
    /// Heaviest first, at most [`super::FAVOURITES`].
    pub top_artists: Vec<Ranked>,
}

/// Musical taste from top artists. Place `r` of a list counts `51 − r` (at least 1)
/// times the range's weight, shared evenly among an artist's genres (heuristic).
#[must_use]
pub fn music_taste(artists: &[TopArtist]) -> MusicTaste {
    let mut by_genre = BTreeMap::<String, u64>::new();
    let mut by_artist = BTreeMap::<String, u64>::new();
    for artist in artists {
        let place = u64::from(51_u32.saturating_sub(artist.rank).max(1));
        let weight = place * artist.range.weight() * WHOLE;
        *by_artist.entry(artist.name.clone()).or_default() += weight;
        let genres = artist.genres.as_deref().unwrap_or_default();
        for genre in genres {
            *by_genre.entry(genre.clone()).or_default() += weight / genres.len() as u64;
        }
    }

    let genre_total: u64 = by_genre.values().sum();
    let artist_total: u64 = by_artist.values().sum();
    MusicTaste {
        mood: mood(&by_genre, genre_total),
        diversity: diversity(&by_genre, genre_total),
        top_genres: heaviest(by_genre)
            .into_iter()
            .map(|(genre, weight)| Genre {
                genre,
                weight: share(weight, genre_total),
            })
            .collect(),
        top_artists: heaviest(by_artist)
            .into_iter()
            .map(|(name, weight)| Ranked {
                name,
                weight: share(weight, artist_total),
            })
            .collect(),
    }
}

fn mood(by_genre: &BTreeMap<String, u64>, total: u64) -> Option<MoodProfile> {
    let known: Vec<_> = by_genre
        .iter()
        .filter_map(|(genre, &w)| Some((genres::mood_of(genre)?, w)))
        .collect();
    let known_total: u64 = known.iter().map(|(_, weight)| weight).sum();
    if known_total == 0 {
        return None;
    }
    // Percentages × 10 are thousandths.
    let mean = |figure: fn(&genres::Mood) -> u64| {
        (known
            .iter()
            .map(|(mood, weight)| figure(mood) * 10 * weight)
            .sum::<u64>()
            + known_total / 2)
            / known_total
    };
    Some(MoodProfile {
        energy: mean(|m| m.energy),
        valence: mean(|m| m.valence),
        danceability: mean(|m| m.danceability),
        acousticness: mean(|m| m.acousticness),
        confidence: share(known_total, total),
    })
}

fn diversity(by_genre: &BTreeMap<String, u64>, total: u64) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::{TimeRange, TopArtist, music_taste};

    fn artist(rank: u32, name: &str, genres: Option<&[&str]>) -> TopArtist {
        TopArtist {
            range: TimeRange::Short,
            rank,
            name: name.to_owned(),
            genres: genres.map(|g| g.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn without_genres_nothing_is_concluded_about_them() {
        let taste = music_taste(&[artist(1, "Sona", None), artist(2, "Rupa", Some(&[]))]);
        assert!(taste.top_genres.is_empty());
        assert_eq!((taste.mood, taste.diversity), (None, None));
        assert_eq!(taste.top_artists[0].name, "Sona");
    }

    #[test]
    fn a_single_genre_has_all_the_weight_and_no_diversity() {
        let taste = music_taste(&[artist(1, "Sona", Some(&["indie folk"]))]);
        assert_eq!(taste.top_genres[0].weight, 1_000);
        assert_eq!(taste.diversity, Some(0));
        assert_eq!(taste.mood.map(|m| m.confidence), Some(1_000));
    }

    #[test]
    fn two_genres_alike_are_half_each() {
        let taste = music_taste(&[artist(1, "Sona", Some(&["baul", "sea shanty"]))]);
        assert_eq!(
            taste
                .top_genres
                .iter()
                .map(|g| g.weight)
                .collect::<Vec<_>>(),
            [500, 500]
        );
        assert_eq!(taste.diversity, Some(500));
        assert_eq!(
            taste.mood.map(|m| m.confidence),
            Some(500),
            "nothing is known of shanties"
        );
    }

    #[test]
    fn an_empty_account_has_an_empty_taste() {
        let taste = music_taste(&[]);
        assert!(taste.top_genres.is_empty() && taste.top_artists.is_empty());
    }
}
