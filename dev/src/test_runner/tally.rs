//! What the logs of commands count.

use std::process::ExitStatus;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Tally {
    pub(super) const ONE: Self = Self {
        passed: 1,
        failed: 0,
    };

    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Sums the lines `test result: ok. 5 passed; 0 failed; …` that cargo's tests end with.
pub(super) fn count_cargo_tests(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output
        .lines()
        .filter_map(|line| line.trim().strip_prefix("test result: "))
    {
        for part in line.split([';', '.']) {
            let mut words = part.split_whitespace();
            if let (Some(Ok(count)), Some(kind)) =
                (words.next().map(str::parse::<u64>), words.next())
            {
                match kind {
                    "passed" => tally.passed += count,
                    "failed" => tally.failed += count,
                    _ => {}
                }
            }
        }
    }
    tally
}

/// What cargo's tests say about those that failed, at most `lines` lines; else the end of `output`.
pub(super) fn what_failed(output: &str, lines: usize) -> String {
    let mut told = Vec::new();
    let mut telling = false;
    for line in output.lines() {
        telling |= line == "failures:";
        if telling {
            told.push(line);
        }
        telling &= !line.starts_with("test result: ");
    }
    if told.is_empty() {
        told = output.lines().collect();
        told.drain(..told.len().saturating_sub(lines));
    }
    told.truncate(lines);
    told.join("\n")
}

/// Counts the lines `ok 1 - …` and `not ok 2 - …` of the Test Anything Protocol.
pub(super) fn count_tap(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines() {
        if line.starts_with("ok ") {
            tally.passed += 1;
        } else if line.starts_with("not ok ") {
            tally.failed += 1;
        }
    }
    tally
}

/// A command that fails without a failed test has failed once: it did not build, or broke off.
pub(super) fn verdict(status: ExitStatus, mut tally: Tally) -> Tally {
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    if status.success() && tally.passed == 0 {
        tally.failed += 1;
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_results_are_summed() {
        let output = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.38s\n\
                      noise\n  test result: FAILED. 2 passed; 3 failed; 0 ignored\n";
        assert_eq!(
            count_cargo_tests(output),
            Tally {
                passed: 7,
                failed: 3
            }
        );
    }

    #[test]
    fn a_failed_test_is_told_and_what_passed_is_not() {
        let output = "test a ... ok\nfailures:\n\n---- b stdout ----\nwhy\n\ntest result: FAILED. 1 passed\n   Doc-tests\n";
        assert_eq!(
            what_failed(output, 9),
            "failures:\n\n---- b stdout ----\nwhy\n\ntest result: FAILED. 1 passed"
        );
        assert_eq!(what_failed("one\ntwo\nthree", 2), "two\nthree");
    }

    #[test]
    fn tap_lines_are_counted_and_diagnostics_are_not() {
        let output = "1..3\nok 1 - a\nnot ok 2 - b\n# Failed test 2: \"b\"\nok 3\nok\n";
        assert_eq!(
            count_tap(output),
            Tally {
                passed: 2,
                failed: 1
            }
        );
    }
}
