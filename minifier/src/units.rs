//! Sizes in bytes as people write and read them: [`Memory`] in powers of 1024, [`Size`] in powers of 1000.
//!
//! Memory, buffers and logs are [`Memory`], as in Docker's options; images, files and archives are [`Size`], as in
//! registries, in dive's rules and in the reports. So `64MB` is 67,108,864 bytes of memory and 64,000,000 bytes of an
//! image.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A number of bytes in powers of 1024, whether the unit is written `m`, `MB` or `MiB`.
///
/// Source: docker/go-units `RAMInBytes`. Parses a number with an optional unit in any case: b, k, m, g, t or p, with or
/// without `b`, `i` and `ib` after it. Shown as `64.0 MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory(pub u64);

impl Memory {
    /// The bytes as Docker's API has them.
    pub fn signed(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

/// A number of bytes in powers of 1000, but where the unit is written with an `i`.
///
/// Source: go-humanize `ParseBytes`, which dive reads its rules with. Parses a number, commas between its digits ignored,
/// with an optional unit in any case: B, kB, MB, GB, TB or PB (powers of 1000; the B may be left out) or KiB, MiB, GiB,
/// TiB, PiB (of 1024). Shown as `21.4 MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("read size {text:?}: expected a number with an optional unit, such as {example}")]
pub struct SizeError {
    text: String,
    example: &'static str,
}

impl FromStr for Memory {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let (number, unit) = split(text, &['.']);
        let bytes = unit.and_then(|unit| times(number, 1024_u64.pow(unit.power)));
        bytes.map(Self).ok_or_else(|| SizeError {
            text: text.to_owned(),
            example: "64m or 64MiB",
        })
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let (number, unit) = split(text, &['.', ',']);
        let bytes = unit.and_then(|unit| {
            let base: u64 = if unit.binary { 1024 } else { 1000 };
            times(&number.replace(',', ""), base.pow(unit.power))
        });
        bytes.map(Self).ok_or_else(|| SizeError {
            text: text.to_owned(),
            example: "20MB or 1.5GiB",
        })
    }
}

/// As it is written after a number.
struct Unit {
    power: u32,
    /// Whether there is an `i` in it.
    binary: bool,
}

impl Unit {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let prefix = text.strip_suffix('b').unwrap_or(&text);
        let (prefix, binary) = match prefix.strip_suffix('i') {
            Some("") => return None,
            Some(prefix) => (prefix, true),
            None => (prefix, false),
        };
        let prefixes = ["", "k", "m", "g", "t", "p"];
        let power = (0..).zip(prefixes).find(|(_, known)| *known == prefix)?.0;
        Some(Self { power, binary })
    }
}

/// The number, of digits and `others`, and the unit after it.
fn split<'a>(text: &'a str, others: &[char]) -> (&'a str, Option<Unit>) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && !others.contains(&c));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    (number, Unit::parse(unit.trim_start()))
}

/// Whole bytes of a number of digits and points; `None` if they are more than Docker's API and tar can say.
fn times(number: &str, unit: u64) -> Option<u64> {
    let fits = |bytes: &u64| i64::try_from(*bytes).is_ok();
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit).filter(fits);
    }
    let bytes = number.parse::<f64>().ok()? * unit as f64;
    Some(bytes as u64).filter(fits)
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&shown(
            self.0,
            1024.0,
            &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"],
        ))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&shown(
            self.0,
            1000.0,
            &["B", "kB", "MB", "GB", "TB", "PB", "EB"],
        ))
    }
}

/// A [`Size`] as text, for sentences.
pub(crate) fn size(bytes: u64) -> String {
    Size(bytes).to_string()
}

/// With one digit after the point, in the largest unit of which there is one. The HTML report's script does the same.
fn shown(bytes: u64, base: f64, units: &[&str]) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= base - 0.05 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} {}", units[0]),
        unit => format!("{value:.1} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn memory_is_in_powers_of_1024_as_in_docker() {
        for (text, bytes) in [
            ("0", 0),
            ("64m", 64 << 20),
            ("64MB", 64 << 20),
            ("64MiB", 64 << 20),
            ("1.5g", 3 << 29),
            ("512 KiB", 512 << 10),
            ("10B", 10),
            ("2tb", 2 << 40),
        ] {
            assert_eq!(text.parse(), Ok(Memory(bytes)), "{text}");
        }
        for text in [
            "",
            "m",
            "-1m",
            "1x",
            "1.2.3m",
            "99999999p",
            "1e5",
            "nan",
            "1,0",
            "1ib",
            "1mbb",
            "1bi",
        ] {
            assert!(text.parse::<Memory>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_mean_what_dive_takes_them_for() {
        for (text, bytes) in [
            ("0", 0),
            ("20MB", 20_000_000),
            ("20 mb", 20_000_000),
            ("20M", 20_000_000),
            ("64MiB", 64 << 20),
            ("1.5GiB", 1_610_612_736),
            ("1ki", 1024),
            ("1,000 B", 1000),
            (" 3kB ", 3000),
            ("9007199254740993", 9_007_199_254_740_993),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in [
            "", "MB", "-1MB", "1 parsec", "1ib", "1.2.3", "1e9", "99999PB", "NaN", "inf", ".",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        let error = "1 parsec".parse::<Size>().unwrap_err().to_string();
        assert_eq!(
            error,
            "read size \"1 parsec\": expected a number with an optional unit, such as 20MB or 1.5GiB"
        );
    }

    #[test]
    fn bytes_are_shown_in_the_unit_of_their_rule() {
        for (bytes, size, memory) in [
            (0, "0 B", "0 B"),
            (999, "999 B", "999 B"),
            (1000, "1.0 kB", "1000 B"),
            (999_949, "999.9 kB", "976.5 KiB"),
            (999_950, "1.0 MB", "976.5 KiB"),
            (64 << 20, "67.1 MB", "64.0 MiB"),
            ((1 << 20) - 1, "1.0 MB", "1.0 MiB"),
            (u64::MAX, "18.4 EB", "16.0 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), size);
            assert_eq!(Memory(bytes).to_string(), memory);
        }
        assert_eq!(format!("{:>9}", Size(1000)), "   1.0 kB");
    }

    proptest! {
        #[test]
        fn any_text_is_a_size_or_an_error(text in "[0-9.,]{0,20} ?[a-zA-Zµ]{0,4}|.{0,12}") {
            let (memory, size) = (text.parse::<Memory>(), text.parse::<Size>());
            if let (Ok(memory), Ok(size)) = (memory, size) {
                assert!(memory.signed().cast_unsigned() == memory.0 && memory >= Memory(size.0));
            }
        }

        #[test]
        fn what_is_shown_is_parsed_to_nearly_the_same(bytes in 0_u64..1 << 59) {
            let near = |other: u64| other.abs_diff(bytes) <= bytes / 20;
            assert!(near(Size(bytes).to_string().parse::<Size>().unwrap().0));
            assert!(near(Memory(bytes).to_string().parse::<Memory>().unwrap().0));
        }
    }
}
