//! Positions in the stream, and the versions that documents carry.

use std::fmt;

/// A position in the write-ahead log, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    /// As Postgres writes it, e.g. `16/B374D848`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// Which unbroken stream a position belongs to: LSNs of different epochs do not compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch after `former`: Unix seconds, or one more than it was where the clock is behind.
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

#[cfg(test)]
mod tests {
    use super::{Epoch, Lsn, Version};

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
