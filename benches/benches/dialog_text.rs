//! What text costs the dialog: before the first frame, when all of its caches are empty, and in
//! each frame after it. Fonts, icons and applications are those of the machine; its file cache is
//! warm.

use divan::Bencher;
use endsession_dialog::{
    apps::Apps,
    geometry::Rect,
    icons::Icons,
    text::{Measure as _, Style, Text},
};
use tiny_skia::{Color, Pixmap};

fn main() {
    divan::main();
}

const TITLE: Style = Style {
    size: 20.0,
    bold: true,
    max_lines: 2,
};
const BODY: Style = Style {
    size: 13.0,
    bold: false,
    max_lines: 2,
};

/// A dialog of eight rows.
fn texts() -> Vec<(String, Style)> {
    let mut all = vec![("8 applications are preventing log-off".to_owned(), TITLE)];
    for row in 0..8 {
        all.push((format!("Text Editor {row}"), Style { bold: true, ..BODY }));
        all.push((
            format!("The document “Report {row}.odt” was changed and is not saved"),
            BODY,
        ));
        all.push((format!("waiting for {row} s"), BODY));
    }
    all.extend(["Cancel", "Ask again", "End all anyway"].map(|text| (text.to_owned(), BODY)));
    all
}

fn frame(text: &mut Text, picture: &mut Pixmap, texts: &[(String, Style)]) {
    let mut y = 0.0;
    for (what, style) in texts {
        let size = text.measure(what, style, 500.0);
        let place = Rect::new(8.0, y, size.width, size.height);
        text.draw(&mut picture.as_mut(), what, style, place, Color::BLACK);
        y += size.height;
    }
}

fn picture() -> Pixmap {
    Pixmap::new(560, 600).expect("it has a size")
}

#[divan::bench]
fn start_and_first_measure(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Text::new("en_US.UTF-8").measure("Log off?", &TITLE, 500.0));
}

#[divan::bench]
fn start_and_first_frame(bencher: Bencher<'_, '_>) {
    let (texts, mut picture) = (texts(), picture());
    bencher.bench_local(|| frame(&mut Text::new("en_US.UTF-8"), &mut picture, &texts));
}

#[divan::bench]
fn warm_frame(bencher: Bencher<'_, '_>) {
    let (texts, mut picture) = (texts(), picture());
    let mut text = Text::new("en_US.UTF-8");
    frame(&mut text, &mut picture, &texts);
    bencher.bench_local(|| frame(&mut text, &mut picture, &texts));
}

/// A character that no font has: every font is looked at once.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn search_of_all_fonts(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(|| {
            let mut text = Text::new("en_US.UTF-8");
            text.measure("Log off?", &TITLE, 500.0);
            text
        })
        .bench_local_values(|mut text| {
            text.measure("\u{10fffd}", &BODY, 500.0);
            text
        });
}

#[divan::bench]
fn first_icon(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let mut icons = Icons::new("Adwaita");
        icons.find("foot", 32).map(Pixmap::width)
    });
}

#[divan::bench]
fn application_by_its_own_name(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Apps::new("es_MX.UTF-8").find("foot", None));
}

#[divan::bench]
fn application_looked_for_in_all(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Apps::new("es_MX.UTF-8").find("no such application", None));
}
