//! Musical taste from top lists, the library and videos.

use std::collections::BTreeMap;

use super::by_genre::{self, TraitEvidence};
use super::features::{Features, MoodProfile, MoodSource};
use super::ranked::{Ranked, WHOLE, heaviest, is_named, share};
use super::topics;

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

/// What place `rank`, from 1, of a list counts: `51 − rank`, at least 1, times the range's
/// weight (heuristic).
#[must_use]
pub fn weight_of_place(range: TimeRange, rank: u32) -> u64 {
    u64::from(51_u32.saturating_sub(rank).max(1)) * range.weight()
}

/// What a followed artist counts: about the end of a list (heuristic: followed once, perhaps
/// long ago).
const FOLLOWED: u64 = 10;

/// Who told the genres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenresFrom {
    /// The account's own provider.
    Account,
    /// Somebody who knows the recordings: only where the provider tells none at all.
    Recordings,
}

/// Musical taste.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MusicTaste {
    /// Heaviest first, at most [`super::FAVOURITES`].
    pub top_genres: Vec<Ranked>,
    /// Who told them.
    pub genres_from: GenresFrom,
    /// From audio features where there are any, else from genres; `None` without either.
    pub mood: Option<MoodProfile>,
    /// Gini–Simpson index of the genre shares in thousandths: 0 one genre, towards 1,000
    /// many alike (Simpson 1949). `None` without genres.
    pub diversity: Option<u64>,
    /// Heaviest first, at most [`super::FAVOURITES`].
    pub top_artists: Vec<Ranked>,
    /// `None` without a genre that the source speaks of.
    pub trait_evidence: Option<TraitEvidence>,
}

/// Evidence of one account, added piece by piece. An artist's weight is shared evenly among
/// their genres.
#[derive(Clone, Debug, Default)]
pub struct MusicEvidence {
    by_genre: BTreeMap<String, u64>,
    by_genre_of_recordings: BTreeMap<String, u64>,
    by_artist: BTreeMap<String, u64>,
    tracks: u64,
    tracks_with_features: u64,
    features: [u64; 4],
}

impl MusicEvidence {
    /// An artist at place `rank`, from 1, of a top list. No genres: none are told.
    pub fn top_artist(&mut self, range: TimeRange, rank: u32, name: &str, genres: &[String]) {
        self.artist(weight_of_place(range, rank), Some(name), genres);
    }

    /// An artist the person follows.
    pub fn followed_artist(&mut self, name: &str, genres: &[String]) {
        self.artist(FOLLOWED, Some(name), genres);
    }

    /// A track at place `rank`, from 1, of a top list, with its features and the genres of its
    /// recording where somebody knows them.
    pub fn top_track(
        &mut self,
        range: TimeRange,
        rank: u32,
        features: Option<Features>,
        genres: &[String],
    ) {
        let weight = weight_of_place(range, rank);
        add_evenly(&mut self.by_genre_of_recordings, genres, weight * WHOLE);
        self.tracks += weight;
        let Some(of) = features else { return };
        self.tracks_with_features += weight;
        let figures = [of.energy, of.valence, of.danceability, of.acousticness];
        for (sum, figure) in self.features.iter_mut().zip(figures) {
            *sum += figure * weight;
        }
    }

    /// A liked video or a followed channel of YouTube: counts if it is music (category 10, a
    /// topic about music, or an artist's own channel).
    pub fn video(&mut self, category: Option<&str>, topics: &[String], channel: Option<&str>) {
        if topics::is_music(category, topics, channel) {
            self.artist(1, channel.and_then(topics::artist), &topics::genres(topics));
        }
    }

    /// Whether there is anything to conclude from.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_artist.is_empty() && self.by_genre.is_empty() && self.tracks == 0
    }

    fn artist(&mut self, weight: u64, name: Option<&str>, genres: &[String]) {
        let weight = weight * WHOLE;
        if let Some(name) = name.filter(|name| is_named(name)) {
            *self.by_artist.entry(name.to_owned()).or_default() += weight;
        }
        add_evenly(&mut self.by_genre, genres, weight);
    }

    /// What follows from it.
    #[must_use]
    pub fn conclude(mut self) -> MusicTaste {
        let genres_from = if self.by_genre.is_empty() && !self.by_genre_of_recordings.is_empty() {
            self.by_genre = std::mem::take(&mut self.by_genre_of_recordings);
            GenresFrom::Recordings
        } else {
            GenresFrom::Account
        };
        let total = self.by_genre.values().sum();
        MusicTaste {
            mood: self
                .mood_of_features()
                .or_else(|| by_genre::mood(&self.by_genre, total)),
            diversity: by_genre::diversity(&self.by_genre, total),
            trait_evidence: by_genre::trait_evidence(&self.by_genre),
            top_genres: favourites(self.by_genre),
            genres_from,
            top_artists: favourites(self.by_artist),
        }
    }

    fn mood_of_features(&self) -> Option<MoodProfile> {
        let known = self.tracks_with_features;
        let mean = |sum: u64| (sum + known / 2).checked_div(known);
        let [energy, valence, danceability, acousticness] = self.features;
        Some(MoodProfile {
            mean: Features {
                energy: mean(energy)?,
                valence: mean(valence)?,
                danceability: mean(danceability)?,
                acousticness: mean(acousticness)?,
            },
            confidence: share(known, self.tracks),
            source: MoodSource::AudioFeatures,
        })
    }
}

fn add_evenly(by_genre: &mut BTreeMap<String, u64>, genres: &[String], weight: u64) {
    let named = genres.iter().filter(|genre| is_named(genre));
    let count = named.clone().count() as u64;
    for genre in named {
        *by_genre.entry(genre.clone()).or_default() += weight / count;
    }
}

fn favourites(weights: BTreeMap<String, u64>) -> Vec<Ranked> {
    let total = weights.values().sum();
    heaviest(weights)
        .into_iter()
        .map(|(name, weight)| Ranked {
            name,
            weight: share(weight, total),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{
        Features, GenresFrom, MoodSource, MusicEvidence, MusicTaste, TimeRange, TraitEvidence,
    };

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn taste_of(artists: &[(&str, &[&str])]) -> MusicTaste {
        let mut evidence = MusicEvidence::default();
        for ((name, genres), rank) in artists.iter().zip(1..) {
            evidence.top_artist(TimeRange::Short, rank, name, &owned(genres));
        }
        evidence.conclude()
    }

    #[test]
    fn without_genres_nothing_is_concluded_about_them() {
        let taste = taste_of(&[("Sona", &[]), ("Rupa", &[])]);
        assert!(taste.top_genres.is_empty());
        assert_eq!(
            (taste.mood, taste.diversity, taste.trait_evidence),
            (None, None, None)
        );
        assert_eq!(taste.top_artists[0].name, "Sona");
    }

    #[test]
    fn what_has_no_name_does_not_rank() {
        let taste = taste_of(&[("", &["", "pop"]), ("Sona", &[" "])]);
        let names = |of: &[super::Ranked]| of.iter().map(|of| of.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&taste.top_genres), ["pop"]);
        assert_eq!(taste.top_genres[0].weight, 1_000);
        assert_eq!(names(&taste.top_artists), ["Sona"]);
    }

    #[test]
    fn a_single_genre_has_all_the_weight_and_no_diversity() {
        let taste = taste_of(&[("Sona", &["indie folk"])]);
        assert_eq!(taste.top_genres[0].weight, 1_000);
        assert_eq!(taste.diversity, Some(0));
        assert_eq!(
            taste.mood.map(|m| (m.confidence, m.source)),
            Some((1_000, MoodSource::Genres))
        );
    }

    #[test]
    fn two_genres_alike_are_half_each() {
        let taste = taste_of(&[("Sona", &["baul", "sea shanty"])]);
        let weights: Vec<_> = taste.top_genres.iter().map(|g| g.weight).collect();
        assert_eq!(weights, [500, 500]);
        assert_eq!(taste.diversity, Some(500));
        assert_eq!(
            taste.mood.map(|m| m.confidence),
            Some(500),
            "nothing is known of shanties"
        );
    }

    #[test]
    fn genres_that_go_with_a_trait_are_its_evidence() {
        let taste = taste_of(&[("Sona", &["jazz", "techno", "pop", "sea shanty"])]);
        assert_eq!(
            taste.trait_evidence,
            Some(TraitEvidence {
                openness: 333,
                extraversion: 333
            }),
            "of the three that the source speaks of"
        );
    }

    #[test]
    fn measured_features_come_before_what_genres_suggest() {
        let mut evidence = MusicEvidence::default();
        evidence.top_artist(TimeRange::Short, 1, "Sona", &owned(&["metal"]));
        let calm = Features {
            energy: 100,
            valence: 200,
            danceability: 300,
            acousticness: 900,
        };
        evidence.top_track(TimeRange::Short, 1, Some(calm), &[]);
        evidence.top_track(TimeRange::Short, 1, None, &[]);
        let mood = evidence.conclude().mood.unwrap();
        assert_eq!(
            (mood.mean, mood.confidence, mood.source),
            (calm, 500, MoodSource::AudioFeatures)
        );
    }

    #[test]
    fn recordings_tell_genres_only_where_the_account_tells_none() {
        let mut evidence = MusicEvidence::default();
        evidence.top_track(TimeRange::Short, 1, None, &owned(&["baul"]));
        let taste = evidence.clone().conclude();
        assert_eq!(
            (taste.top_genres[0].name.as_str(), taste.genres_from),
            ("baul", GenresFrom::Recordings)
        );
        evidence.top_artist(TimeRange::Short, 1, "Sona", &owned(&["jazz"]));
        let taste = evidence.conclude();
        assert_eq!(
            (taste.top_genres[0].name.as_str(), taste.genres_from),
            ("jazz", GenresFrom::Account)
        );
    }

    #[test]
    fn of_videos_only_music_counts() {
        let mut evidence = MusicEvidence::default();
        evidence.video(Some("26"), &owned(&["Food"]), Some("Kitchen"));
        assert!(evidence.is_empty());
        evidence.video(
            Some("10"),
            &owned(&["Music", "Rock music"]),
            Some("Arnob - Topic"),
        );
        let taste = evidence.conclude();
        assert_eq!(
            (
                taste.top_genres[0].name.as_str(),
                taste.top_artists[0].name.as_str()
            ),
            ("rock", "Arnob")
        );
    }

    #[test]
    fn an_empty_account_has_an_empty_taste() {
        let taste = taste_of(&[]);
        assert!(taste.top_genres.is_empty() && taste.top_artists.is_empty());
    }
}
