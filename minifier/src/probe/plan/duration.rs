//! Durations in options: `30s`, `500ms`, `1h30m`, or a number of seconds.

use std::time::Duration;

use super::error::DurationError;

/// Reads a duration; a number alone is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.to_owned());
    let mut rest = text.trim();
    // The conversion refuses `inf` and negative numbers, which are valid floats.
    if let Ok(seconds) = rest.parse() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| error());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(error)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(error()),
        };
        let number: f64 = number.parse().map_err(|_| error())?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| error())?;
        total = total.checked_add(part).ok_or_else(error)?;
        rest = tail;
    }
    if text.trim().is_empty() {
        Err(error())
    } else {
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("2", 2000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "", " ", "s", "1x", "1s2", "-1s", "-1", "nan", "inf", "1e300s", "5 s", "99e999",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
