//! Decay by whole UTC days, through a committed table of integer weights.

use crate::time::Day;

/// Days after which a message loses half its weight in the traits.
pub const HALF_LIFE_DAYS: i64 = 30;

/// Days that count: ages 0 to 179.
pub const HORIZON_DAYS: i64 = 180;

/// Weight of a message of today.
pub const UNIT: i64 = 1_000_000;

/// `round(UNIT × 2^(−age / 30))` for each age in days, rounded half up. A table, so that
/// no power function's last bit can differ between hosts.
#[rustfmt::skip]
const WEIGHTS: [i64; 180] = [
    1_000_000, 977_160, 954_842, 933_033, 911_722, 890_899, 870_551, 850_667, 831_238, 812_252,
    793_701, 775_572, 757_858, 740_549, 723_635, 707_107, 690_956, 675_175, 659_754, 644_685,
    629_961, 615_572, 601_513, 587_774, 574_349, 561_231, 548_412, 535_887, 523_647, 511_687,
    500_000, 488_580, 477_421, 466_516, 455_861, 445_449, 435_275, 425_334, 415_619, 406_126,
    396_850, 387_786, 378_929, 370_274, 361_817, 353_553, 345_478, 337_587, 329_877, 322_343,
    314_980, 307_786, 300_756, 293_887, 287_175, 280_616, 274_206, 267_943, 261_824, 255_843,
    250_000, 244_290, 238_710, 233_258, 227_931, 222_725, 217_638, 212_667, 207_809, 203_063,
    198_425, 193_893, 189_465, 185_137, 180_909, 176_777, 172_739, 168_794, 164_938, 161_171,
    157_490, 153_893, 150_378, 146_943, 143_587, 140_308, 137_103, 133_972, 130_912, 127_922,
    125_000, 122_145, 119_355, 116_629, 113_965, 111_362, 108_819, 106_333, 103_905, 101_532,
    99_213, 96_947, 94_732, 92_569, 90_454, 88_388, 86_370, 84_397, 82_469, 80_586,
    78_745, 76_947, 75_189, 73_472, 71_794, 70_154, 68_552, 66_986, 65_456, 63_961,
    62_500, 61_072, 59_678, 58_315, 56_983, 55_681, 54_409, 53_167, 51_952, 50_766,
    49_606, 48_473, 47_366, 46_284, 45_227, 44_194, 43_185, 42_198, 41_235, 40_293,
    39_373, 38_473, 37_595, 36_736, 35_897, 35_077, 34_276, 33_493, 32_728, 31_980,
    31_250, 30_536, 29_839, 29_157, 28_491, 27_841, 27_205, 26_583, 25_976, 25_383,
    24_803, 24_237, 23_683, 23_142, 22_614, 22_097, 21_592, 21_099, 20_617, 20_146,
    19_686, 19_237, 18_797, 18_368, 17_948, 17_538, 17_138, 16_746, 16_364, 15_990,
];

/// Weight, in millionths, that a message of `day` has on `today`; zero outside the horizon.
#[must_use]
pub fn weight(day: Day, today: Day) -> i64 {
    today
        .0
        .checked_sub(day.0)
        .and_then(|age| usize::try_from(age).ok())
        .and_then(|age| WEIGHTS.get(age).copied())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{HALF_LIFE_DAYS, HORIZON_DAYS, UNIT, WEIGHTS, weight};
    use crate::time::Day;

    #[test]
    fn a_weight_halves_every_half_life_and_ends_at_the_horizon() {
        assert_eq!(WEIGHTS.len() as i64, HORIZON_DAYS);
        assert_eq!(weight(Day(7), Day(7)), UNIT);
        assert_eq!(weight(Day(7), Day(7 + HALF_LIFE_DAYS)), UNIT / 2);
        assert_eq!(weight(Day(7), Day(7 + 2 * HALF_LIFE_DAYS)), UNIT / 4);
        assert!(weight(Day(0), Day(HORIZON_DAYS - 1)) > 0);
        assert_eq!(weight(Day(0), Day(HORIZON_DAYS)), 0);
        assert_eq!(weight(Day(1), Day(0)), 0);
        assert!(WEIGHTS.is_sorted_by(|a, b| a > b));
    }
}
