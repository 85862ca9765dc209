//! Asks for files that do not exist, none of which is like another: `paths COUNT LENGTH`, with paths of that many bytes.
//! Compiled by the tests, statically.

use std::fs::File;

fn main() {
    let words: Vec<usize> = std::env::args().skip(1).map(|word| word.parse().expect("a number")).collect();
    let &[count, length] = &words[..] else { panic!("paths COUNT LENGTH") };
    for number in 0..count {
        let mut path = format!("/{number:07x}");
        while path.len() < length {
            let part = (length - path.len() - 1).min(200);
            path.push('/');
            path.extend(std::iter::repeat_n('n', part));
        }
        assert!(File::open(&path).is_err());
    }
}
