//! Who is simulated: some are there each day, most have been away for long.

use bondhu_core::planning::{Cadence, NextPull};

use super::simulation::{Figures, Scenario};
use crate::bench::figures::percentile;

const DAY: i64 = 86_400;

/// Waiting longer than this beyond what was planned is starving: the day of a daily quota, and a step.
const STARVING: i64 = DAY + 3_600;

/// Random numbers that are the same each time (SplitMix64, Steele, Lea and Flood 2014).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn number(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 32) as u32
    }

    /// From 0 up to, and without, `end`.
    fn below(&mut self, end: i64) -> i64 {
        (i64::from(self.number()) * end) >> 32
    }
}

/// One person and their account.
#[derive(Clone, Debug)]
pub(super) struct Person {
    is_active: bool,
    /// When somebody who is away was there last.
    last_there: i64,
    /// Whether they asked at all: then what they get is not the planner's share alone.
    has_asked: bool,
    pub(super) pulled_at: i64,
    pub(super) due_at: i64,
    pub(super) library_due_at: i64,
    pub(super) urgent_from: Option<i64>,
    /// What a walk of everything takes.
    pub(super) library_requests: i32,
    walked_at: i64,
    has_starved: bool,
    pulls: u32,
}

impl Person {
    pub(super) const fn last_active(&self, at: i64) -> i64 {
        if self.is_active { at } else { self.last_there }
    }

    /// Notes a pull and what follows it.
    pub(super) fn pulled(
        &mut self,
        at: i64,
        next: NextPull,
        cadence: Cadence,
        figures: &mut Figures,
    ) {
        self.waited(at, figures);
        if let Some(library_at) = next.library_at {
            self.outlived(at, cadence, figures);
            self.walked_at = at;
            self.library_due_at = library_at;
            self.urgent_from = next.urgent_from;
        }
        self.pulled_at = at;
        self.due_at = next.pull_at;
        self.pulls += 1;
    }

    fn waited(&mut self, at: i64, figures: &mut Figures) {
        let late = at - self.due_at;
        figures.latest = figures.latest.max(late);
        if late > STARVING && !self.has_starved {
            self.has_starved = true;
            figures.starved += 1;
        }
    }

    fn outlived(&self, at: i64, cadence: Cadence, figures: &mut Figures) {
        let kept = at - self.walked_at;
        figures.missed_deadlines += u64::from(cadence.retention.is_some_and(|term| kept > term));
    }
}

/// All of them.
pub(super) struct Crowd {
    pub(super) people: Vec<Person>,
}

impl Crowd {
    /// People in the middle of their life, each somewhere in their interval.
    pub(super) fn new(scenario: &Scenario, begin: i64, dice: &mut Dice) -> Self {
        let cadence = scenario.budget.cadence;
        let person = |number: usize| {
            let is_active = (number as i64 * scenario.budget.active_percent) % 100
                < scenario.budget.active_percent;
            let away = if is_active { 0 } else { 365 * DAY };
            let interval = cadence.stretched(cadence.interval, away);
            let library = cadence.library_interval.unwrap_or(cadence.interval);
            let library = cadence.stretched(library, away);
            let pulled_at = begin - dice.below(interval);
            let walked_at = match cadence.library_interval {
                Some(_) if is_active => begin - dice.below(library),
                _ => pulled_at,
            };
            Person {
                is_active,
                last_there: begin - away,
                has_asked: false,
                pulled_at,
                due_at: pulled_at + interval,
                library_due_at: walked_at + library,
                urgent_from: cadence.retention.map(|_| walked_at + cadence.longest()),
                // Twenty in the mean.
                library_requests: 8 + dice.below(25) as i32,
                walked_at,
                has_starved: false,
                pulls: 0,
            }
        };
        Self {
            people: (0..scenario.people).map(person).collect(),
        }
    }

    /// Those who ask for a sync now, and are there again.
    pub(super) fn ask(&mut self, scenario: &Scenario, at: i64, dice: &mut Dice) -> Vec<usize> {
        let count = scenario.people as i64 * scenario.step / DAY;
        let among = scenario.one_asks_among as i64;
        let asking = count / among + i64::from(dice.below(among) < count % among);
        let mut asking: Vec<usize> = (0..asking)
            .filter_map(|_| usize::try_from(dice.below(scenario.people as i64)).ok())
            // Who was pulled a moment ago is refused by the cooldown.
            .filter(|&number| {
                self.people
                    .get(number)
                    .is_some_and(|person| person.pulled_at < at)
            })
            .collect();
        asking.sort_unstable();
        asking.dedup();
        for &number in &asking {
            if let Some(person) = self.people.get_mut(number) {
                person.last_there = at;
                person.has_asked = true;
                person.due_at = person.due_at.min(at);
            }
        }
        asking
    }

    /// Counts what is still waited for at the end, and how alike people were served.
    pub(super) fn conclude(&mut self, scenario: &Scenario, end: i64, figures: &mut Figures) {
        let cadence = scenario.budget.cadence;
        for person in &mut self.people {
            person.waited(end, figures);
            person.outlived(end, cadence, figures);
        }
        let seconds = (scenario.days * DAY) as f64;
        for is_active in [true, false] {
            let alike = self
                .people
                .iter()
                .filter(|person| person.is_active == is_active && !person.has_asked);
            let mut intervals: Vec<f64> = alike
                .map(|person| seconds / f64::from(person.pulls.max(1)))
                .collect();
            if intervals.is_empty() {
                continue;
            }
            let median = percentile(&mut intervals, 50);
            let worst = percentile(&mut intervals, 100) / median;
            figures.worst_to_median_interval = figures.worst_to_median_interval.max(worst);
            if is_active {
                figures.active_interval = median;
            }
        }
    }
}
