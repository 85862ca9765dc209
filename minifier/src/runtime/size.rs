//! Sizes as Docker's options write them: `64m`, `1.5g`, `512KiB`; units are powers of 1024.
//!
//! Source: docker/go-units `RAMInBytes`.

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read size {0:?}: expected a number with an optional unit b, k, m, g, t or p, such as 64m")]
pub struct SizeError(String);

/// Reads a size in bytes.
pub fn parse_size(text: &str) -> Result<i64, SizeError> {
    let error = || SizeError(text.to_owned());
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let shift = match unit.trim_start() {
        "" | "b" => 0,
        "k" | "kb" | "ki" | "kib" => 10,
        "m" | "mb" | "mi" | "mib" => 20,
        "g" | "gb" | "gi" | "gib" => 30,
        "t" | "tb" | "ti" | "tib" => 40,
        "p" | "pb" | "pi" | "pib" => 50,
        _ => return Err(error()),
    };
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(1 << shift).ok_or_else(error);
    }
    let value = number.parse::<f64>().map_err(|_| error())? * 2f64.powi(shift);
    // Far below i64::MAX, where a float still holds whole bytes.
    if value.is_finite() && (0.0..9e15).contains(&value) {
        Ok(value as i64)
    } else {
        Err(error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("64m", 64 << 20),
            ("1.5g", 3 << 29),
            ("512 KiB", 512 << 10),
            ("10B", 10),
            ("2tb", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "m", "-1m", "1x", "1.2.3m", "99999999p", "1e5", "nan"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
