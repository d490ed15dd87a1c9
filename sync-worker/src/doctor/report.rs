//! Findings, and how they are shown.

use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, and could be better or will bite later.
    Warn,
    /// Does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// What is so.
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Everything that was looked at, in order.
#[derive(Debug, Default)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn ok(&mut self, what: impl Into<String>) {
        self.findings.push(Finding {
            level: Level::Ok,
            what: what.into(),
            remedy: None,
        });
    }

    pub(super) fn warn(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding {
            level: Level::Warn,
            what: what.into(),
            remedy: Some(remedy.into()),
        });
    }

    pub(super) fn fail(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding {
            level: Level::Fail,
            what: what.into(),
            remedy: Some(remedy.into()),
        });
    }

    /// How many things do not work.
    pub fn failures(&self) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.level == Level::Fail)
            .count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, finding) in self.findings.iter().enumerate() {
            if line > 0 {
                writeln!(f)?;
            }
            let level = match finding.level {
                Level::Ok => "ok",
                Level::Warn => "warn",
                Level::Fail => "FAIL",
            };
            write!(f, "{level:<5} {}", finding.what)?;
            if let Some(remedy) = &finding.remedy {
                write!(f, " — {remedy}")?;
            }
        }
        Ok(())
    }
}
