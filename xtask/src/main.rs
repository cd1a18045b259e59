//! The project's tasks: `cargo xtask test`, `cargo xtask ci`, `cargo xtask windows`. Only runs other programs.

mod checks;
mod install;
mod packages;
mod run;
mod windows;

use std::process::ExitCode;

const HELP: &str = "\
The tasks of the project.

Usage: cargo xtask <TASK>

Tasks:
  test [ARGS]  Run all tests, end-to-end tests included. Debian packages that these need and that are
               missing are installed first: after a question in a terminal, without one where the
               environment variable CI is set. ARGS go to `cargo nextest run`, or to `cargo test`
               where cargo-nextest is not installed.
               Without ARGS also the tests for Windows.
  ci           All that a change must pass: fmt, clippy, doc, deny, msrv, test; also for Windows.
  fmt, clippy, doc, deny, msrv
               One of these.
  examples     Build the examples that the tests run, those with a toolkit too.
  windows <TASK>
               Check, build and test for Windows, with Debian's compiler and Wine; see windows --help.
  install [--prefix DIR] [--destdir DIR]
               Build for release and install below /usr/local or the prefix: the program, its manual page,
               completions, systemd units, and entries for display managers. --destdir is for packages.
  packages     List the Debian packages that the tests need.

Options:
  -h, --help   Print this help.
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    match task.as_str() {
        "-h" | "--help" | "help" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        "windows"
            if matches!(
                rest.first().map_or("--help", String::as_str),
                "-h" | "--help"
            ) =>
        {
            print!("{}", windows::HELP);
            return ExitCode::SUCCESS;
        }
        // Its status is that of the program that it runs.
        windows::RUNNER => return windows::runner(&rest).unwrap_or_else(failed),
        // Only these take more words.
        name if !matches!(name, "test" | "install" | "windows") && !rest.is_empty() => {
            return usage(&rest[0]);
        }
        _ => {}
    }
    let result = match task.as_str() {
        "test" => checks::test(&rest),
        "ci" => checks::ci(),
        "examples" => checks::examples(),
        "install" => install::install(&rest),
        "windows" => windows::main(&rest),
        "packages" => {
            packages::all().for_each(|package| println!("{}", package.name));
            Ok(())
        }
        name => match checks::named(name) {
            Some(check) => check(),
            None => return usage(name),
        },
    };
    result.map_or_else(failed, |()| ExitCode::SUCCESS)
}

fn failed(error: anyhow::Error) -> ExitCode {
    eprintln!("xtask: {error:#}");
    // 2: nothing was tested, something has to be installed first.
    ExitCode::from(if error.is::<packages::Missing>() {
        2
    } else {
        1
    })
}

fn usage(word: &str) -> ExitCode {
    if word.is_empty() {
        eprint!("{HELP}");
    } else {
        eprintln!("xtask: unknown: {word}; see cargo xtask --help");
    }
    ExitCode::from(2)
}
