//! Evaluation of the rules over an analysis.

use crate::units::size;
use crate::xray::model::{GateReport, RuleOutcome, RuleResult, RuntimeKind, Severity, Xray};

use super::{GateConfig, Level, SizeBudget};

/// Evaluates every rule; dive's come first, in its order.
pub fn evaluate(xray: &Xray, config: &GateConfig) -> GateReport {
    let rules = vec![
        lowest_efficiency(xray, config.lowest_efficiency),
        highest_wasted_bytes(xray, config.highest_wasted_bytes),
        highest_user_wasted_percent(xray, config.highest_user_wasted_percent),
        max_size(xray, config.max_size),
        budget(xray, config.budget),
        secrets(xray, config.secrets),
        root_user(xray, config.root_user),
        fixable_waste(xray, config.fixable_waste),
        complete_analysis(xray, config.complete_analysis),
    ];
    GateReport {
        passed: rules.iter().all(|rule| rule.outcome != RuleOutcome::Fail),
        rules,
    }
}

/// A rule with a limit.
struct Limited<L> {
    rule: &'static str,
    /// `None` if the rule is switched off.
    limit: Option<L>,
    /// The value of the image, as text.
    actual: String,
    /// The limit as text.
    show: fn(L) -> String,
}

impl<L: Copy> Limited<L> {
    /// `holds` compares the image with the limit; `message` says what is wrong if it does not hold.
    fn result(self, holds: impl Fn(L) -> bool, message: impl Fn(L) -> String) -> RuleResult {
        let (outcome, limit, message) = match self.limit {
            None => (
                RuleOutcome::Skip,
                "disabled".to_owned(),
                "switched off".to_owned(),
            ),
            Some(limit) if holds(limit) => {
                (RuleOutcome::Pass, (self.show)(limit), "holds".to_owned())
            }
            Some(limit) => (RuleOutcome::Fail, (self.show)(limit), message(limit)),
        };
        RuleResult {
            rule: self.rule.to_owned(),
            outcome,
            limit,
            actual: self.actual,
            message,
        }
    }
}

/// A rule without a number: it holds if `problem` is `None`.
fn levelled(rule: &str, level: Level, actual: String, problem: Option<String>) -> RuleResult {
    let (outcome, limit, message) = match (level, problem) {
        (Level::Off, _) => (RuleOutcome::Skip, "off", "switched off".to_owned()),
        (Level::Warn, None) => (RuleOutcome::Pass, "warn", "holds".to_owned()),
        (Level::Fail, None) => (RuleOutcome::Pass, "fail", "holds".to_owned()),
        (Level::Warn, Some(problem)) => (RuleOutcome::Warn, "warn", problem),
        (Level::Fail, Some(problem)) => (RuleOutcome::Fail, "fail", problem),
    };
    RuleResult {
        rule: rule.to_owned(),
        outcome,
        limit: limit.to_owned(),
        actual,
        message,
    }
}

/// A ratio with enough digits to tell it from any limit that somebody would set.
fn ratio(ratio: f64) -> String {
    format!("{ratio:.4}")
}

fn lowest_efficiency(xray: &Xray, limit: Option<f64>) -> RuleResult {
    let score = xray.efficiency.score;
    Limited {
        rule: "lowestEfficiency",
        limit,
        actual: ratio(score),
        show: |limit| limit.to_string(),
    }
    .result(
        |limit| score >= limit,
        |limit| format!("the efficiency of {} is below {limit}", ratio(score)),
    )
}

fn highest_wasted_bytes(xray: &Xray, limit: Option<u64>) -> RuleResult {
    let wasted = xray.efficiency.wasted_bytes;
    Limited {
        rule: "highestWastedBytes",
        limit,
        actual: size(wasted),
        show: size,
    }
    .result(
        |limit| wasted <= limit,
        |limit| {
            format!(
                "{} are hidden and ship nevertheless, {} more than allowed",
                size(wasted),
                size(wasted - limit)
            )
        },
    )
}

fn highest_user_wasted_percent(xray: &Xray, limit: Option<f64>) -> RuleResult {
    let wasted = xray.efficiency.user_wasted_percent;
    Limited {
        rule: "highestUserWastedPercent",
        limit,
        actual: ratio(wasted),
        show: |limit| limit.to_string(),
    }
    .result(
        |limit| wasted <= limit,
        |limit| {
            format!(
                "{} of what the layers above the lowest add is hidden or ships again what the lowest has, more than {limit}",
                ratio(wasted)
            )
        },
    )
}

fn max_size(xray: &Xray, limit: Option<u64>) -> RuleResult {
    let actual = xray.image.size;
    Limited {
        rule: "maxSize",
        limit,
        actual: size(actual),
        show: size,
    }
    .result(
        |limit| actual <= limit,
        |limit| format!("the image is {} larger than allowed", size(actual - limit)),
    )
}

fn budget(xray: &Xray, budget: Option<SizeBudget>) -> RuleResult {
    let actual = xray.image.size;
    let result = |outcome, limit: String, message: String| RuleResult {
        rule: "budget".to_owned(),
        outcome,
        limit,
        actual: size(actual),
        message,
    };
    let Some(budget) = budget else {
        return result(
            RuleOutcome::Skip,
            "disabled".to_owned(),
            "switched off".to_owned(),
        );
    };
    let Some((language, limits)) = budget.resolve(&xray.image.runtimes) else {
        // Somebody asked for a budget: an image that none applies to must not pass silently.
        return result(
            RuleOutcome::Warn,
            "auto".to_owned(),
            format!(
                "there is no budget for {}; give one as `auto=TARGET/MAX`",
                entrypoint(xray)
            ),
        );
    };
    let limit = format!(
        "{language}: {}, at most {}",
        size(limits.target),
        size(limits.max)
    );
    if actual > limits.max {
        let more = size(actual - limits.max);
        result(
            RuleOutcome::Fail,
            limit,
            format!("the image is {more} above the maximum"),
        )
    } else if actual > limits.target {
        let more = size(actual - limits.target);
        result(
            RuleOutcome::Warn,
            limit,
            format!("the image is {more} above the target, and within the maximum"),
        )
    } else {
        result(RuleOutcome::Pass, limit, "holds".to_owned())
    }
}

/// The runtime of the entrypoint, in words.
fn entrypoint(xray: &Xray) -> &'static str {
    match xray
        .image
        .runtimes
        .iter()
        .find(|r| r.entrypoint)
        .map(|r| r.kind)
    {
        Some(RuntimeKind::Ruby) => "Ruby",
        Some(RuntimeKind::Php) => "PHP",
        Some(RuntimeKind::Dotnet) => ".NET",
        Some(RuntimeKind::StaticNative | RuntimeKind::DynamicNative) => {
            "a program of a language that left no mark"
        }
        _ => "an entrypoint of unknown language",
    }
}

fn secrets(xray: &Xray, level: Level) -> RuleResult {
    let found = xray
        .security
        .findings
        .iter()
        // Warnings are most often samples; they would make the gate fail for what a package ships.
        .filter(|finding| finding.severity == Severity::Error && finding.kind.is_secret());
    let mut found = found.map(|finding| finding.message.as_str());
    let first = found.next();
    let others = found.count();
    let problem = first.map(|message| match others {
        0 => message.to_owned(),
        others => format!("{message}; and {others} more"),
    });
    let number = usize::from(first.is_some()) + others;
    levelled("secrets", level, format!("{number} found"), problem)
}

fn root_user(xray: &Xray, level: Level) -> RuleResult {
    let root = xray.security.runs_as_root;
    let user = match xray.image.user.as_str() {
        "" => "none set (root)".to_owned(),
        user => user.to_owned(),
    };
    levelled(
        "rootUser",
        level,
        user,
        root.then(|| "the container runs as root; set USER".to_owned()),
    )
}

fn fixable_waste(xray: &Xray, limit: Option<u64>) -> RuleResult {
    let saves = xray.fixable;
    Limited {
        rule: "fixableWaste",
        limit,
        actual: size(saves),
        show: |limit| format!("less than {}", size(limit)),
    }
    .result(
        // Documented as "this many bytes or more", so the limit itself fails.
        |limit| saves < limit,
        |_| format!("the recommendations save {}", size(saves)),
    )
}

fn complete_analysis(xray: &Xray, level: Level) -> RuleResult {
    let number = xray.problems.len();
    let problem = xray.problems.first().map(|first| match number - 1 {
        0 => format!("not analysed: {first}"),
        others => format!("not analysed: {first}; and {others} more"),
    });
    levelled(
        "completeAnalysis",
        level,
        match number {
            1 => "1 problem".to_owned(),
            number => format!("{number} problems"),
        },
        problem,
    )
}
