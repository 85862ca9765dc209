//! A storm of file accesses, none of which repeats another: `storm PROCESSES OPENS`. Each process creates and removes
//! its share of the files below /tmp. Compiled by the tests, statically.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, exit};

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u32>().ok());
    match (words.get(1).map(String::as_str), number(1), number(2)) {
        (Some("child"), ..) => child(number(2).expect("child"), number(3).expect("opens")),
        (_, Some(processes), Some(opens)) => {
            let start = |index: u32| {
                let share = (opens / processes).to_string();
                Command::new("/proc/self/exe").args(["child", &index.to_string(), &share]).spawn().expect("spawn")
            };
            let children: Vec<_> = (0..processes).map(start).collect();
            let failed = children.into_iter().filter_map(|mut child| child.wait().ok()).any(|status| !status.success());
            exit(i32::from(failed));
        }
        _ => panic!("storm PROCESSES OPENS"),
    }
}

fn child(index: u32, opens: u32) {
    for number in 0..opens {
        let path = format!("/tmp/storm-{index}-{number}");
        let file = fs::OpenOptions::new().write(true).create(true).mode(0o600).open(&path).expect("open");
        drop(file);
        fs::remove_file(&path).expect("remove");
    }
}
