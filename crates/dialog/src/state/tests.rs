//! What hands do, and what follows.

use super::*;
use crate::content::{Holds, Kind, Phase, Question, Row};
use crate::geometry::{Rect, Size};
use crate::i18n::Messages;
use crate::layout::layout;
use crate::text::{Measure, Style};
use crate::view::View;

struct Boxes;

impl Measure for Boxes {
    fn measure(&mut self, _: &str, style: &Style, width: f32) -> Size {
        Size::new(width.min(60.0), style.size)
    }
}

struct Desk {
    state: State,
    view: View,
    layout: Layout,
}

fn row(app: &str, holds: Holds) -> Row {
    Row {
        app: app.to_owned(),
        name: app.to_owned(),
        holds,
        responding: true,
        can_show: true,
        ..Row::default()
    }
}

fn request(rows: Vec<Row>) -> Content {
    Content::Request(Request {
        rows,
        ..Request::default()
    })
}

fn refusing(n: usize) -> Content {
    request(
        (0..n)
            .map(|n| row(&n.to_string(), Holds::Refusal))
            .collect(),
    )
}

impl Desk {
    fn new(content: Content) -> Self {
        let mut state = State::new(content);
        state.input(Input::Focused(true), &Layout::default(), &Control::No);
        let mut desk = Self {
            state,
            view: view::view(
                &request(Vec::new()),
                &Ui::default(),
                &Messages::new("en"),
                0,
                &mut |_, _| crate::apps::App::default(),
            ),
            layout: Layout::default(),
        };
        desk.lay();
        desk
    }

    fn lay(&mut self) {
        let mut known = |_: &str, _| crate::apps::App::default();
        self.view = view::view(
            self.state.content(),
            self.state.ui(),
            &Messages::new("en"),
            0,
            &mut known,
        );
        let room = Size::new(800.0, 600.0);
        self.layout = layout(&self.view, &mut Boxes, room, false, self.state.scroll());
        self.state.laid_out(&self.layout);
    }

    fn give(&mut self, content: Content) {
        self.state.set_content(content);
        self.lay();
    }

    fn input(&mut self, input: Input) -> Vec<Choice> {
        let effects = self.state.input(input, &self.layout, &self.view.default);
        self.lay();
        effects
            .into_iter()
            .filter_map(|e| match e {
                Effect::Choose(choice) => Some(choice),
                _ => None,
            })
            .collect()
    }

    fn key(&mut self, key: Key) -> Vec<Choice> {
        self.input(Input::Key {
            key,
            repeated: false,
        })
    }

    fn place(&self, control: &Control) -> Point {
        let place: Rect = self.layout.target(control).unwrap().seen;
        Point::new(place.x + place.width / 2.0, place.y + place.height / 2.0)
    }

    fn click(&mut self, control: &Control) -> Vec<Choice> {
        let at = self.place(control);
        assert_eq!(self.input(Input::PointerMoved(at)), []);
        assert_eq!(self.input(Input::PointerPressed(at)), []);
        self.input(Input::PointerReleased(at))
    }

    fn focus(&self) -> &Control {
        self.state
            .focus(&self.layout, &self.view.default)
            .expect("something has the focus")
    }
}

#[test]
fn escape_and_a_first_enter_cancel() {
    for key in [Key::Escape, Key::Enter, Key::Space] {
        assert_eq!(Desk::new(refusing(3)).key(key), [Choice::No], "{key:?}");
    }
}

#[test]
fn a_key_that_is_held_since_before_chooses_nothing() {
    for key in [Key::Escape, Key::Enter, Key::Space] {
        let held = Input::Key {
            key,
            repeated: true,
        };
        assert_eq!(Desk::new(refusing(1)).input(held), [], "{key:?}");
    }
}

#[test]
fn no_two_keys_end_anything() {
    let keys = [
        Key::Tab,
        Key::BackTab,
        Key::Enter,
        Key::Space,
        Key::Escape,
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::Home,
        Key::End,
    ];
    for first in keys {
        for second in keys {
            let mut desk = Desk::new(refusing(2));
            let mut chosen = desk.key(first);
            chosen.extend(desk.key(second));
            let ends = |c: &Choice| matches!(c, Choice::EndAll | Choice::EndOne(_));
            assert!(!chosen.iter().any(ends), "{first:?} {second:?}: {chosen:?}");
        }
    }
}

#[test]
fn one_is_ended_after_a_warning_that_enter_takes_back() {
    let mut desk = Desk::new(refusing(2));
    assert_eq!(desk.click(&Control::End("1".to_owned())), []);
    assert_eq!(desk.focus(), &Control::Back);
    assert_eq!(desk.key(Key::Enter), []);
    assert_eq!(desk.focus(), &Control::End("1".to_owned()));
    desk.key(Key::Enter);
    desk.key(Key::BackTab);
    assert_eq!(desk.focus(), &Control::ReallyEnd("1".to_owned()));
    assert_eq!(desk.key(Key::Enter), [Choice::EndOne("1".to_owned())]);
    assert_eq!(desk.state.ui().pending, None);
}

#[test]
fn all_are_ended_after_a_warning_that_escape_takes_back() {
    let mut desk = Desk::new(refusing(2));
    desk.click(&Control::EndAll);
    assert_eq!(desk.key(Key::Escape), []);
    assert_eq!(desk.focus(), &Control::EndAll);
    desk.click(&Control::EndAll);
    assert_eq!(desk.click(&Control::ReallyEndAll), [Choice::EndAll]);
}

#[test]
fn the_tab_key_goes_round_through_all() {
    let mut desk = Desk::new(refusing(2));
    let mut seen = Vec::new();
    for _ in 0..desk.layout.targets.len() {
        desk.key(Key::Tab);
        seen.push(desk.focus().clone());
    }
    assert_eq!(seen.last(), Some(&Control::No));
    let order: Vec<_> = desk
        .layout
        .targets
        .iter()
        .map(|t| t.control.clone())
        .collect();
    assert_eq!(seen, order);
    for _ in 0..order.len() {
        desk.key(Key::BackTab);
    }
    assert_eq!(desk.focus(), &Control::No);
}

#[test]
fn arrows_move_between_lines() {
    let mut desk = Desk::new(refusing(3));
    desk.key(Key::Up);
    assert!(
        matches!(desk.focus(), Control::End(app) if app == "2"),
        "{:?}",
        desk.focus()
    );
    desk.key(Key::Up);
    assert_eq!(desk.focus(), &Control::End("1".to_owned()));
    desk.key(Key::Left);
    assert_eq!(desk.focus(), &Control::Show("1".to_owned()));
    desk.key(Key::Down);
    assert_eq!(desk.focus(), &Control::Show("2".to_owned()));
}

#[test]
fn a_press_that_leaves_its_button_chooses_nothing() {
    let mut desk = Desk::new(refusing(1));
    let at = desk.place(&Control::No);
    desk.input(Input::PointerPressed(at));
    assert_eq!(desk.state.pressed(), Some(&Control::No));
    desk.input(Input::PointerMoved(Point::new(1.0, 1.0)));
    assert_eq!(desk.state.pressed(), None);
    assert_eq!(desk.input(Input::PointerReleased(Point::new(1.0, 1.0))), []);
}

#[test]
fn a_row_that_goes_under_the_pointer_gives_nobody_elses_button() {
    let mut desk = Desk::new(refusing(2));
    let at = desk.place(&Control::End("0".to_owned()));
    desk.input(Input::PointerMoved(at));
    desk.input(Input::PointerPressed(at));
    desk.give(request(vec![row("1", Holds::Refusal)]));
    assert_eq!(desk.input(Input::PointerReleased(at)), []);
    assert_eq!(desk.state.ui().pending, None);
}

#[test]
fn a_finger_presses_and_another_finger_does_not() {
    let mut desk = Desk::new(refusing(1));
    let at = desk.place(&Control::AskAgain);
    desk.input(Input::TouchDown(4, at));
    assert_eq!(desk.input(Input::TouchUp(5)), []);
    assert_eq!(desk.input(Input::TouchUp(4)), [Choice::AskAgain]);
    desk.input(Input::TouchDown(1, at));
    desk.input(Input::TouchCancelled);
    assert_eq!(desk.input(Input::TouchUp(1)), []);
}

#[test]
fn a_finger_that_moves_scrolls_and_presses_nothing() {
    let mut desk = Desk::new(refusing(40));
    let at = desk.place(&Control::End("2".to_owned()));
    desk.input(Input::TouchDown(0, at));
    desk.input(Input::TouchMoved(0, Point::new(at.x, at.y - 5.0)));
    assert_eq!(desk.state.scroll(), 0.0);
    desk.input(Input::TouchMoved(0, Point::new(at.x, at.y - 60.0)));
    assert!(desk.state.scroll() >= 55.0, "{}", desk.state.scroll());
    assert_eq!(desk.input(Input::TouchUp(0)), []);
    assert_eq!(desk.state.ui().pending, None);
}

#[test]
fn the_wheel_scrolls_as_far_as_there_is_something() {
    let mut desk = Desk::new(refusing(40));
    desk.input(Input::Scrolled(50.0));
    assert_eq!(desk.state.scroll(), 50.0);
    desk.input(Input::Scrolled(f32::MAX));
    assert_eq!(desk.state.scroll(), desk.layout.scroll_max);
    desk.input(Input::Scrolled(f32::NAN));
    desk.input(Input::Scrolled(-f32::MAX));
    assert_eq!(desk.state.scroll(), 0.0);
}

#[test]
fn the_focus_is_scrolled_into_sight() {
    let mut desk = Desk::new(refusing(40));
    desk.key(Key::BackTab);
    desk.key(Key::BackTab);
    desk.key(Key::BackTab);
    let target = desk.layout.target(desk.focus()).unwrap();
    assert_eq!(target.row, Some(39));
    assert_eq!(target.seen, target.place);
}

#[test]
fn to_show_an_application_makes_way_for_it() {
    let mut desk = Desk::new(refusing(2));
    assert_eq!(
        desk.click(&Control::Show("1".to_owned())),
        [Choice::Show("1".to_owned())]
    );
    assert_eq!(desk.state.form(), Form::Strip);
    desk.click(&Control::Details);
    assert_eq!(desk.state.form(), Form::Sheet);
    desk.click(&Control::Show("1".to_owned()));
    // When it has gone the rest is shown whole again.
    desk.give(request(vec![row("0", Holds::Refusal)]));
    assert_eq!(desk.state.form(), Form::Sheet);
}

#[test]
fn an_application_that_begins_to_ask_gets_the_room() {
    let mut desk = Desk::new(refusing(1));
    desk.click(&Control::End("0".to_owned()));
    let asks = || request(vec![row("0", Holds::Refusal), row("1", Holds::AsksUser)]);
    desk.give(asks());
    assert_eq!(desk.state.form(), Form::Strip);
    assert_eq!(desk.state.ui().pending, None);
    desk.state.attend();
    desk.lay();
    assert_eq!(desk.state.form(), Form::Sheet);
    // What has not changed does not take the room back.
    desk.give(asks());
    assert_eq!(desk.state.form(), Form::Sheet);
}

#[test]
fn the_strip_takes_the_keyboard_only_when_it_is_pressed() {
    let mut desk = Desk::new(request(vec![row("0", Holds::AsksUser)]));
    desk.input(Input::Focused(false));
    let effects = desk.state.input(
        Input::PointerPressed(Point::new(3.0, 3.0)),
        &desk.layout,
        &Control::No,
    );
    assert_eq!(effects, [Effect::TakeKeyboard]);
}

#[test]
fn an_ordinary_window_is_dragged_by_where_nothing_is() {
    let question = Content::Question(Question {
        text: "End the session?".to_owned(),
        detail: String::new(),
    });
    let mut desk = Desk::new(question);
    let effects = desk.state.input(
        Input::PointerPressed(Point::new(2.0, 2.0)),
        &desk.layout,
        &Control::No,
    );
    assert_eq!(effects, [Effect::Move]);
    assert_eq!(desk.click(&Control::Yes), [Choice::Yes]);
}

#[test]
fn a_menu_gives_what_was_chosen() {
    let mut desk = Desk::new(Content::Menu(vec![Kind::LogOff, Kind::Restart]));
    desk.key(Key::Home);
    desk.key(Key::Down);
    assert_eq!(desk.key(Key::Enter), [Choice::Kind(Kind::Restart)]);
}

#[test]
fn enter_is_not_for_what_comes_in_the_place_of_what_has_gone() {
    // The second Enter of somebody who ends all must not cancel.
    let mut desk = Desk::new(refusing(2));
    desk.click(&Control::EndAll);
    desk.key(Key::BackTab);
    assert_eq!(desk.key(Key::Enter), [Choice::EndAll]);
    assert_eq!(desk.key(Key::Enter), []);
    // The row that has the focus goes just before.
    let mut desk = Desk::new(refusing(2));
    desk.key(Key::Home);
    desk.give(request(vec![row("1", Holds::Refusal)]));
    assert_eq!(desk.key(Key::Enter), []);
    assert_eq!(desk.key(Key::Tab), []);
    assert_eq!(desk.focus(), &Control::Show("1".to_owned()));
}

#[test]
fn a_second_click_takes_a_warning_back() {
    let mut desk = Desk::new(refusing(2));
    let at = desk.place(&Control::End("0".to_owned()));
    for _ in 0..2 {
        desk.input(Input::PointerPressed(at));
        assert_eq!(desk.input(Input::PointerReleased(at)), []);
    }
    assert_eq!(desk.state.ui().pending, None);
}

#[test]
fn who_joins_later_was_not_in_the_warning() {
    let mut desk = Desk::new(refusing(2));
    desk.click(&Control::EndAll);
    desk.give(refusing(3));
    assert_eq!(desk.state.ui().pending, None);
}

#[test]
fn from_the_details_there_is_a_way_back() {
    let mut desk = Desk::new(request(vec![row("0", Holds::AsksUser)]));
    desk.click(&Control::Details);
    assert_eq!(desk.state.form(), Form::Sheet);
    desk.click(&Control::Less);
    assert_eq!(desk.state.form(), Form::Strip);
}

#[test]
fn a_button_of_the_strip_leaves_the_keyboard_where_it_is() {
    let mut desk = Desk::new(request(vec![row("0", Holds::AsksUser)]));
    desk.input(Input::Focused(false));
    let at = desk.place(&Control::Show("0".to_owned()));
    let effects = desk
        .state
        .input(Input::PointerPressed(at), &desk.layout, &Control::No);
    assert!(!effects.contains(&Effect::TakeKeyboard), "{effects:?}");
}

#[test]
fn what_holds_nothing_up_has_nothing_to_be_answered() {
    let mut desk = Desk::new(refusing(1));
    desk.state.answer("somebody else");
    assert_eq!(desk.state.form(), Form::Sheet);
}

#[test]
fn a_warning_goes_with_what_it_warns_of() {
    let mut desk = Desk::new(refusing(2));
    desk.click(&Control::End("0".to_owned()));
    desk.give(request(vec![row("1", Holds::Refusal)]));
    assert_eq!(desk.state.ui().pending, None);
    desk.click(&Control::EndAll);
    let Content::Request(mut forced) = refusing(2) else {
        unreachable!()
    };
    (forced.forced, forced.phase) = (true, Phase::Closing);
    desk.give(Content::Request(forced));
    assert_eq!(desk.state.ui().pending, None);
}
