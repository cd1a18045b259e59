//! Lists the languages: every `locales/*.ftl` is one, so that adding a language is adding a file.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=locales");
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let mut names: Vec<String> = fs::read_dir(Path::new(&here).join("locales"))
        .expect("the languages")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".ftl").map(str::to_owned))
        .collect();
    names.sort();
    let mut code = String::from("&[\n");
    for name in names {
        let path = format!("{here}/locales/{name}.ftl");
        writeln!(code, "    ({name:?}, include_str!({path:?})),").expect("a string takes all");
    }
    code.push(']');
    let out = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("locales.rs"), code).expect("the list of languages");
}
