//! Replays what fuzzing found worth keeping, through what fuzzing runs.

use std::fs;
use std::path::Path;

use crate::harness::TARGETS;

#[test]
fn every_target_bears_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for (name, run) in TARGETS {
        let directory = corpus.join(name);
        let mut files: Vec<_> = fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", directory.display());
        for file in files {
            // The name of the one that fails is in the output of the test.
            println!("{}", file.display());
            run(&fs::read(&file).unwrap());
        }
    }
}

#[test]
fn every_target_bears_nothing_at_all() {
    for (_, run) in TARGETS {
        run(&[]);
    }
}
