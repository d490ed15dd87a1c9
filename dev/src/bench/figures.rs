//! Figures of a benchmark: printed as they come, then compared with their targets in a table.

/// Whether a target is the least or the greatest value that will do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// At least.
    Least,
    /// At most.
    Greatest,
}

/// A figure with a target: name, bound, and what it is.
pub(crate) type Target = (&'static str, f64, Bound, &'static str);

/// A figure for comparison: name, and what it is.
pub(crate) type Comparator = (&'static str, &'static str);

/// Figures by name.
pub(crate) struct Report {
    targets: &'static [Target],
    comparators: &'static [Comparator],
    figures: Vec<(&'static str, f64)>,
}

impl Report {
    pub(crate) fn new(targets: &'static [Target], comparators: &'static [Comparator]) -> Self {
        Self {
            targets,
            comparators,
            figures: Vec::new(),
        }
    }

    /// A ratio of transactions per second, or of times.
    pub(crate) fn ratio(&mut self, name: &'static str, value: f64) {
        println!("{name} {value:.3}");
        self.figures.push((name, value));
    }

    /// A time, a rate or a size, in the unit of the name.
    pub(crate) fn quantity(&mut self, name: &'static str, value: f64) {
        println!("{name} {value:.1}");
        self.figures.push((name, value));
    }

    fn value(&self, name: &str) -> f64 {
        self.figures
            .iter()
            .find_map(|(figure, value)| (*figure == name).then_some(*value))
            .unwrap_or(f64::NAN)
    }

    pub(crate) fn print(&self) {
        println!(
            "\n{:<22} {:>8} {:>9}  {:<5}  what",
            "figure", "value", "target", ""
        );
        for (name, target, bound, what) in self.targets {
            let value = self.value(name);
            let (sign, passed) = match bound {
                Bound::Least => ("≥", value >= *target),
                Bound::Greatest => ("≤", value <= *target),
            };
            let verdict = if passed { "pass" } else { "short" };
            let (value, target) = (shown(value), format!("{sign} {}", shown(*target)));
            println!("{name:<22} {value:>8} {target:>9}  {verdict:<5}  {what}");
        }
        for (name, what) in self.comparators {
            println!(
                "{name:<22} {:>8} {:>9}  {:<5}  {what}",
                shown(self.value(name)),
                "",
                ""
            );
        }
    }
}

/// Small numbers with two digits after the point, larger ones with none.
fn shown(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 50)
}

/// The value that so many percent of the others do not exceed.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(index).copied().unwrap_or(f64::NAN)
}
