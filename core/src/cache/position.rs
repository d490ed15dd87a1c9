//! Positions in the stream, and the versions that documents carry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A position in the write-ahead log, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    /// As Postgres writes it, e.g. `16/B374D848`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// Why a text is no position or version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// Not two hexadecimal numbers of at most 32 bits.
    #[error("not a position of the write-ahead log such as 16/B374D848")]
    Lsn,
    /// Not 24 hexadecimal digits.
    #[error("not a version of 24 hexadecimal digits")]
    Version,
}

impl FromStr for Lsn {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let half = |digits: &str| match digits.len() {
            // A sign is a digit to no one but the parser of numbers.
            1..=8 if !digits.starts_with('+') => u32::from_str_radix(digits, 16).ok(),
            _ => None,
        };
        let half = |digits| half(digits).ok_or(PositionError::Lsn);
        let (high, low) = text.split_once('/').ok_or(PositionError::Lsn)?;
        Ok(Self(u64::from(half(high)?) << 32 | u64::from(half(low)?)))
    }
}

/// Which unbroken stream a position belongs to: LSNs of different epochs do not compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u32);

/// Epochs that began within one second count on, and clocks differ: one may be so far ahead of one.
const EPOCH_MOST_AHEAD_SECONDS: i64 = 3600;

impl Epoch {
    /// Whether it can have begun by now.
    #[must_use]
    pub fn is_possible(self, unix_seconds: i64) -> bool {
        i64::from(self.0) <= unix_seconds.saturating_add(EPOCH_MOST_AHEAD_SECONDS)
    }

    /// The epoch after `former`: Unix seconds, or one more than it was where the clock is behind.
    #[must_use]
    pub fn after(former: Option<Self>, unix_seconds: u64) -> Self {
        let clock = u32::try_from(unix_seconds).unwrap_or(u32::MAX);
        Self(former.map_or(clock, |Self(epoch)| clock.max(epoch.saturating_add(1))))
    }
}

/// A document's version: 8 hex digits of epoch and 16 of the end of the newest commit that it is
/// known to hold. Versions compare as strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Which stream.
    pub epoch: Epoch,
    /// How far in it.
    pub lsn: Lsn,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:016x}", self.epoch.0, self.lsn.0)
    }
}

impl FromStr for Version {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (epoch, lsn) = text.split_at_checked(8).ok_or(PositionError::Version)?;
        if lsn.len() != 16 || text.contains('+') {
            return Err(PositionError::Version);
        }
        Ok(Self {
            epoch: Epoch(u32::from_str_radix(epoch, 16).map_err(|_| PositionError::Version)?),
            lsn: Lsn(u64::from_str_radix(lsn, 16).map_err(|_| PositionError::Version)?),
        })
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Epoch, Lsn, PositionError, Version};

    #[test]
    fn positions_and_versions_are_read_as_they_are_written() {
        let lsn = Lsn(0x16_B374_D848);
        assert_eq!(lsn.to_string().parse(), Ok(lsn));
        let version = Version {
            epoch: Epoch(7),
            lsn,
        };
        assert_eq!(version.to_string().parse(), Ok(version));
        for text in [
            "",
            "16",
            "16/",
            "/16",
            "x/1",
            "1/100000000",
            "+1/1",
            "1/+1",
            "-1/1",
            "1/1/1",
            "000000001/1",
        ] {
            assert_eq!(text.parse::<Lsn>(), Err(PositionError::Lsn), "{text}");
        }
        for text in ["", "0000000", "00000007000000000000000g", "ü"] {
            assert_eq!(
                text.parse::<Version>(),
                Err(PositionError::Version),
                "{text}"
            );
        }
    }

    #[test]
    fn versions_compare_as_strings_in_the_order_of_epoch_then_position() {
        let ordered =
            [(1, 9), (1, 10), (1, u64::MAX), (2, 0), (0xffff_ffff, 1)].map(|(epoch, lsn)| {
                Version {
                    epoch: Epoch(epoch),
                    lsn: Lsn(lsn),
                }
            });
        assert!(ordered.is_sorted());
        assert!(ordered.map(|version| version.to_string()).is_sorted());
        assert_eq!(ordered[0].to_string().len(), 24);
    }

    #[test]
    fn an_epoch_only_grows_even_when_the_clock_is_behind() {
        assert_eq!(Epoch::after(None, 1_700_000_000), Epoch(1_700_000_000));
        assert_eq!(
            Epoch::after(Some(Epoch(5)), 1_700_000_000),
            Epoch(1_700_000_000)
        );
        assert_eq!(
            Epoch::after(Some(Epoch(1_800_000_000)), 1_700_000_000),
            Epoch(1_800_000_001)
        );
    }
}
