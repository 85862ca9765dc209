//! [`GateConfig`]: which rules there are and their limits.

use std::str::FromStr;

use super::SizeBudget;

/// Effect of a rule without a number if it does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The rule is not evaluated.
    Off,
    /// The rule warns and the gate passes.
    Warn,
    /// The rule fails, and with it the gate.
    Fail,
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            text if is_disabled(text) => Ok(Self::Off),
            "warn" => Ok(Self::Warn),
            "fail" | "on" | "true" => Ok(Self::Fail),
            _ => Err(format!("{text:?} is not off, warn or fail")),
        }
    }
}

/// Whether dive takes the text for a rule that is switched off.
pub(crate) fn is_disabled(text: &str) -> bool {
    matches!(
        text.trim().to_ascii_lowercase().as_str(),
        "" | "disabled" | "off" | "false"
    )
}

/// The rules. `None` switches a rule off. The default is dive's, with a failure for secrets and a warning for
/// root and for what could not be analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct GateConfig {
    /// `lowestEfficiency`: least efficiency, 0 to 1.
    pub lowest_efficiency: Option<f64>,
    /// `highestWastedBytes`: most hidden bytes.
    pub highest_wasted_bytes: Option<u64>,
    /// `highestUserWastedPercent`: largest share of hidden bytes in the layers above the lowest, 0 to 1.
    pub highest_user_wasted_percent: Option<f64>,
    /// `maxSize`: most bytes of the files in all layers.
    pub max_size: Option<u64>,
    /// `budget`: target and maximum by language.
    pub budget: Option<SizeBudget>,
    /// `secrets`: keys and credentials in files, environment or history.
    pub secrets: Level,
    /// `rootUser`: the container runs as root.
    pub root_user: Level,
    /// `fixableWaste`: fails if the recommendations save this many bytes or more.
    pub fixable_waste: Option<u64>,
    /// `completeAnalysis`: something could not be analysed.
    pub complete_analysis: Level,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            lowest_efficiency: Some(0.9),
            highest_wasted_bytes: None,
            highest_user_wasted_percent: Some(0.1),
            max_size: None,
            budget: None,
            secrets: Level::Fail,
            root_user: Level::Warn,
            fixable_waste: None,
            complete_analysis: Level::Warn,
        }
    }
}
