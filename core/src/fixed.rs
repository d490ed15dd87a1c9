//! Integer arithmetic with one stated rounding: half away from zero.
//!
//! Every derived figure goes through these, so that a figure has the same digits in
//! native code, in wasm and in SQL's `round(numeric)`.

/// `numerator / denominator`, rounded half away from zero. Zero when the denominator is zero.
#[must_use]
pub const fn round_div(numerator: i128, denominator: i128) -> i128 {
    if denominator == 0 {
        return 0;
    }
    let (quotient, remainder) = (numerator / denominator, numerator % denominator);
    let away = if (numerator < 0) == (denominator < 0) {
        1
    } else {
        -1
    };
    if 2 * remainder.unsigned_abs() >= denominator.unsigned_abs() {
        quotient + away
    } else {
        quotient
    }
}

/// √(`numerator / denominator`), rounded half up. Zero unless both are positive.
#[must_use]
pub const fn round_sqrt_ratio(numerator: i128, denominator: i128) -> i128 {
    if numerator <= 0 || denominator <= 0 {
        return 0;
    }
    // floor(sqrt(floor(q))) = floor(sqrt(q)), so that only the last half has to be looked at.
    let floor = (numerator / denominator).isqrt();
    let odd = 2 * floor + 1;
    if 4 * numerator >= denominator * odd * odd {
        floor + 1
    } else {
        floor
    }
}

#[cfg(test)]
mod tests {
    use super::{round_div, round_sqrt_ratio};

    #[test]
    fn halves_go_away_from_zero() {
        assert_eq!(round_div(5, 2), 3);
        assert_eq!(round_div(-5, 2), -3);
        assert_eq!(round_div(5, -2), -3);
        assert_eq!(round_div(7, 5), 1);
        assert_eq!(round_div(-7, 5), -1);
        assert_eq!(round_div(1, 0), 0);
    }

    #[test]
    fn roots_are_rounded_to_the_nearest_integer() {
        assert_eq!(round_sqrt_ratio(0, 1), 0);
        assert_eq!(round_sqrt_ratio(2, 1), 1);
        assert_eq!(round_sqrt_ratio(9, 4), 2);
        assert_eq!(round_sqrt_ratio(7, 1), 3);
        assert_eq!(round_sqrt_ratio(1_000_000, 1), 1_000);
        assert_eq!(round_sqrt_ratio(-4, 1), 0);
    }
}
