//! What programs/conformance announces, and whether a trace has it.

use anyhow::{Context, Result, ensure};
use minifier::rootfs::{ImagePath, escape_bytes};
use minifier::trace::{Access, Trace, calls};

/// One line of the program.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Expected {
    syscall: u32,
    operation: String,
    requested: String,
    base: String,
    resolved: String,
    result: String,
}

fn parse(output: &str) -> Result<Vec<Expected>> {
    let mut all = Vec::new();
    for line in output
        .lines()
        .filter_map(|line| line.strip_prefix("expect\t"))
    {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, operation, requested, base, resolved, result] = fields[..] else {
            anyhow::bail!("{line:?}")
        };
        let syscall = calls::number(name).with_context(|| format!("no call {name}"))?;
        let [operation, requested, base, resolved, result] =
            [operation, requested, base, resolved, result].map(str::to_owned);
        all.push(Expected {
            syscall: syscall.into(),
            operation,
            requested,
            base,
            resolved,
            result,
        });
    }
    Ok(all)
}

fn matches(expected: &Expected, access: &Access) -> bool {
    let field = |expected: &str, found: Option<String>| {
        expected == "*" || expected == found.as_deref().unwrap_or("-")
    };
    let path = |path: &Option<ImagePath>| path.as_ref().map(ToString::to_string);
    access.syscall == expected.syscall
        && format!("{:?}", access.operation) == expected.operation
        && escape_bytes(&access.requested) == expected.requested
        && field(&expected.base, path(&access.base))
        && field(&expected.resolved, path(&access.resolved))
        && match expected.result.as_str() {
            "*" => true,
            "none" => access.result.is_none(),
            "ok" => access.result.is_some_and(|result| result >= 0),
            errno => errno.parse() == Ok(access.result.unwrap_or(1)),
        }
}

/// Fails unless the trace has all that the program's `output` announces, and that is at least so much.
pub fn assert_traced(trace: &Trace, output: &str, at_least: usize) -> Result<()> {
    let expected = parse(output)?;
    ensure!(
        expected.len() >= at_least,
        "only {} calls were announced",
        expected.len()
    );
    let mut missing = Vec::new();
    for expected in &expected {
        if !trace
            .accesses
            .iter()
            .any(|access| matches(expected, access))
        {
            let near = trace
                .accesses
                .iter()
                .filter(|access| escape_bytes(&access.requested) == expected.requested);
            missing.push(format!(
                "{expected:?}\n  has only {:#?}",
                near.collect::<Vec<_>>()
            ));
        }
    }
    ensure!(
        missing.is_empty(),
        "{} of {} are missing:\n{}",
        missing.len(),
        expected.len(),
        missing.join("\n")
    );
    Ok(())
}
