//! Names of directories that hold tests, examples and the like. The one list of them: what follows from a name differs,
//! and so there are three questions.

/// Tests, and nothing that a program needs.
const TESTS: [&[u8]; 3] = [b"test", b"tests", b"__tests__"];
/// Names of tests, examples and their data. A program can have code in one: `numpy/testing`.
const OF_TESTS: [&[u8]; 11] = [
    b"testing",
    b"testdata",
    b"test-data",
    b"test_data",
    b"spec",
    b"fixtures",
    b"__fixtures__",
    b"test-fixtures",
    b"example",
    b"examples",
    b"__mocks__",
];
/// Names of other things that are made to be shown, or copied from others. A program can be installed in one: `/srv/demo`.
const SAMPLES: [&[u8]; 16] = [
    b"testsuite",
    b"testcases",
    b"e2e",
    b"specs",
    b"fixture",
    b"mock",
    b"mocks",
    b"sample",
    b"samples",
    b"demo",
    b"demos",
    b"doc",
    b"docs",
    b"vendor",
    b"third_party",
    b"third-party",
];

/// Whether a directory of that name in a package can go: it holds tests alone.
pub(crate) fn holds_tests_alone(name: &[u8]) -> bool {
    TESTS.contains(&name)
}

/// Whether a directory of that name in a project belongs to its tests or examples.
pub(crate) fn belongs_to_tests(name: &[u8]) -> bool {
    holds_tests_alone(name) || OF_TESTS.contains(&name)
}

/// Whether what lies in a directory of that name is made to be shown, or others' sources.
pub(crate) fn holds_samples(name: &[u8]) -> bool {
    belongs_to_tests(name) || SAMPLES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_takes_in_the_one_before() {
        let questions = [holds_tests_alone, belongs_to_tests, holds_samples];
        for (name, expected) in [
            (&b"tests"[..], [true, true, true]),
            (b"testing", [false, true, true]),
            (b"demo", [false, false, true]),
            (b"src", [false, false, false]),
        ] {
            assert_eq!(questions.map(|question| question(name)), expected);
        }
    }
}
