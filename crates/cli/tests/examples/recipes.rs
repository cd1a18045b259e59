//! The recipes in the crate's documentation are what the examples do.

use std::path::Path;

const RECIPES: &str = include_str!("../../../endsession/src/recipes.md");

/// The longest that a recipe is to be, in lines that are shown.
const MAX_LINES: usize = 15;

/// The code of the recipe under this heading.
fn recipe(heading: &str) -> Vec<&str> {
    let (_, recipe) = RECIPES.split_once(&format!("\n## {heading}\n")).unwrap();
    let code = recipe.split("```").nth(1).unwrap();
    code.lines()
        .skip(1)
        .filter(|l| !l.starts_with("# "))
        .collect()
}

/// Without what a reader skips: comments and how lines are broken.
fn plain<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let code = lines.into_iter().filter_map(|line| line.split("//").next());
    let code: String = code.collect();
    code.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Each part of the recipe, as blank lines divide it, stands in the example.
#[track_caller]
fn is_in(heading: &str, example: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = std::fs::read_to_string(root.join(example)).unwrap();
    let example = plain(example.lines());
    for part in recipe(heading).split(|line| line.is_empty()) {
        let shown = part.join("\n");
        let part = plain(part.iter().copied());
        assert!(example.contains(&part), "not in the example:\n{shown}");
    }
}

#[test]
fn a_recipe_is_short() {
    let headings = RECIPES.lines().filter_map(|line| line.strip_prefix("## "));
    let mut count = 0;
    for heading in headings {
        let lines = recipe(heading).len();
        assert!(lines <= MAX_LINES, "{heading}: {lines} lines");
        count += 1;
    }
    assert_eq!(count, 4);
}

/// Those of the other two are compiled as tests in documentation.
#[test]
fn a_toolkits_recipe_is_what_its_example_does() {
    is_in("winit", "examples/winit/src/main.rs");
    is_in("eframe", "examples/editor/src/main.rs");
}
