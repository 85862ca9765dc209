//! The gate on the made-up image.

use minifier::xray::gate::{GateConfig, Level, evaluate};
use minifier::xray::model::{GateReport, RuleOutcome, RuleResult, Xray};
use minifier_tests::xray_sample;

use RuleOutcome::{Fail, Pass, Skip, Warn};

const RULES: [&str; 9] = [
    "lowestEfficiency",
    "highestWastedBytes",
    "highestUserWastedPercent",
    "maxSize",
    "budget",
    "secrets",
    "rootUser",
    "fixableWaste",
    "completeAnalysis",
];

fn of<'a>(report: &'a GateReport, rule: &str) -> &'a RuleResult {
    report
        .rules
        .iter()
        .find(|result| result.rule == rule)
        .unwrap_or_else(|| panic!("{rule} is not shown"))
}

fn outcome(xray: &Xray, rule: &str, config: &str) -> RuleOutcome {
    let config = GateConfig::from_dive_ci(config).expect("the rules are understood");
    of(&evaluate(xray, &config), rule).outcome
}

#[test]
fn every_rule_is_shown_even_when_switched_off() {
    let off = GateConfig {
        lowest_efficiency: None,
        highest_user_wasted_percent: None,
        secrets: Level::Off,
        root_user: Level::Off,
        complete_analysis: Level::Off,
        ..GateConfig::default()
    };
    for config in [GateConfig::default(), off.clone()] {
        let report = evaluate(&xray_sample::xray(), &config);
        let names: Vec<&str> = report.rules.iter().map(|r| r.rule.as_str()).collect();
        assert_eq!(names, RULES);
    }
    let report = evaluate(&xray_sample::xray(), &off);
    assert!(report.rules.iter().all(|rule| rule.outcome == Skip));
    assert!(report.passed);
}

#[test]
fn a_clean_image_passes_the_default_rules() {
    let report = evaluate(&xray_sample::clean(), &GateConfig::default());
    assert!(report.passed);
    assert!(
        report
            .rules
            .iter()
            .all(|r| matches!(r.outcome, Pass | Skip)),
        "{report:?}"
    );
}

#[test]
fn limits_are_met_by_equal_values_as_in_dive() {
    let mut xray = xray_sample::clean();
    xray.efficiency.score = 0.9;
    xray.efficiency.wasted_bytes = 20_000_000;
    xray.efficiency.user_wasted_percent = 0.1;
    xray.image.size = 100_000_000;
    let rules = "rules: {lowestEfficiency: 0.9, highestWastedBytes: 20MB, highestUserWastedPercent: 0.1, maxSize: 100MB}";
    for rule in &RULES[..4] {
        assert_eq!(outcome(&xray, rule, rules), Pass, "{rule}");
    }
    xray.efficiency.score -= 1e-6;
    xray.efficiency.wasted_bytes += 1;
    xray.efficiency.user_wasted_percent += 1e-6;
    xray.image.size += 1;
    for rule in &RULES[..4] {
        assert_eq!(outcome(&xray, rule, rules), Fail, "{rule}");
    }
}

#[test]
fn a_missed_target_warns_and_a_missed_maximum_fails() {
    let mut xray = xray_sample::clean();
    for (size, expected) in [(50, Pass), (51, Warn), (80, Warn), (81, Fail)] {
        xray.image.size = size * 1_000_000;
        assert_eq!(
            outcome(&xray, "budget", "rules: {budget: auto}"),
            expected,
            "{size}"
        );
    }
    xray.image.size = 81_000_000;
    assert_eq!(outcome(&xray, "budget", "rules: {budget: java}"), Pass);
    assert_eq!(
        outcome(&xray, "budget", "rules: {budget: python=90MB/100MB}"),
        Pass
    );
    xray.image.runtimes.clear();
    assert_eq!(outcome(&xray, "budget", "rules: {budget: auto}"), Warn);
}

#[test]
fn secrets_root_and_fixable_waste_fail_where_they_are_told_to() {
    let xray = xray_sample::xray();
    let report = evaluate(&xray, &GateConfig::default());
    assert!(!report.passed);
    assert_eq!(of(&report, "secrets").outcome, Fail);
    assert_eq!(of(&report, "secrets").actual, "5 found");
    assert_eq!(of(&report, "rootUser").outcome, Warn);
    assert_eq!(of(&report, "completeAnalysis").outcome, Warn);
    assert_eq!(outcome(&xray, "rootUser", "rules: {rootUser: fail}"), Fail);
    assert_eq!(
        outcome(&xray, "fixableWaste", "rules: {fixableWaste: 96600000}"),
        Fail
    );
    assert_eq!(
        outcome(&xray, "fixableWaste", "rules: {fixableWaste: 96600001}"),
        Pass
    );
}
