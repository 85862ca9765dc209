//! The rules of the gate for CI and what came of each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleOutcome {
    /// It holds.
    Pass,
    /// It holds, but a target that is not binding is missed.
    Warn,
    /// It does not hold.
    Fail,
    /// It was switched off.
    Skip,
}

/// A rule and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleResult {
    /// Its name: `lowestEfficiency`.
    pub rule: String,
    /// What came of it.
    pub outcome: RuleOutcome,
    /// The limit as configured.
    pub limit: String,
    /// The value of this image.
    pub actual: String,
    /// One sentence.
    pub message: String,
}

/// All rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateReport {
    /// In the order of evaluation.
    pub rules: Vec<RuleResult>,
    /// Whether none failed.
    pub passed: bool,
}

impl GateReport {
    /// How many rules do not hold.
    pub fn failed(&self) -> usize {
        let failed = |rule: &&RuleResult| rule.outcome == RuleOutcome::Fail;
        self.rules.iter().filter(failed).count()
    }
}
