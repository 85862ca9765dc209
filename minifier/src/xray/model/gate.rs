//! The rules of the gate for CI and what came of each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Result of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleOutcome {
    /// The rule holds.
    Pass,
    /// The rule holds, but a target that is not binding is missed.
    Warn,
    /// The rule does not hold, so the gate fails.
    Fail,
    /// The rule is switched off.
    Skip,
}

/// A rule and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleResult {
    /// Name of the rule: `lowestEfficiency`.
    pub rule: String,
    /// Result of the rule.
    pub outcome: RuleOutcome,
    /// The limit as configured.
    pub limit: String,
    /// The value of this image.
    pub actual: String,
    /// One sentence that explains the result.
    pub message: String,
}

/// Results of all rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateReport {
    /// The rules, in the order of their evaluation.
    pub rules: Vec<RuleResult>,
    /// Whether no rule failed.
    pub passed: bool,
}

impl GateReport {
    /// Number of rules that failed.
    pub fn failed(&self) -> usize {
        let failed = |rule: &&RuleResult| rule.outcome == RuleOutcome::Fail;
        self.rules.iter().filter(failed).count()
    }
}
