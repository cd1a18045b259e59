//! An editor that is asked before the session ends: `editor FILE`. With unsaved text it shows its own question, Save, Discard or Cancel, and answers as its user
//! does.

#![cfg_attr(windows, windows_subsystem = "windows")]

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver},
};

use eframe::egui::{self, Id, Key, Modal, ViewportCommand};
use endsession::{AskingUser, Client, Event, Window};

const ID: &str = "org.endsession.example.Editor";

fn main() -> eframe::Result {
    let file = std::env::args_os().nth(1).map(PathBuf::from);
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_app_id(ID),
        ..Default::default()
    };
    eframe::run_native(
        "Editor",
        options,
        Box::new(|context| Ok(Box::new(Editor::new(context, file)?))),
    )
}

struct Editor {
    file: Option<PathBuf>,
    text: String,
    /// The text as the file has it.
    saved: String,
    trouble: Option<String>,
    title: String,
    events: Receiver<Event>,
    /// The question that its user is to answer.
    asking: Option<AskingUser>,
    /// For as long as it lives, this program is asked.
    _client: Client,
}

impl Editor {
    fn new(
        context: &eframe::CreationContext<'_>,
        file: Option<PathBuf>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let text = match file.as_ref().map(fs::read_to_string) {
            None => String::new(),
            Some(Ok(text)) => text,
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Some(Err(error)) => return Err(error.into()),
        };
        let mut builder = Client::builder(ID);
        if let Some(window) = Window::of(context) {
            builder = builder.window(window);
        }
        let (sender, events) = mpsc::channel();
        let egui = context.egui_ctx.clone();
        let client = builder.connect_with(move |event| {
            // An editor that was closed has nothing left to be asked about.
            let _closed = sender.send(event);
            egui.request_repaint();
        })?;
        Ok(Self {
            file,
            saved: text.clone(),
            text,
            trouble: None,
            title: String::new(),
            events,
            asking: None,
            _client: client,
        })
    }

    fn is_unsaved(&self) -> bool {
        self.text != self.saved
    }

    fn heed(&mut self, context: &egui::Context, event: Event) {
        match event {
            Event::Query(query) if self.is_unsaved() && !query.ending().is_critical() => {
                self.asking = Some(query.ask_user("A text is not saved"));
                context.send_viewport_cmd(ViewportCommand::Focus);
            }
            Event::Query(query) => query.accept(),
            // Nobody needs the answer any more: the question goes.
            Event::Cancelled => self.asking = None,
            Event::End(end) => {
                end.done();
                context.send_viewport_cmd(ViewportCommand::Close);
            }
            _ => {}
        }
    }

    /// The star tells a manager, too, that something is not saved.
    fn name_window(&mut self, context: &egui::Context) {
        let file = self.file.as_deref().and_then(Path::file_name);
        let file = file.map_or("Untitled".into(), OsStr::to_string_lossy);
        let star = if self.is_unsaved() { "*" } else { "" };
        let title = format!("{star}{file} - Editor");
        if self.title != title {
            self.title.clone_from(&title);
            context.send_viewport_cmd(ViewportCommand::Title(title));
        }
    }

    fn save(&mut self) -> bool {
        let Some(file) = &self.file else {
            self.trouble = Some("no file was named when this editor was started".to_owned());
            return false;
        };
        match fs::write(file, &self.text) {
            Ok(()) => {
                self.saved.clone_from(&self.text);
                self.trouble = None;
                true
            }
            Err(error) => {
                self.trouble = Some(format!("{}: {error}", file.display()));
                false
            }
        }
    }

    /// The question, over everything else.
    fn ask(&mut self, context: &egui::Context) {
        let Some(asking) = self.asking.take() else {
            return;
        };
        let mut chosen = None;
        let modal = Modal::new(Id::new("unsaved")).show(context, |ui| {
            ui.heading("Save the text before the session ends?");
            ui.horizontal(|ui| {
                for (choice, key) in CHOICES {
                    let button = ui.button(format!("{choice:?} ({key:?})"));
                    if button.clicked() || ui.input(|input| input.key_pressed(key)) {
                        chosen = Some(choice);
                    }
                }
            });
        });
        if modal.should_close() {
            chosen = chosen.or(Some(Choice::Cancel));
        }
        match chosen {
            Some(Choice::Save) if self.save() => asking.accept(),
            Some(Choice::Discard) => asking.accept(),
            Some(Choice::Cancel) => asking.refuse("The text is not saved"),
            // It goes on being asked, also where it could not be saved.
            _ => self.asking = Some(asking),
        }
    }
}

/// And their keys.
const CHOICES: [(Choice, Key); 3] = [
    (Choice::Save, Key::S),
    (Choice::Discard, Key::D),
    (Choice::Cancel, Key::C),
];

#[derive(Clone, Copy, Debug)]
enum Choice {
    Save,
    Discard,
    Cancel,
}

impl eframe::App for Editor {
    fn update(&mut self, context: &egui::Context, _: &mut eframe::Frame) {
        while let Ok(event) = self.events.try_recv() {
            self.heed(context, event);
        }
        egui::TopBottomPanel::top("top").show(context, |ui| {
            ui.horizontal(|ui| {
                if ui.button("Save").clicked() {
                    self.save();
                }
                ui.label(if self.is_unsaved() {
                    "unsaved"
                } else {
                    "saved"
                });
                if let Some(trouble) = &self.trouble {
                    ui.label(trouble);
                }
            });
        });
        egui::CentralPanel::default().show(context, |ui| {
            let text = egui::TextEdit::multiline(&mut self.text);
            let shown = ui.add_sized(ui.available_size(), text);
            if self.asking.is_none() {
                shown.request_focus();
            }
        });
        self.ask(context);
        self.name_window(context);
    }
}
