//! [`LibSmClient`]: a client on the real libSM and libICE that does what a test tells it.

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::Events;
use crate::{
    programs,
    session::{Proc, Sandbox},
    wait::LIMIT,
};

/// A property of a client, as of xsmp.xml section 11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// `Program`, `RestartCommand`, …
    pub name: String,
    /// `ARRAY8`, `LISTofARRAY8` or `CARD8`.
    pub kind: String,
    /// Its values; a CARD8 as a decimal number.
    pub values: Vec<String>,
}

impl Property {
    /// A property of any kind.
    pub fn new(name: &str, kind: &str, values: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            values: values.iter().map(|&value| value.to_owned()).collect(),
        }
    }

    fn json(&self) -> Value {
        json!({"name": self.name, "type": self.kind, "values": self.values})
    }

    fn parse(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let values = value["values"].as_array().into_iter().flatten();
        Self {
            name: text(&value["name"]),
            kind: text(&value["type"]),
            values: values.map(text).collect(),
        }
    }
}

/// The client: assets/libsm_client.py, whose head lists the orders and events. It has no connection
/// until [`open`](Self::open). Dropping it kills it.
#[derive(Debug)]
pub struct LibSmClient {
    events: Events,
    process: Proc,
}

impl LibSmClient {
    /// Starts it with the sandbox's environment.
    #[track_caller]
    pub fn start(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, &[])
    }

    /// Starts it with variables of its own besides.
    #[track_caller]
    pub fn start_with(sandbox: &Sandbox, variables: &[(&str, &str)]) -> Self {
        let script: PathBuf = sandbox.write(
            "libsm_client.py",
            include_str!("../../assets/libsm_client.py"),
        );
        let mut command = std::process::Command::new(programs::need("/usr/bin/python3"));
        command.arg(script).envs(variables.iter().copied());
        let process = sandbox.spawn_with_input(command);
        let events = Events::of(process.stdout());
        let client = Self { events, process };
        client.wait_for("ready", LIMIT);
        client
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.process
    }

    /// What happened to it.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The next event called `name`; see [`Events::wait_for`].
    #[track_caller]
    pub fn wait_for(&self, name: &str, limit: Duration) -> Value {
        self.events.wait_for(name, limit)
    }

    /// Gives an order, and does not wait for anything.
    #[track_caller]
    pub fn send(&self, order: &Value) {
        self.process.write(&format!("{order}\n"));
    }

    /// Gives an order and waits until it was carried out.
    #[track_caller]
    fn order(&self, order: &Value, done: &str) -> Value {
        self.send(order);
        self.wait_for(done, LIMIT)
    }

    /// Connects and registers, with the id of an earlier connection where it had one; the id that
    /// the manager gave it.
    ///
    /// # Panics
    /// When it is refused; [`try_open`](Self::try_open) is for that.
    #[track_caller]
    pub fn open(&self, previous: Option<&str>) -> String {
        self.try_open(previous)
            .unwrap_or_else(|why| panic!("the connection is refused: {why}"))
    }

    /// As [`open`](Self::open).
    ///
    /// # Errors
    /// What libSM says against it.
    #[track_caller]
    pub fn try_open(&self, previous: Option<&str>) -> Result<String, String> {
        self.send(&json!({"do": "open", "previous": previous}));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        loop {
            let answer = self.events.next(LIMIT);
            if answer["event"] == "opened" {
                return Ok(text(&answer["id"]));
            }
            if answer["event"] == "refused" {
                return Err(text(&answer["why"]));
            }
        }
    }

    /// Answers the SaveYourself that a newly registered client gets.
    #[track_caller]
    pub fn settle(&self) {
        self.wait_for("save-yourself", LIMIT);
        self.done(true);
    }

    /// SetProperties.
    #[track_caller]
    pub fn set(&self, properties: &[Property]) {
        let list: Vec<_> = properties.iter().map(Property::json).collect();
        self.order(&json!({"do": "set", "properties": list}), "did");
    }

    /// DeleteProperties.
    #[track_caller]
    pub fn delete(&self, names: &[&str]) {
        self.order(&json!({"do": "delete", "names": names}), "did");
    }

    /// GetProperties, and its reply.
    #[track_caller]
    pub fn properties(&self) -> Vec<Property> {
        let reply = self.order(&json!({"do": "get"}), "properties");
        let list = reply["properties"].as_array().into_iter().flatten();
        list.map(Property::parse).collect()
    }

    /// SaveYourselfRequest for a log-off of everybody, as a log-out button sends it.
    #[track_caller]
    pub fn request_log_off(&self) {
        self.order(
            &json!({"do": "request", "save": "global", "shutdown": true, "interact": "any",
                "fast": false, "global": true}),
            "did",
        );
    }

    /// InteractRequest, of a dialog about an error or a normal one; the event `interact` follows when
    /// it may.
    #[track_caller]
    pub fn interact(&self, error: bool) {
        let dialog = if error { "error" } else { "normal" };
        self.send(&json!({"do": "interact", "dialog": dialog}));
    }

    /// InteractDone.
    #[track_caller]
    pub fn interact_done(&self, cancel: bool) {
        self.order(&json!({"do": "interact-done", "cancel": cancel}), "did");
    }

    /// SaveYourselfPhase2Request; the event `phase2` follows when all others are done.
    #[track_caller]
    pub fn request_phase2(&self) {
        self.send(&json!({"do": "phase2"}));
    }

    /// SaveYourselfDone.
    #[track_caller]
    pub fn done(&self, success: bool) {
        self.order(&json!({"do": "done", "success": success}), "did");
    }

    /// IcePing, and its reply.
    #[track_caller]
    pub fn ping(&self) {
        self.order(&json!({"do": "ping"}), "pong");
    }

    /// ConnectionClosed, with reasons.
    #[track_caller]
    pub fn close(&self, reasons: &[&str]) {
        self.order(&json!({"do": "close", "reasons": reasons}), "closed");
    }

    /// Reads nothing any more, as one that hangs, until [`listen`](Self::listen).
    #[track_caller]
    pub fn go_silent(&self) {
        self.order(&json!({"do": "silent"}), "did");
    }

    /// Reads again.
    #[track_caller]
    pub fn listen(&self) {
        self.order(&json!({"do": "listen"}), "did");
    }

    /// Ends at once with its connection open, as one that crashes.
    #[track_caller]
    pub fn exit(&self) {
        self.send(&json!({"do": "exit", "code": 1}));
        self.process.wait_exit(LIMIT);
    }
}
