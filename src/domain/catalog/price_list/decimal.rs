//! Exact decimal numbers: the prices of a list on their way to prepaid tokens, without floating-point numbers.

/// Maximum length of a number, in bytes.
const MAX_BYTES: usize = 64;
/// Maximum power of ten of a number, either way.
const MAX_EXPONENT: i32 = 100;

/// A decimal number that is not negative: `digits` times ten to the power of `exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: u128,
    exponent: i32,
}

/// Why a text is no [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// It is not a decimal number, or has too many digits.
    Invalid,
    /// It is negative.
    Negative,
}

impl Decimal {
    /// The number 1.
    pub const ONE: Self = Self { digits: 1, exponent: 0 };

    /// Parses a number as JSON writes it (`0.15`, `1.5e-07`), exactly.
    ///
    /// # Errors
    /// The reason why it is none.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        if text.len() > MAX_BYTES {
            return Err(DecimalError::Invalid);
        }
        let (is_negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (number, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) || !is_digits(power.trim_start_matches(['+', '-'])) {
            return Err(DecimalError::Invalid);
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}").parse::<u128>().map_err(|_| DecimalError::Invalid)?;
        let power = power.parse::<i32>().ok().filter(|power| power.abs() <= MAX_EXPONENT);
        let places = i32::try_from(fraction.len()).map_err(|_| DecimalError::Invalid)?;
        let exponent = power.ok_or(DecimalError::Invalid)?.saturating_sub(places);
        let found = Self { digits, exponent }.reduced();
        if is_negative && !found.is_zero() { Err(DecimalError::Negative) } else { Ok(found) }
    }

    /// Returns a whole number; 0 for a negative one.
    pub fn whole(number: i64) -> Self {
        Self { digits: u128::try_from(number).unwrap_or_default(), exponent: 0 }.reduced()
    }

    /// Returns the number times ten to a power.
    #[must_use]
    pub const fn shifted(self, power: i32) -> Self {
        Self { digits: self.digits, exponent: self.exponent.saturating_add(power) }
    }

    /// Returns the sum; `None` if it has too many digits.
    pub fn plus(self, other: Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        let digits = self.digits_at(exponent)?.checked_add(other.digits_at(exponent)?)?;
        Some(Self { digits, exponent }.reduced())
    }

    /// Returns the product; `None` if it has too many digits.
    pub fn times(self, other: Self) -> Option<Self> {
        let digits = self.digits.checked_mul(other.digits)?;
        Some(Self { digits, exponent: self.exponent.saturating_add(other.exponent) }.reduced())
    }

    /// Returns whether it is 0.
    pub const fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// Returns the number rounded up to a whole one; `None` if that is too large.
    pub fn rounded_up(self) -> Option<i64> {
        if self.exponent >= 0 {
            return i64::try_from(self.digits_at(0)?).ok();
        }
        let whole = match 10u128.checked_pow(self.exponent.unsigned_abs()) {
            Some(divisor) => self.digits.div_ceil(divisor),
            // Far less than 1.
            None => u128::from(self.digits > 0),
        };
        i64::try_from(whole).ok()
    }

    /// Returns the digits at an exponent that is not larger than its own.
    fn digits_at(self, exponent: i32) -> Option<u128> {
        if self.is_zero() {
            return Some(0);
        }
        let places = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.digits.checked_mul(10u128.checked_pow(places)?)
    }

    /// Returns the same number with the fewest digits.
    fn reduced(mut self) -> Self {
        if self.is_zero() {
            return Self { digits: 0, exponent: 0 };
        }
        while self.digits.is_multiple_of(10) {
            self.digits /= 10;
            self.exponent = self.exponent.saturating_add(1);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_read_exactly() {
        for (text, same) in [
            ("0.00000015", "1.5e-07"),
            ("1.5E-7", "15e-8"),
            ("3", "3.000"),
            ("0", "-0.0"),
            ("1e2", "100"),
            ("1.50e+3", "1500"),
            ("0e99", "0"),
        ] {
            assert_eq!(number(text), number(same), "{text}");
        }
        for invalid in ["", ".", "1.", ".5", "1e", "e5", "+1", "1e+-5", "0x10", "NaN", "1 ", "1e101", "1_0", "١"] {
            assert_eq!(Decimal::parse(invalid), Err(DecimalError::Invalid), "{invalid}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(65)), Err(DecimalError::Invalid));
        assert_eq!(Decimal::parse(&"9".repeat(60)), Err(DecimalError::Invalid));
        for negative in ["-1", "-0.5e-9"] {
            assert_eq!(Decimal::parse(negative), Err(DecimalError::Negative), "{negative}");
        }
    }

    #[test]
    fn products_are_exact_and_rounded_up_once() {
        let up = |text: &str, factor: &str| number(text).times(number(factor)).and_then(Decimal::rounded_up);
        // As floating-point numbers, 0.07 times 100 is more than 7, and three times 0.1 more than 0.3.
        assert_eq!(up("0.07", "100"), Some(7));
        assert_eq!(up("0.1", "3e1"), Some(3));
        assert_eq!(up("1.5e-07", "1e9"), Some(150));
        assert_eq!(up("1.0000000000000001e-07", "1e9"), Some(101));
        assert_eq!(up("1e-90", "1"), Some(1));
        assert_eq!(up("0", "1e90"), Some(0));
        assert_eq!(up("1e18", "10"), None);
        assert_eq!(up("1e90", "1e90"), None);
        assert_eq!(up("12345678901234567891", "12345678901234567891234567891"), None);
        assert_eq!(number("0.2").plus(Decimal::ONE), Some(number("1.2")));
        assert_eq!(number("1e90").plus(number("1e-90")), None);
        assert_eq!(Decimal::whole(1_000), number("1e3"));
    }
}
