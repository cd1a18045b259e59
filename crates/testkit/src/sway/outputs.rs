//! Outputs of sway: more of them, and other sizes and scales. To take one away, which a headless sway
//! 1.7 cannot, is for a nested one: [`Sway::unplug`](super::Sway::unplug).

use std::time::Duration;

use serde_json::Value;

use super::{Ipc, ipc::GET_OUTPUTS};
use crate::wait::{Deadline, LIMIT};

/// One output.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name: `HEADLESS-1`.
    pub name: String,
    /// Whether it has the user's attention.
    pub focused: bool,
    /// How many pixels a logical one is, each way.
    pub scale: f64,
    /// Left and top edge in the layout, in logical pixels.
    pub position: (i32, i32),
    /// Width and height in the layout, in logical pixels.
    pub size: (i32, i32),
}

impl Ipc {
    /// The outputs, in the order in which they came.
    #[track_caller]
    pub fn outputs(&self) -> Vec<Output> {
        let reply = self.request(GET_OUTPUTS, "");
        reply.as_array().into_iter().flatten().map(output).collect()
    }

    /// The output called `name`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn output(&self, name: &str) -> Output {
        let outputs = self.outputs();
        let found = outputs.iter().find(|output| output.name == name);
        found
            .unwrap_or_else(|| panic!("there is no output {name}, only {outputs:#?}"))
            .clone()
    }

    /// Plugs in one more, to the right of the others.
    #[track_caller]
    pub fn add_output(&self) -> Output {
        let before = self.outputs();
        self.demand("create_output");
        let is_new = |output: &&Output| before.iter().all(|old| old.name != output.name);
        self.wait_for_outputs(LIMIT, |outputs| outputs.iter().find(is_new).cloned())
    }

    /// Gives output `name` a scale: 2, or 1.5.
    #[track_caller]
    pub fn set_scale(&self, name: &str, scale: f64) {
        self.demand(&format!("output {name} scale {scale}"));
        let scaled = |output: &Output| output.name == name && (output.scale - scale).abs() < 0.01;
        self.wait_for_outputs(LIMIT, |outputs| outputs.iter().any(scaled).then_some(()));
    }

    /// Gives output `name` another number of pixels.
    #[track_caller]
    pub fn set_resolution(&self, name: &str, width: u32, height: u32) {
        self.demand(&format!("output {name} resolution {width}x{height}"));
        let has = |output: &Output| {
            let pixels = |logical: i32| f64::from(logical) * output.scale.max(1.0);
            let near = |logical, wanted| (pixels(logical) - f64::from(wanted)).abs() < 2.0;
            output.name == name && near(output.size.0, width) && near(output.size.1, height)
        };
        self.wait_for_outputs(LIMIT, |outputs| outputs.iter().any(has).then_some(()));
    }

    /// Waits until `wanted` finds something among the outputs.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists them.
    #[track_caller]
    pub fn wait_for_outputs<T>(
        &self,
        limit: Duration,
        wanted: impl Fn(&[Output]) -> Option<T>,
    ) -> T {
        let deadline = Deadline::after(limit);
        loop {
            let outputs = self.outputs();
            if let Some(found) = wanted(&outputs) {
                return found;
            }
            assert!(
                !deadline.passed(),
                "within {limit:?} outputs stayed {outputs:#?}"
            );
            // sway has an event for outputs in its manual, and sends it only for some changes.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[track_caller]
    fn demand(&self, line: &str) {
        self.command(line)
            .unwrap_or_else(|error| panic!("sway: {line}: {error}"));
    }
}

fn output(reply: &Value) -> Output {
    let number = |key: &str| reply["rect"][key].as_i64().unwrap_or_default() as i32;
    Output {
        name: reply["name"].as_str().unwrap_or_default().to_owned(),
        focused: reply["focused"] == true,
        scale: reply["scale"].as_f64().unwrap_or(-1.0),
        position: (number("x"), number("y")),
        size: (number("width"), number("height")),
    }
}
