//! What a guest told on its console: rows that carry the nonce, and the signs of a kernel that failed.

use anyhow::{Result, bail};

/// A row of the table for one kernel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: String,
    /// Whether it shows what it should.
    pub(crate) passed: bool,
    /// How long it took in the guest.
    pub(crate) seconds: f64,
    /// What was found.
    pub(crate) text: String,
}

/// How a kernel says that it is broken.
const SIGNS: [&str; 4] = ["Oops", "BUG:", "Kernel panic", "soft lockup"];

/// The rows of a guest that came to its end. Its exit code would say nothing: QEMU's is 0 after a panic.
pub(crate) fn rows(console: &str, nonce: &str) -> Result<Vec<Row>> {
    for line in console.lines() {
        if let Some(sign) = SIGNS.iter().find(|sign| line.contains(**sign)) {
            bail!("the kernel failed ({sign}): {}", line.trim());
        }
    }
    let mut rows = Vec::new();
    for line in console.lines() {
        let Some((_, told)) = line.split_once(&format!("{nonce} ")) else {
            continue;
        };
        if told.trim_end() == "end" {
            return Ok(rows);
        }
        rows.extend(row(told));
    }
    bail!(
        "the guest did not come to its end; it told {} rows",
        rows.len()
    )
}

/// `NAME ok|failed SECONDS TEXT`
fn row(told: &str) -> Option<Row> {
    let mut words = told.trim_end().splitn(4, ' ');
    let (name, verdict, seconds) = (words.next()?, words.next()?, words.next()?);
    Some(Row {
        name: name.to_owned(),
        passed: verdict == "ok",
        seconds: seconds.parse().ok()?,
        text: words.next().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_by_the_nonce() {
        let console = "boot\n[1.0] n1 storm ok 1.5 all there\r\nn2 scope ok 1 x\nn1 end\r\n";
        let rows = rows(console, "n1").unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].name.as_str(), rows[0].passed), ("storm", true));
        assert_eq!(rows[0].text, "all there");
    }

    #[test]
    fn a_guest_without_its_end_or_with_a_failed_kernel_is_an_error() {
        let error = rows("n1 storm ok 1 x\n", "n1").unwrap_err().to_string();
        assert!(error.contains("did not come to its end"), "{error}");
        let error = rows("BUG: unable\nn1 end\n", "n1").unwrap_err().to_string();
        assert!(error.contains("BUG: unable"), "{error}");
    }
}
