//! What was measured, and what should be.

/// The figures with targets: name, bound, whether it is a greatest or a least value, what it is.
const TARGETS: [(&str, f64, Bound, &str); 7] = [
    (
        "insert_ratio_many",
        0.70,
        Bound::Least,
        "2,000 users, 2 clients, no fsync",
    ),
    (
        "insert_ratio_fsync",
        0.95,
        Bound::Least,
        "the same, each commit on disk",
    ),
    (
        "insert_ratio_hot_user",
        0.60,
        Bound::Least,
        "one user with 10,000 messages",
    ),
    (
        "copy_ratio",
        0.50,
        Bound::Least,
        "COPY of 100,000 rows of 2,000 users",
    ),
    (
        "history_flat",
        1.10,
        Bound::Greatest,
        "cost at 1,000,000 messages ÷ at 100",
    ),
    (
        "context_read_us_p50",
        1_000.0,
        Bound::Greatest,
        "personality_context at 1,000,000",
    ),
    (
        "context_read_us_p99",
        1_000.0,
        Bound::Greatest,
        "the same, one read in a hundred",
    ),
];

/// For comparison.
const COMPARATORS: [(&str, &str); 5] = [
    (
        "score_call_us",
        "a call of score(text) in SQL; the bare core: make bench-scorer",
    ),
    (
        "upsert_ratio_many",
        "PL/pgSQL, two upserts, no scoring: 2,000 users",
    ),
    (
        "upsert_ratio_hot_user",
        "PL/pgSQL, two upserts, no scoring: hot user",
    ),
    (
        "recount_ratio_100",
        "PL/pgSQL, recount of the week, at 100 messages",
    ),
    (
        "recount_ratio_10000",
        "PL/pgSQL, recount of the week, at 10,000",
    ),
];

#[derive(Clone, Copy)]
enum Bound {
    Least,
    Greatest,
}

/// Figures by name.
#[derive(Default)]
pub(super) struct Report {
    figures: Vec<(&'static str, f64)>,
}

impl Report {
    /// A ratio of transactions per second, or of times.
    pub(super) fn ratio(&mut self, name: &'static str, value: f64) {
        println!("{name} {value:.3}");
        self.figures.push((name, value));
    }

    /// A time.
    pub(super) fn microseconds(&mut self, name: &'static str, value: f64) {
        println!("{name} {value:.1}");
        self.figures.push((name, value));
    }

    fn value(&self, name: &str) -> f64 {
        self.figures
            .iter()
            .find_map(|(figure, value)| (*figure == name).then_some(*value))
            .unwrap_or(f64::NAN)
    }

    pub(super) fn print(&self) {
        println!(
            "\n{:<22} {:>8} {:>9}  {:<5}  what",
            "figure", "value", "target", ""
        );
        for (name, target, bound, what) in TARGETS {
            let value = self.value(name);
            let (sign, passed) = match bound {
                Bound::Least => ("≥", value >= target),
                Bound::Greatest => ("≤", value <= target),
            };
            let verdict = if passed { "pass" } else { "short" };
            let (value, target) = (shown(value), format!("{sign} {}", shown(target)));
            println!("{name:<22} {value:>8} {target:>9}  {verdict:<5}  {what}");
        }
        for (name, what) in COMPARATORS {
            println!(
                "{name:<22} {:>8} {:>9}  {:<5}  {what}",
                shown(self.value(name)),
                "",
                ""
            );
        }
    }
}

/// Ratios with two digits after the point, microseconds with none.
fn shown(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}

/// The value in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 50)
}

/// The value that so many percent of the others do not exceed.
pub(super) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(index).copied().unwrap_or(f64::NAN)
}
