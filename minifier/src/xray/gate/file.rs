//! `.dive-ci`: dive's file of rules, read as it is. Both forms that dive knew are read: names in camel case below
//! `rules`, and (from 0.13) in kebab case at the top. The rules that dive does not have are set the same way.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use thiserror::Error;

use super::GateConfig;
use super::config::is_disabled;
use crate::units::Size;

/// Why a file of rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GateFileError {
    /// It is not YAML, or not a mapping of names to single values.
    #[error("parse the rules: {0}")]
    Yaml(String),
    /// Names that no rule has.
    #[error("apply unknown rules: {:?}; the rules are {}", .0, NAMES.map(|(name, _)| name).join(", "))]
    Unknown(Vec<String>),
    /// Two values for one rule.
    #[error("apply rule {0:?}: it is set twice")]
    Twice(&'static str),
    /// A value that the rule cannot have.
    #[error("apply rule {rule:?}: {reason}")]
    Value {
        /// Name of the rule, as [`GateConfig`] documents it.
        rule: &'static str,
        /// Why the value is not accepted, as a fragment of a sentence.
        reason: String,
    },
}

type Set = fn(&mut GateConfig, &str) -> Result<(), String>;

/// Every rule by the name it has in the file.
const NAMES: [(&str, Set); 9] = [
    ("lowestEfficiency", |c, v| {
        set(&mut c.lowest_efficiency, v, ratio)
    }),
    ("highestWastedBytes", |c, v| {
        set(&mut c.highest_wasted_bytes, v, size)
    }),
    ("highestUserWastedPercent", |c, v| {
        set(&mut c.highest_user_wasted_percent, v, ratio)
    }),
    ("maxSize", |c, v| set(&mut c.max_size, v, size)),
    ("budget", |c, v| set(&mut c.budget, v, str::parse)),
    ("secrets", |c, v| v.parse().map(|v| c.secrets = v)),
    ("rootUser", |c, v| v.parse().map(|v| c.root_user = v)),
    ("fixableWaste", |c, v| set(&mut c.fixable_waste, v, size)),
    ("completeAnalysis", |c, v| {
        v.parse().map(|v| c.complete_analysis = v)
    }),
];

fn set<T>(
    field: &mut Option<T>,
    value: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(), String> {
    *field = if is_disabled(value) {
        None
    } else {
        Some(parse(value)?)
    };
    Ok(())
}

fn size(text: &str) -> Result<u64, String> {
    let size: Size = text.parse().map_err(|e| format!("cannot {e}"))?;
    Ok(size.0)
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        // `95` is meant as percent, and would pass every image or none. NaN is in no range.
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(format!("{text:?} is not a ratio between 0 and 1")),
    }
}

impl GateConfig {
    /// The default with the rules of `text`, the contents of a `.dive-ci`.
    ///
    /// # Errors
    ///
    /// If it is not YAML of rules, names an unknown rule, sets a rule twice, or sets one to a value that it cannot have.
    pub fn from_dive_ci(text: &str) -> Result<Self, GateFileError> {
        let file: Option<BTreeMap<String, RuleNode>> =
            serde_saphyr::from_str(text).map_err(|e| GateFileError::Yaml(e.to_string()))?;
        let mut config = Self::default();
        let mut seen = Vec::new();
        let mut unknown = Vec::new();
        for (name, node) in file.unwrap_or_default() {
            match (name.as_str(), node) {
                ("rules", RuleNode::Map(rules)) => {
                    for (name, node) in rules {
                        apply(&mut config, &mut seen, &mut unknown, name, node)?;
                    }
                }
                // `rules:` with nothing but comments below it.
                ("rules", RuleNode::Scalar(nothing)) if nothing.is_empty() => {}
                (_, node) => apply(&mut config, &mut seen, &mut unknown, name, node)?,
            }
        }
        if unknown.is_empty() {
            Ok(config)
        } else {
            Err(GateFileError::Unknown(unknown))
        }
    }
}

fn apply(
    config: &mut GateConfig,
    seen: &mut Vec<&'static str>,
    unknown: &mut Vec<String>,
    name: String,
    node: RuleNode,
) -> Result<(), GateFileError> {
    let Some(&(rule, set)) = NAMES.iter().find(|(rule, _)| same_rule(rule, &name)) else {
        // All unknown names are reported together, so that a file is fixed in one go.
        unknown.push(name);
        return Ok(());
    };
    // In both spellings it is two keys to YAML, and which of them counts would be a guess.
    if seen.contains(&rule) {
        return Err(GateFileError::Twice(rule));
    }
    seen.push(rule);
    let reason = match node {
        RuleNode::Scalar(value) => match set(config, &value) {
            Ok(()) => return Ok(()),
            Err(reason) => reason,
        },
        RuleNode::Map(_) => "expected a single value".to_owned(),
    };
    Err(GateFileError::Value { rule, reason })
}

/// `lowestEfficiency` is also written `lowest-efficiency` and `lowest-efficiency-threshold`, in any case.
fn same_rule(rule: &str, name: &str) -> bool {
    let letters: String = name.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    let letters = letters.to_ascii_lowercase();
    letters.strip_suffix("threshold").unwrap_or(&letters) == rule.to_ascii_lowercase()
}

/// A value of the file: a mapping, or anything single as text.
#[derive(Debug)]
enum RuleNode {
    Scalar(String),
    Map(BTreeMap<String, Self>),
}

impl<'de> Deserialize<'de> for RuleNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;

        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = RuleNode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping or a single value")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RuleNode, E> {
                Ok(RuleNode::Scalar(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<RuleNode, E> {
                Ok(RuleNode::Scalar(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<RuleNode, E> {
                Ok(RuleNode::Scalar(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<RuleNode, E> {
                Ok(RuleNode::Scalar(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<RuleNode, E> {
                Ok(RuleNode::Scalar(value.to_string()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<RuleNode, E> {
                Ok(RuleNode::Scalar(String::new()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RuleNode, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((name, node)) = access.next_entry()? {
                    map.insert(name, node);
                }
                Ok(RuleNode::Map(map))
            }
        }

        deserializer.deserialize_any(NodeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    /// As dive's README has it.
    const DOCUMENTED: &str = "\
rules:
  # If the efficiency is measured below X%, mark as failed.
  # Expressed as a ratio between 0-1.
  lowestEfficiency: 0.95

  # If the amount of wasted space is at least X or larger than X, mark as failed.
  # Expressed in B, KB, MB, and GB.
  highestWastedBytes: 20MB

  # If the amount of wasted space makes up for X% or more of the image, mark as failed.
  highestUserWastedPercent: 0.20
";

    #[test]
    fn the_documented_file_is_read() {
        let config = GateConfig::from_dive_ci(DOCUMENTED).unwrap();
        assert_eq!(config.lowest_efficiency, Some(0.95));
        assert_eq!(config.highest_wasted_bytes, Some(20_000_000));
        assert_eq!(config.highest_user_wasted_percent, Some(0.2));
    }

    #[test]
    fn disabled_rules_and_other_spellings_are_read() {
        let config = GateConfig::from_dive_ci(
            "lowest-efficiency-threshold: 'disabled'\nhighest-wasted-bytes: \"1GiB\"\nHIGHESTUSERWASTEDPERCENT: disabled\n",
        )
        .unwrap();
        assert_eq!(config.lowest_efficiency, None);
        assert_eq!(config.highest_wasted_bytes, Some(1 << 30));
        assert_eq!(config.highest_user_wasted_percent, None);
    }

    #[test]
    fn rules_that_dive_does_not_have_are_set_the_same_way() {
        let config = GateConfig::from_dive_ci(
            "rules:\n  maxSize: 100MB\n  budget: python=40MB/60MB\n  secrets: off\n  root-user: fail\n  fixableWaste: 5000000\n",
        )
        .unwrap();
        assert_eq!(config.max_size, Some(100_000_000));
        assert_eq!(config.budget, "python=40MB/60MB".parse().ok());
        assert_eq!(
            (config.secrets, config.root_user),
            (Level::Off, Level::Fail)
        );
        assert_eq!(config.fixable_waste, Some(5_000_000));
    }

    #[test]
    fn nothing_is_the_default() {
        for text in ["", "# only a comment\n", "rules:\n", "rules: {}\n"] {
            assert_eq!(
                GateConfig::from_dive_ci(text),
                Ok(GateConfig::default()),
                "{text}"
            );
        }
    }

    #[test]
    fn unknown_rules_are_named() {
        let error =
            GateConfig::from_dive_ci("rules:\n  lowestEficiency: 0.9\n  other: 1\nmore: x\n");
        assert_eq!(
            error,
            Err(GateFileError::Unknown(
                ["more", "lowestEficiency", "other"]
                    .map(str::to_owned)
                    .to_vec()
            ))
        );
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("\"lowestEficiency\"")
        );
    }

    #[test]
    fn values_out_of_range_and_rules_set_twice_are_refused() {
        for text in [
            "rules:\n  lowestEfficiency: 1.5\n",
            "rules:\n  lowestEfficiency: .nan\n",
            "rules:\n  lowestEfficiency: high\n",
            "rules:\n  highestWastedBytes: 20 parsecs\n",
            "rules:\n  highestWastedBytes: {a: 1}\n",
            "rules:\n  highestWastedBytes: [1]\n",
            "rules:\n  secrets: perhaps\n",
            "rules:\n  lowestEfficiency: 0.9\n  lowest-efficiency: 0.8\n",
            "rules:\n  lowestEfficiency: 0.9\n  lowestEfficiency: 0.8\n",
            "rules: 7\n",
            "- a\n",
            "rules: [\n",
            "a: &a [*a]\n",
        ] {
            assert!(GateConfig::from_dive_ci(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(rules:\n)?[ a-zA-Z0-9:{}\\[\\]&*!|>\"'#\n-]{0,60}") {
            let _ = GateConfig::from_dive_ci(&text);
        }
    }
}
