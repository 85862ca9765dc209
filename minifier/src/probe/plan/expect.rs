//! [`ExpectedStatus`]: the HTTP status codes that a probe accepts.

use std::fmt;
use std::str::FromStr;

use super::error::ExpectError;

/// A set of status codes: `200`, `2xx`, `200-299`, several joined by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedStatus(Vec<(u16, u16)>);

impl ExpectedStatus {
    /// Whether `status` is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&status))
    }

    /// Whether a redirection is in the set: it must then not be followed.
    pub(crate) fn has_redirection(&self) -> bool {
        self.0.iter().any(|(low, high)| *low < 400 && *high >= 300)
    }
}

impl FromStr for ExpectedStatus {
    type Err = ExpectError;

    fn from_str(text: &str) -> Result<Self, ExpectError> {
        let range = |part: &str| -> Option<(u16, u16)> {
            let part = part.trim();
            let code = |text: &str| {
                (text.len() == 3)
                    .then(|| text.parse().ok())
                    .flatten()
                    .filter(|c| *c >= 100)
            };
            if let Some(class) = part.strip_suffix("xx").or_else(|| part.strip_suffix("XX")) {
                let class: u16 = class.parse().ok().filter(|class| (1..=9).contains(class))?;
                return Some((class * 100, class * 100 + 99));
            }
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let (low, high) = (code(low)?, code(high)?);
            (low <= high).then_some((low, high))
        };
        text.split(',')
            .map(range)
            .collect::<Option<Vec<_>>>()
            .map(Self)
            .ok_or_else(|| ExpectError(text.to_owned()))
    }
}

impl fmt::Display for ExpectedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (low, high)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            if low == high {
                write!(f, "{comma}{low}")?;
            } else if low % 100 == 0 && *high == low + 99 {
                write!(f, "{comma}{}xx", low / 100)?;
            } else {
                write!(f, "{comma}{low}-{high}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_codes_classes_and_ranges() {
        let set: ExpectedStatus = "200,3xx, 401-403".parse().unwrap();
        for status in [200, 300, 399, 401, 403] {
            assert!(set.contains(status), "{status}");
        }
        for status in [199, 201, 400, 404, 500] {
            assert!(!set.contains(status), "{status}");
        }
        assert!(
            set.has_redirection() && !"200".parse::<ExpectedStatus>().unwrap().has_redirection()
        );
        assert_eq!(set.to_string(), "200,3xx,401-403");
        for text in [
            "", "20", "2000", "0xx", "300-200", "abc", "200,", "+20", "1xxx",
        ] {
            assert!(text.parse::<ExpectedStatus>().is_err(), "{text}");
        }
    }
}
