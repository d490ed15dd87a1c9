//! Invented listeners of the stand-in's catalogue, who play for weeks. Each family listens by another
//! habit; none knows anything of how recommendations are made.

use std::collections::{BTreeMap, BTreeSet};

use bondhu_standin::catalogue::music::Track;
use rand::Rng as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

/// Days that are known, and days after them that are held back.
pub(super) const KNOWN_DAYS: i32 = 84;
pub(super) const HELD_BACK_DAYS: i32 = 7;

/// How somebody listens. The rule was tuned on all but the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Favourite artists and tracks that stay, some chance.
    Steady,
    /// What they like moves from week to week, and what was saved lately is played more.
    Drifting,
    /// What was played much is tired of for a while, by some more than by others.
    Tiring,
    /// A few artists for a week or two, one track over and over, then others; old favourites come back.
    Phases,
    /// Whole albums, with new artists of a loved genre each week.
    Explorers,
    /// The same few tracks on the way to work, a loved artist in the evening, on Sundays what others chose.
    Commuters,
    /// Lists that are played through in shuffled order, a list a day; what is added is played first.
    Collectors,
    /// By the day's mood, each with artists of its own; some days pass without any music.
    Moody,
}

/// One play: on which day, from `-KNOWN_DAYS` to `HELD_BACK_DAYS - 1`, of which track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Play {
    pub(super) day: i32,
    pub(super) track: usize,
}

/// What one person did, in order.
#[derive(Debug, Default)]
pub(super) struct Listener {
    pub(super) plays: Vec<Play>,
    /// Tracks and the day on which they were saved.
    pub(super) saved: BTreeMap<usize, i32>,
    /// Names of artists.
    pub(super) followed: BTreeSet<String>,
}

struct Habits<'a> {
    tracks: &'a [Track],
    by_artist: BTreeMap<&'a str, Vec<usize>>,
    /// Artists, the closest first.
    artists: Vec<&'a str>,
    dice: StdRng,
    of: Listener,
}

pub(super) fn listener(family: Family, number: u64, tracks: &[Track]) -> Listener {
    let mut habits = Habits::new(family, number, tracks);
    match family {
        Family::Steady => habits.steady(),
        Family::Drifting => habits.drifting(),
        Family::Tiring => habits.tiring(),
        Family::Phases => habits.phases(),
        Family::Collectors => habits.collectors(),
        Family::Commuters => habits.commuters(),
        Family::Moody => habits.moody(),
        Family::Explorers => habits.explorers(),
    }
    habits.of
}

fn artist_of(track: &Track) -> &str {
    track.artists.first().map_or("", |artist| &artist.name)
}

fn days() -> std::ops::Range<i32> {
    -KNOWN_DAYS..HELD_BACK_DAYS
}

impl<'a> Habits<'a> {
    fn new(family: Family, number: u64, tracks: &'a [Track]) -> Self {
        let mut dice = StdRng::seed_from_u64(number * 8 + family as u64);
        let mut by_artist = BTreeMap::<&str, Vec<usize>>::new();
        let mut genres = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (index, track) in tracks.iter().enumerate() {
            by_artist.entry(artist_of(track)).or_default().push(index);
            let of = track
                .artists
                .first()
                .and_then(|artist| artist.genres.as_ref());
            genres
                .entry(artist_of(track))
                .or_default()
                .extend(of.into_iter().flatten().map(String::as_str));
        }
        let all: Vec<&str> = genres
            .values()
            .flatten()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let loved: BTreeSet<&str> = all.choose_multiple(&mut dice, 4).copied().collect();
        let mut artists: Vec<&str> = by_artist.keys().copied().collect();
        artists.shuffle(&mut dice);
        artists.sort_by_key(|artist| genres[artist].is_disjoint(&loved));
        Self {
            tracks,
            by_artist,
            artists,
            dice,
            of: Listener::default(),
        }
    }

    /// A place in a list in which the first are likelier, by a power law.
    fn place(&mut self, of: usize, steepness: f64) -> usize {
        let share: f64 = self.dice.random();
        ((share.powf(steepness) * of as f64) as usize).min(of - 1)
    }

    fn play(&mut self, day: i32, track: usize) {
        self.of.plays.push(Play { day, track });
    }

    fn save(&mut self, day: i32, track: usize) {
        self.of.saved.entry(track).or_insert(day);
    }

    fn any_of(&mut self, artist: &str) -> usize {
        *self.by_artist[artist].choose(&mut self.dice).unwrap_or(&0)
    }

    fn steady(&mut self) {
        let pool = self.dice.random_range(25..60);
        let steepness = self.dice.random_range(1.5..3.0);
        let chance = self.dice.random_range(0.05..0.25);
        let daily = self.dice.random_range(6..30);
        // A person's own order of an artist's tracks.
        let mut own = self.by_artist.clone();
        for tracks in own.values_mut() {
            tracks.shuffle(&mut self.dice);
        }
        let mut counts = BTreeMap::<usize, u32>::new();
        for day in days() {
            let mut today = BTreeSet::new();
            for _ in 0..self.dice.random_range(0..=2 * daily) {
                let track = if self.dice.random_bool(chance) {
                    self.dice.random_range(0..self.tracks.len())
                } else {
                    let place = self.place(pool, steepness);
                    let tracks = &own[self.artists[place]];
                    let count = tracks.len();
                    let nth = self.place(count, 1.6);
                    own[self.artists[place]][nth]
                };
                if !today.insert(track) && self.dice.random_bool(0.6) {
                    continue;
                }
                self.play(day, track);
                let count = counts.entry(track).or_default();
                *count += 1;
                if *count == 4 && self.dice.random_bool(0.5) {
                    self.save(day, track);
                }
            }
        }
        for place in 0..10 {
            if self.dice.random_bool(0.5) {
                self.of.followed.insert(self.artists[place].to_owned());
            }
        }
    }

    fn drifting(&mut self) {
        let pool = self.dice.random_range(20..50);
        let mut weights: Vec<f64> = (0..pool).map(|place| 1.0 / f64::from(place + 1)).collect();
        let albums = self.dice.random_range(0.0..0.5);
        for day in days() {
            if day.rem_euclid(7) == 0 {
                for weight in &mut weights {
                    *weight *= 2.0_f64.powf(self.dice.random_range(-1.5..1.5));
                }
            }
            let total: f64 = weights.iter().sum();
            for _ in 0..self.dice.random_range(0..16) {
                let lately: Vec<usize> = self
                    .of
                    .saved
                    .iter()
                    .filter(|&(_, &saved)| day - saved < 10)
                    .map(|(&track, _)| track)
                    .collect();
                if self.dice.random_bool(0.15)
                    && let Some(&track) = lately.choose(&mut self.dice)
                {
                    self.play(day, track);
                    continue;
                }
                let mut point = self.dice.random_range(0.0..total);
                let place = weights
                    .iter()
                    .position(|weight| {
                        point -= weight;
                        point < 0.0
                    })
                    .unwrap_or(0);
                let tracks = self.by_artist[self.artists[place]].clone();
                let count = if self.dice.random_bool(albums) {
                    tracks.len()
                } else {
                    1
                };
                let first = self.place(tracks.len(), 1.5);
                for track in tracks.iter().cycle().skip(first).take(count) {
                    self.play(day, *track);
                    if self.dice.random_bool(0.03) {
                        self.save(day, *track);
                    }
                }
            }
        }
        for (weight, artist) in weights.iter().zip(&self.artists) {
            if *weight > 0.3 && self.dice.random_bool(0.4) {
                self.of.followed.insert((*artist).to_owned());
            }
        }
    }

    fn tiring(&mut self) {
        let pool = self.dice.random_range(20..70);
        let tires = self.dice.random_range(0.05..0.6);
        let recovers = self.dice.random_range(0.85..0.97);
        let mut liked = Vec::new();
        for place in 0..pool {
            for track in self.by_artist[self.artists[place]].clone() {
                let share: f64 = self.dice.random();
                liked.push((track, share.powi(3) / (1.0 + place as f64 / 8.0)));
            }
        }
        let mut tired = vec![0.0_f64; self.tracks.len()];
        for day in days() {
            for of in &mut tired {
                *of *= recovers;
            }
            for _ in 0..self.dice.random_range(0..18) {
                let weight = |&(track, liking): &(usize, f64)| {
                    liking * (1.0 - tired[track]).max(0.0).powi(3)
                };
                let total: f64 = liked.iter().map(weight).sum();
                let mut point = self.dice.random_range(0.0..total.max(f64::MIN_POSITIVE));
                let found = liked.iter().find(|of| {
                    point -= weight(of);
                    point < 0.0
                });
                let Some(&(track, liking)) = found else {
                    continue;
                };
                tired[track] = (tired[track] + tires).min(1.0);
                self.play(day, track);
                if liking > 0.4 && self.dice.random_bool(0.2) {
                    self.save(day, track);
                }
            }
        }
        for place in 0..8 {
            if self.dice.random_bool(0.4) {
                self.of.followed.insert(self.artists[place].to_owned());
            }
        }
    }

    fn phases(&mut self) {
        let pool = 50;
        let mut phase: Vec<&str> = Vec::new();
        let mut obsession = 0;
        let mut last = BTreeMap::<usize, (i32, u32)>::new();
        for day in days() {
            if day.rem_euclid(7) == 0 || phase.is_empty() {
                if phase.is_empty() || self.dice.random_bool(0.6) {
                    phase = (0..5)
                        .map(|_| {
                            let place = self.place(pool, 1.5);
                            self.artists[place]
                        })
                        .collect();
                }
                let artist = phase[self.dice.random_range(0..phase.len())];
                obsession = self.any_of(artist);
                if self.dice.random_bool(0.3) {
                    self.of.followed.insert(artist.to_owned());
                }
            }
            for _ in 0..self.dice.random_range(0..30) {
                let track = match self.dice.random_range(0..100) {
                    0..20 => obsession,
                    20..45 => {
                        let old: Vec<usize> = last
                            .iter()
                            .filter(|(_, (seen, count))| *count >= 4 && day - seen >= 14)
                            .map(|(&track, _)| track)
                            .collect();
                        old.choose(&mut self.dice).copied().unwrap_or(obsession)
                    }
                    _ => {
                        let artist = phase[self.dice.random_range(0..phase.len())];
                        self.any_of(artist)
                    }
                };
                let (seen, count) = last.entry(track).or_default();
                *seen = day;
                *count += 1;
                if *count == 3 && self.dice.random_bool(0.6) {
                    self.save(day, track);
                }
                self.play(day, track);
            }
        }
    }

    fn collectors(&mut self) {
        let mut lists: Vec<Vec<usize>> = Vec::new();
        for _ in 0..3 {
            let mut list = BTreeSet::new();
            while list.len() < 30 {
                let place = self.place(90, 1.4);
                list.insert(self.any_of(self.artists[place]));
            }
            let mut list: Vec<usize> = list.into_iter().collect();
            list.shuffle(&mut self.dice);
            for &track in &list {
                let day = -KNOWN_DAYS - self.dice.random_range(0..400);
                self.save(day, track);
            }
            lists.push(list);
        }
        let mut places = [0; 3];
        for day in days() {
            let list = self.place(3, 1.4);
            if self.dice.random_bool(0.3) {
                let place = self.place(90, 1.4);
                let track = self.any_of(self.artists[place]);
                if !lists[list].contains(&track) {
                    lists[list].push(track);
                    self.save(day, track);
                    self.play(day, track);
                    self.play(day, track);
                }
            }
            for _ in 0..self.dice.random_range(0..18) {
                if places[list] >= lists[list].len() {
                    lists[list].shuffle(&mut self.dice);
                    places[list] = 0;
                }
                let track = lists[list][places[list]];
                places[list] += 1;
                self.play(day, track);
            }
        }
    }

    fn commuters(&mut self) {
        let mut morning: Vec<usize> = (0..12)
            .map(|_| {
                let place = self.place(60, 1.3);
                self.any_of(self.artists[place])
            })
            .collect();
        let mut evening = self.artists[0];
        for day in days() {
            let weekday = day.rem_euclid(7);
            if weekday == 6 {
                for _ in 0..self.dice.random_range(0..12) {
                    let track = self.dice.random_range(0..self.tracks.len());
                    self.play(day, track);
                }
                continue;
            }
            if self.dice.random_bool(0.1) {
                let nth = self.dice.random_range(0..morning.len());
                let place = self.place(60, 1.3);
                morning[nth] = self.any_of(self.artists[place]);
                self.save(day, morning[nth]);
            }
            let first = self.dice.random_range(0..morning.len());
            let count = self.dice.random_range(0..7);
            for track in morning.clone().into_iter().cycle().skip(first).take(count) {
                self.play(day, track);
            }
            if self.dice.random_bool(0.3) {
                let place = self.place(25, 1.8);
                evening = self.artists[place];
                if self.dice.random_bool(0.1) {
                    self.of.followed.insert(evening.to_owned());
                }
            }
            for _ in 0..self.dice.random_range(0..5) {
                let track = self.any_of(evening);
                self.play(day, track);
            }
        }
    }

    fn moody(&mut self) {
        let moods: Vec<Vec<&str>> = self.artists[..45]
            .chunks(15)
            .map(<[&str]>::to_vec)
            .collect();
        let mut mood = 0;
        for day in days() {
            if self.dice.random_bool(0.4) {
                mood = self.place(moods.len(), 1.3);
            }
            if self.dice.random_bool(0.25) {
                continue;
            }
            let mut last = None;
            for _ in 0..self.dice.random_range(0..16) {
                let again = last.filter(|_| self.dice.random_bool(0.2));
                let track = match again {
                    Some(track) => track,
                    None => {
                        let place = self.place(moods[mood].len(), 1.7);
                        self.any_of(moods[mood][place])
                    }
                };
                last = Some(track);
                self.play(day, track);
                if self.dice.random_bool(0.01) {
                    self.save(day, track);
                }
            }
        }
        for place in [0, 15, 30] {
            self.of.followed.insert(self.artists[place].to_owned());
        }
    }

    fn explorers(&mut self) {
        let mut known: Vec<&str> = self.artists[..40].to_vec();
        let mut next = 40;
        for day in days() {
            if day.rem_euclid(7) == 0 && next < self.artists.len() {
                known.insert(0, self.artists[next]);
                next += 1;
                if self.dice.random_bool(0.4) {
                    self.of.followed.insert(known[0].to_owned());
                }
            }
            let is_weekend = day.rem_euclid(7) >= 5;
            for _ in 0..self.dice.random_range(0..if is_weekend { 5 } else { 3 }) {
                let place = self.place(known.len(), if is_weekend { 1.5 } else { 3.0 });
                for track in self.by_artist[known[place]].clone() {
                    self.play(day, track);
                    if self.dice.random_bool(0.04) {
                        self.save(day, track);
                    }
                }
            }
        }
    }
}
