//! [`MarkdownDocument`]: Markdown that is written until it is full.

use super::escape;

/// Most bytes: what GitHub takes as a job's summary is 1 MiB, and others may want to add a line.
pub const LIMIT: usize = 1_000_000;

/// Bytes that are kept free for the sentence that says that something is missing.
const RESERVE: usize = 200;

/// Markdown that never grows beyond its limit.
#[derive(Debug)]
pub(crate) struct MarkdownDocument {
    out: String,
    limit: usize,
    full: bool,
}

impl MarkdownDocument {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            out: String::new(),
            // So that the sentence about what is missing always fits.
            limit: limit.saturating_sub(RESERVE),
            full: false,
        }
    }

    /// Adds `markdown` as a whole or not at all.
    pub(crate) fn push(&mut self, markdown: &str) -> bool {
        if self.out.len() + markdown.len() > self.limit {
            self.full = true;
            return false;
        }
        self.out.push_str(markdown);
        true
    }

    pub(crate) fn paragraph(&mut self, markdown: &str) {
        self.push(&format!("{markdown}\n\n"));
    }

    /// A table; `columns` whose name ends in `:` are numbers and go to the right. Cells are Markdown.
    pub(crate) fn table<const N: usize>(
        &mut self,
        columns: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let names = columns.map(|name| name.trim_end_matches(':'));
        let lines = columns.map(|name| if name.ends_with(':') { "--:" } else { "---" });
        if !self.push(&format!(
            "| {} |\n| {} |\n",
            names.join(" | "),
            lines.join(" | ")
        )) {
            return;
        }
        for row in rows {
            // Row by row: half a table is of use, half a row breaks it.
            if !self.push(&format!("| {} |\n", row.join(" | "))) {
                break;
            }
        }
        self.push("\n");
    }

    /// A section that unfolds; `title` is text.
    pub(crate) fn details(&mut self, title: &str, body: impl FnOnce(&mut Self)) {
        let open = format!("<details>\n<summary>{}</summary>\n\n", escape::text(title));
        let close = "</details>\n\n";
        let room = self
            .limit
            .saturating_sub(self.out.len() + open.len() + close.len());
        // A section that is cut needs its closing tag, or the rest of the page would fold with it.
        let mut inner = Self {
            out: String::new(),
            limit: room,
            full: false,
        };
        body(&mut inner);
        let full = inner.full;
        self.push(&format!("{open}{}{close}", inner.out));
        self.full |= full;
    }

    /// The Markdown, with a sentence at its end if something is missing.
    pub(crate) fn finish(mut self) -> String {
        if self.full {
            self.out.push_str(
                "\n> **This summary is cut:** there is more than fits. The JSON and HTML reports have everything.\n",
            );
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_and_said() {
        let mut document = MarkdownDocument::new(1_000);
        document.details("rows", |document| {
            document.table(["a:"], (0..1_000).map(|n| [n.to_string()]));
        });
        document.paragraph("after");
        let text = document.finish();
        assert!(text.len() <= 1_000, "{}", text.len());
        assert!(text.contains("| 10 |") && text.contains("</details>"));
        assert!(text.contains("This summary is cut"));
    }
}
