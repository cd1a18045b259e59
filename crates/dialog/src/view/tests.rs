//! What is to be seen, in English words.

use super::*;

fn words() -> Messages {
    Messages::new("en")
}

fn row(app: &str, holds: Holds, reason: &str) -> Row {
    Row {
        app: app.to_owned(),
        name: app.to_owned(),
        holds,
        reason: reason.to_owned(),
        responding: true,
        can_show: true,
        ..Row::default()
    }
}

fn request(rows: Vec<Row>) -> Request {
    Request {
        rows,
        ..Request::default()
    }
}

fn seen(request: Request, ui: &Ui) -> View {
    let mut known = |name: &str, _| App {
        name: if name == "gedit" {
            "Text Editor".to_owned()
        } else {
            String::new()
        },
        icon: format!("{name}-icon"),
    };
    view(&Content::Request(request), ui, &words(), 15_000, &mut known)
}

fn plain(text: &str) -> String {
    text.replace(['\u{2068}', '\u{2069}'], "")
}

fn labels(buttons: &[Button]) -> Vec<&str> {
    buttons.iter().map(|b| b.label.as_str()).collect()
}

#[test]
fn a_row_has_the_desktops_name_the_reason_and_the_time() {
    let view = seen(
        request(vec![row("gedit", Holds::Inhibitor, "Unsaved documents")]),
        &Ui::default(),
    );
    assert_eq!(view.form, Form::Sheet);
    assert_eq!(view.heading, "Logging off");
    assert_eq!(plain(&view.details[0]), "One application holds this up.");
    let row = &view.rows[0];
    assert_eq!(row.name, "Text Editor");
    assert_eq!(row.icons, ["gedit-icon", "gedit"]);
    assert_eq!(plain(&row.why), "Unsaved documents");
    assert_eq!(plain(&row.note), "Waiting for 10 seconds");
    assert_eq!(labels(&row.buttons), ["Show", "End…"]);
    assert_eq!(plain(row.buttons[1].accessible_name()), "End Text Editor");
    assert_eq!(
        labels(&view.buttons),
        ["End all anyway…", "Ask again", "Cancel"]
    );
    assert_eq!(view.default, Control::No);
}

#[test]
fn an_application_is_one_row_whatever_it_holds_by() {
    let rows = vec![
        row("a", Holds::Inhibitor, "Burning a disc"),
        row("b", Holds::Refusal, ""),
        Row {
            responding: false,
            since: -60_000,
            ..row("a", Holds::NotResponding, "")
        },
        row("a", Holds::Inhibitor, "Burning a disc"),
        row("a", Holds::Slow, ""),
    ];
    let view = seen(request(rows), &Ui::default());
    assert_eq!(view.rows.len(), 2);
    assert_eq!(
        plain(&view.rows[0].why),
        "Burning a disc · It does not answer."
    );
    assert_eq!(plain(&view.rows[0].note), "Waiting for 1 minute");
    let hung = Row {
        responding: false,
        ..row("a", Holds::Window, "")
    };
    let hung = seen(request(vec![hung]), &Ui::default());
    assert_eq!(
        plain(&hung.rows[0].note),
        "Not responding · Waiting for 10 seconds"
    );
    assert!(view.rows[0].hung && !view.rows[1].hung);
    assert_eq!(view.rows[1].why, "Does not agree.");
}

#[test]
fn what_outlives_the_session_is_told_and_is_no_row() {
    let told = |survivors: &[&str]| {
        let view = seen(
            Request {
                survivors: survivors.iter().map(|s| (*s).to_owned()).collect(),
                ..request(Vec::new())
            },
            &Ui::default(),
        );
        assert!(view.rows.is_empty());
        plain(view.details.last().unwrap())
    };
    assert_eq!(told(&[]), "Applications are being asked.");
    assert_eq!(
        told(&["tmux: sleep 9", "foot: make\n&"]),
        "Goes on after the end of the session: tmux: sleep 9 · foot: make &"
    );
    let many = told(&["a", "b", "c", "d", "e"]);
    assert!(many.ends_with(": a · b · c · …"), "{many}");
}

#[test]
fn nothing_known_of_an_application_still_is_a_row() {
    let view = seen(
        request(vec![Row {
            can_show: false,
            ..row("", Holds::Slow, "")
        }]),
        &Ui::default(),
    );
    assert_eq!(view.rows[0].name, "An unnamed application");
    assert_eq!(labels(&view.rows[0].buttons), ["End…"]);
}

#[test]
fn words_of_others_cannot_turn_or_break_ours() {
    let mut bad = row("a", Holds::Refusal, "no\u{202e}\n\u{7}way");
    bad.name = "x\u{2069}\ny".to_owned();
    let view = seen(request(vec![bad]), &Ui::default());
    assert_eq!(view.rows[0].name, "x y");
    assert_eq!(view.rows[0].why, "no way");
}

#[test]
fn an_applications_own_window_gets_the_room_unless_the_user_wants_all() {
    let content = |r| Content::Request(request(vec![r]));
    let window = row("a", Holds::Window, "Save changes?");
    let hung = Row {
        responding: false,
        ..window.clone()
    };
    let ui = Ui::default();
    assert_eq!(form(&content(window.clone()), &ui), Form::Strip);
    assert_eq!(
        form(&content(row("a", Holds::AsksUser, "")), &ui),
        Form::Strip
    );
    assert_eq!(form(&content(hung), &ui), Form::Sheet);
    for holds in [
        Holds::Refusal,
        Holds::Inhibitor,
        Holds::Job,
        Holds::NotResponding,
        Holds::WantsUser,
        Holds::Slow,
    ] {
        assert_eq!(
            form(&content(row("a", holds, "")), &ui),
            Form::Sheet,
            "{holds:?}"
        );
    }
    let expanded = Ui {
        expanded: true,
        ..Ui::default()
    };
    assert_eq!(form(&content(window), &expanded), Form::Sheet);
    let answering = Ui {
        answering: Some("a".to_owned()),
        ..Ui::default()
    };
    assert_eq!(
        form(&content(row("a", Holds::Refusal, "")), &answering),
        Form::Strip
    );
}

#[test]
fn the_strip_names_who_is_to_be_answered_and_how_many_more_there_are() {
    let rows = vec![
        row("burner", Holds::Inhibitor, "Burning"),
        row("gedit", Holds::Window, "Save changes?"),
        row("c", Holds::Job, "make"),
    ];
    let view = seen(request(rows), &Ui::default());
    assert_eq!(view.form, Form::Strip);
    assert_eq!(plain(&view.heading), "Text Editor waits for your answer");
    assert_eq!(plain(&view.details[1]), "and 2 more");
    assert_eq!(view.rows.len(), 1);
    assert_eq!(labels(&view.buttons), ["Show", "Details", "Cancel log-off"]);
    assert_eq!(view.default, Control::No);
}

#[test]
fn a_warning_is_taken_back_by_default() {
    let rows = || {
        vec![
            row("gedit", Holds::Refusal, "no"),
            row("b", Holds::Refusal, "no"),
        ]
    };
    let one = seen(
        request(rows()),
        &Ui {
            pending: Some(Pending::One("gedit".to_owned())),
            ..Ui::default()
        },
    );
    assert_eq!(
        plain(&one.rows[0].why),
        "End Text Editor now? What it has not saved is lost."
    );
    assert_eq!(labels(&one.rows[0].buttons), ["End it", "Back"]);
    assert!(one.rows[0].warns && !one.rows[1].warns && one.warning.is_empty());
    let all = seen(
        request(rows()),
        &Ui {
            pending: Some(Pending::All),
            ..Ui::default()
        },
    );
    assert_eq!(
        all.warning,
        "End all that hold this up, now or later? What they have not saved is lost."
    );
    assert_eq!(labels(&all.buttons), ["End all", "Back"]);
    assert_eq!(all.default, Control::Back);
    assert_eq!(all.buttons[0].emphasis, Emphasis::Danger);
}

#[test]
fn what_loses_work_is_never_the_default() {
    let uis = [
        Ui::default(),
        Ui {
            pending: Some(Pending::All),
            ..Ui::default()
        },
        Ui {
            pending: Some(Pending::One("a".to_owned())),
            ..Ui::default()
        },
        Ui {
            expanded: true,
            ..Ui::default()
        },
    ];
    for phase in [
        Phase::Confirming,
        Phase::Asking,
        Phase::Closing,
        Phase::Ending,
    ] {
        for ui in &uis {
            for forced in [false, true] {
                let mut request = request(vec![row("a", Holds::Window, "x")]);
                (request.phase, request.forced) = (phase, forced);
                let view = seen(request, ui);
                assert!(
                    matches!(view.default, Control::No | Control::Back),
                    "{phase:?} {ui:?}"
                );
                let rows = view.rows.iter().flat_map(|r| &r.buttons);
                let mut all = view.buttons.iter().chain(rows);
                assert!(all.any(|b| b.control == view.default), "{phase:?} {ui:?}");
            }
        }
    }
}

#[test]
fn progress_is_told_while_applications_go() {
    let mut closing = request(Vec::new());
    (closing.phase, closing.closed, closing.total) = (Phase::Closing, 3, 7);
    let view = seen(closing.clone(), &Ui::default());
    let progress = view.progress.unwrap();
    assert_eq!((progress.done, progress.total), (3, 7));
    assert_eq!(plain(&progress.text), "3 of 7 applications closed");
    assert_eq!(view.details[0], "Applications are closing.");
    closing.forced = true;
    assert_eq!(
        seen(closing, &Ui::default()).details[0],
        "Applications are being ended."
    );
    assert_eq!(seen(request(Vec::new()), &Ui::default()).progress, None);
}

#[test]
fn to_confirm_is_to_answer_yes_or_no() {
    let mut confirming = request(Vec::new());
    (confirming.phase, confirming.kind) = (Phase::Confirming, Kind::PowerOff);
    confirming.reason = "Maintenance at <b>noon</b>".to_owned();
    let view = seen(confirming, &Ui::default());
    assert_eq!(view.heading, "Power off the computer?");
    assert_eq!(
        plain(&view.details[1]),
        "Reason: Maintenance at <b>noon</b>"
    );
    assert_eq!(labels(&view.buttons), ["No", "Yes"]);
    assert_eq!(view.default, Control::No);
}

#[test]
fn the_menu_offers_what_there_is_and_no_more() {
    let mut known = |_: &str, _| App::default();
    let content = Content::Menu(vec![Kind::LogOff, Kind::PowerOff]);
    let view = view(&content, &Ui::default(), &words(), 0, &mut known);
    assert_eq!(labels(&view.choices), ["Log off", "Power off"]);
    assert_eq!(view.choices[1].control, Control::Kind(Kind::PowerOff));
    assert_eq!(labels(&view.buttons), ["Cancel"]);
}

#[test]
fn a_question_is_an_ordinary_window() {
    let mut known = |_: &str, _| App::default();
    let question = Question {
        text: "End the\nsession?".to_owned(),
        detail: String::new(),
    };
    let view = view(
        &Content::Question(question),
        &Ui::default(),
        &words(),
        0,
        &mut known,
    );
    assert_eq!(
        (view.form, view.heading.as_str()),
        (Form::Window, "End the session?")
    );
    assert_eq!(labels(&view.buttons), ["No", "Yes"]);
    assert!(view.details.is_empty());
}

#[test]
fn times_grow_only_where_somebody_waits() {
    let waits = |since| {
        Content::Request(request(vec![Row {
            since,
            ..row("a", Holds::Job, "")
        }]))
    };
    assert_eq!(next_change(&waits(0), 3_000), Some(7_000));
    assert_eq!(next_change(&waits(-120_000), 1_000), Some(59_000));
    // A clock that went back is no reason to be busy.
    assert_eq!(next_change(&waits(9_000), 0), Some(10_000));
    assert_eq!(next_change(&Content::Request(request(Vec::new())), 5), None);
}
