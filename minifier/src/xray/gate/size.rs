//! Sizes as people write them, read as dive does (go-humanize): `20MB` is 20,000,000 bytes, `20MiB` 20,971,520.

use thiserror::Error;

/// Text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "understand `{0}` as a size: expected a number with an optional unit, such as `20MB` or `1.5GiB`"
)]
pub struct SizeError(String);

/// Bytes of a number with an optional unit in any case: B, kB, MB, GB, TB, PB (powers of 1000; the B may be left out)
/// or KiB, MiB, GiB, TiB, PiB (of 1024). Commas between digits are ignored.
///
/// # Errors
///
/// Where `text` is nothing like that, is negative, or does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let error = || SizeError(text.to_owned());
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','))
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let number: f64 = number.replace(',', "").parse().map_err(|_| error())?;
    let unit = unit.trim().to_ascii_lowercase();
    let exponent = |prefix: &str| {
        ["", "k", "m", "g", "t", "p"]
            .iter()
            .position(|&p| p == prefix)
    };
    let (base, power) = match unit.strip_suffix('b').unwrap_or(&unit) {
        prefix if exponent(prefix).is_some() => (1000_f64, exponent(prefix)),
        prefix => (
            1024_f64,
            prefix
                .strip_suffix('i')
                .filter(|p| !p.is_empty())
                .and_then(exponent),
        ),
    };
    let power = power.ok_or_else(error)?;
    let bytes = number * base.powi(i32::try_from(power).map_err(|_| error())?);
    if bytes >= u64::MAX as f64 {
        return Err(error());
    }
    // Neither negative nor too large, and a fraction of a byte is none.
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_mean_what_dive_takes_them_for() {
        for (text, bytes) in [
            ("0", 0),
            ("20MB", 20_000_000),
            ("20 mb", 20_000_000),
            ("20M", 20_000_000),
            ("1.5GiB", 1_610_612_736),
            ("1ki", 1024),
            ("1,000 B", 1000),
            (" 3kB ", 3000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "", "MB", "-1MB", "1 parsec", "1ib", "1.2.3", "1e9", "99999PB", "NaN", "inf",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_size_or_an_error(text in ".{0,12}") {
            let _ = parse_size(&text);
        }
    }
}
