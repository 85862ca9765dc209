//! What an image answered, in a form that can be compared and read in a failed test.

use std::fmt;

/// Questions and answers in the order they were put.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answers(Vec<(String, String)>);

impl Answers {
    /// Adds an answer.
    pub fn push(&mut self, question: impl Into<String>, answer: impl Into<String>) {
        self.0.push((question.into(), answer.into()));
    }

    /// What differs from the answers of `other`: for each question the lines that do.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let longest = self.0.len().max(other.0.len());
        (0..longest)
            .filter(|&index| self.0.get(index) != other.0.get(index))
            .map(|index| difference(self.0.get(index), other.0.get(index)))
            .collect()
    }
}

fn difference(mine: Option<&(String, String)>, theirs: Option<&(String, String)>) -> String {
    let (question, _) = mine.or(theirs).expect("one of them was asked");
    let lines = |answer: Option<&(String, String)>| -> Vec<String> {
        let text = answer.map_or("not asked", |(_, text)| text);
        text.lines().map(str::to_owned).collect()
    };
    let (mine, theirs) = (lines(mine), lines(theirs));
    let only = |here: &[String], there: &[String], mark: &str| -> String {
        let lines = here.iter().filter(|line| !there.contains(line));
        lines.map(|line| format!("\n{mark} {line}")).collect()
    };
    format!(
        "{question}:{}{}",
        only(&theirs, &mine, "-"),
        only(&mine, &theirs, "+")
    )
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (question, answer) in &self.0 {
            writeln!(f, "{question} -> {answer}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_question_and_the_lines() {
        let mut one = Answers::default();
        one.push("GET /", "200\nsame\nnew");
        one.push("stop", "0");
        let mut other = Answers::default();
        other.push("GET /", "500\nsame");
        assert_eq!(
            one.differences(&other),
            ["GET /:\n- 500\n+ 200\n+ new", "stop:\n- not asked\n+ 0"]
        );
        assert!(one.differences(&one).is_empty());
    }
}
