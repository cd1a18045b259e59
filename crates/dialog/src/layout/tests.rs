//! Where things are, by a measure in which every character is half as wide as it is high.

use super::*;
use crate::view::RowView;

struct Boxes;

impl Measure for Boxes {
    #[allow(clippy::cast_precision_loss)]
    fn measure(&mut self, text: &str, style: &Style, width: f32) -> Size {
        let one = style.size / 2.0;
        let all = text.chars().count() as f32 * one;
        let lines = (all / width.max(one))
            .ceil()
            .clamp(1.0, style.max_lines as f32);
        Size::new(all.min(width), lines * style.size * 1.25)
    }
}

fn button(control: Control, label: &str) -> Button {
    Button {
        control,
        label: label.to_owned(),
        spoken: String::new(),
        description: String::new(),
        emphasis: Emphasis::Normal,
    }
}

fn row(n: usize, why: &str) -> RowView {
    let app = n.to_string();
    RowView {
        name: format!("Application {n}"),
        why: why.to_owned(),
        note: "Waiting for 10 seconds".to_owned(),
        buttons: vec![
            button(Control::Show(app.clone()), "Show"),
            button(Control::End(app.clone()), "End…"),
        ],
        app,
        ..RowView::default()
    }
}

fn view(form: Form, rows: usize) -> View {
    View {
        form,
        heading: "Logging off".to_owned(),
        details: vec!["Some applications hold this up.".to_owned()],
        progress: None,
        rows: (0..rows)
            .map(|n| row(n, "There are unsaved documents"))
            .collect(),
        holders: Vec::new(),
        warning: String::new(),
        choices: Vec::new(),
        buttons: vec![
            button(Control::EndAll, "End all anyway…"),
            button(Control::AskAgain, "Ask again"),
            button(Control::No, "Cancel"),
        ],
        default: Control::No,
    }
}

const ROOM: Size = Size::new(1280.0, 720.0);

fn lay(view: &View, room: Size, scroll: f32) -> Layout {
    layout(view, &mut Boxes, room, false, scroll)
}

/// Nothing that can be pressed overlaps another or leaves the window, and each is large enough.
fn verify(layout: &Layout, room: Size) {
    assert!(
        layout.size.width <= room.width && layout.size.height <= room.height,
        "{:?}",
        layout.size
    );
    let all = Rect::new(0.0, 0.0, layout.size.width, layout.size.height);
    for (n, target) in layout.targets.iter().enumerate() {
        assert!(
            target.place.height >= BUTTON_HEIGHT && target.place.width >= 40.0,
            "{target:?}"
        );
        let seen = target.seen;
        assert_eq!(seen.intersection(&all), seen, "{target:?}");
        for other in &layout.targets[n + 1..] {
            assert!(
                seen.intersection(&other.seen).is_empty(),
                "{target:?} {other:?}"
            );
        }
    }
}

#[test]
fn a_sheet_is_as_high_as_what_is_in_it() {
    let (one, three) = (
        lay(&view(Form::Sheet, 1), ROOM, 0.0),
        lay(&view(Form::Sheet, 3), ROOM, 0.0),
    );
    verify(&one, ROOM);
    verify(&three, ROOM);
    assert!(one.size.height < three.size.height);
    assert_eq!((one.scroll_max, three.scroll_max), (0.0, 0.0));
    assert_eq!(three.rows.len(), 3);
}

#[test]
fn many_rows_scroll_and_the_buttons_stay() {
    let view = view(Form::Sheet, 40);
    let top = lay(&view, ROOM, 0.0);
    verify(&top, ROOM);
    assert!(top.scroll_max > 1000.0);
    let bottom = lay(&view, ROOM, f32::MAX);
    verify(&bottom, ROOM);
    let last = bottom.rows.last().unwrap();
    assert!(
        (last.bottom() - bottom.list.bottom()).abs() < 1.0,
        "{last:?} {:?}",
        bottom.list
    );
    let cancel = |l: &Layout| l.target(&Control::No).unwrap().place;
    assert_eq!(cancel(&top), cancel(&bottom));
    // What has scrolled away cannot be pressed.
    let first = bottom.target(&Control::Show("0".to_owned())).unwrap();
    assert!(first.seen.is_empty());
}

#[test]
fn a_row_is_revealed_as_far_as_needed() {
    let view = view(Form::Sheet, 40);
    let top = lay(&view, ROOM, 0.0);
    assert_eq!(top.reveal(&Control::Show("0".to_owned()), 0.0), 0.0);
    assert_eq!(top.reveal(&Control::No, 7.0), 7.0);
    let to = top.reveal(&Control::Show("30".to_owned()), 0.0);
    let there = lay(&view, ROOM, to);
    let target = there.target(&Control::Show("30".to_owned())).unwrap();
    assert_eq!(target.seen, target.place);
    let back = there.reveal(&Control::End("2".to_owned()), to);
    let back = lay(&view, ROOM, back);
    let target = back.target(&Control::End("2".to_owned())).unwrap();
    assert_eq!(target.seen, target.place);
}

#[test]
fn every_width_down_to_a_telephones_fits() {
    for form in [Form::Sheet, Form::Strip, Form::Window] {
        for width in [320.0, 400.0, 480.0, 640.0, 800.0, 1280.0, 3840.0] {
            let room = Size::new(width, 720.0);
            for rows in [0, 1, 7] {
                let rows = if form == Form::Strip {
                    rows.min(1)
                } else {
                    rows
                };
                let layout = lay(&view(form, rows), room, 0.0);
                verify(&layout, room);
                let buttons = if form == Form::Strip { 3 } else { 3 + 2 * rows };
                assert_eq!(layout.targets.len(), buttons, "{form:?} {width} {rows}");
            }
        }
    }
}

#[test]
fn a_low_room_still_shows_a_row_and_the_buttons() {
    let room = Size::new(640.0, 400.0);
    let layout = lay(&view(Form::Sheet, 5), room, 0.0);
    verify(&layout, room);
    assert!(layout.list.height >= 80.0);
}

#[test]
fn a_room_without_any_size_does_no_harm() {
    for room in [
        Size::default(),
        Size::new(1.0, 1.0),
        Size::new(50.0, 5000.0),
    ] {
        for form in [Form::Sheet, Form::Strip, Form::Window] {
            for exact in [false, true] {
                let layout = layout(&view(form, 3), &mut Boxes, room, exact, 5.0);
                assert!(layout.size.width.is_finite() && layout.size.height.is_finite());
            }
        }
    }
}

#[test]
fn a_window_that_has_to_fill_its_room_fills_it() {
    let room = Size::new(900.0, 700.0);
    let layout = layout(&view(Form::Window, 2), &mut Boxes, room, true, 0.0);
    assert_eq!(layout.size, room);
    verify(&layout, room);
    let cancel = layout.target(&Control::No).unwrap().place;
    assert!(
        (cancel.bottom() - (room.height - MARGIN)).abs() < 2.0,
        "{cancel:?}"
    );
}

#[test]
fn what_ends_all_stands_apart() {
    let layout = lay(&view(Form::Sheet, 1), ROOM, 0.0);
    let end = layout.target(&Control::EndAll).unwrap().place;
    let again = layout.target(&Control::AskAgain).unwrap().place;
    assert!(
        end.x <= MARGIN && again.x - end.right() > 40.0,
        "{end:?} {again:?}"
    );
}

#[test]
fn a_place_tells_what_is_pressed_there() {
    let layout = lay(&view(Form::Sheet, 2), ROOM, 0.0);
    for target in &layout.targets {
        let middle = Point::new(
            target.place.x + target.place.width / 2.0,
            target.place.y + 5.0,
        );
        assert_eq!(layout.at(middle), Some(&target.control));
    }
    assert_eq!(layout.at(Point::new(1.0, 1.0)), None);
    assert_eq!(layout.at(Point::new(f32::NAN, -5.0)), None);
}

#[test]
fn a_menus_buttons_stand_below_each_other() {
    let mut menu = view(Form::Sheet, 0);
    menu.choices = [crate::content::Kind::LogOff, crate::content::Kind::PowerOff]
        .map(|k| Button {
            description: "Says more".to_owned(),
            ..button(Control::Kind(k), "Do")
        })
        .to_vec();
    menu.buttons = vec![button(Control::No, "Cancel")];
    let layout = lay(&menu, ROOM, 0.0);
    verify(&layout, ROOM);
    assert!(layout.targets[0].place.bottom() < layout.targets[1].place.y);
    assert_eq!(layout.targets[0].place.width, layout.targets[1].place.width);
}
