//! [`Events`]: what a program says, a JSON object a line: the testkit's Python programs, and whatever
//! else writes its news so.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;

use crate::session::Output;

/// The events of a program, in the order in which they came. Cloning it shares the place reached.
#[derive(Clone, Debug)]
pub struct Events {
    output: Output,
    /// Lines that were handed out.
    taken: Arc<Mutex<usize>>,
}

impl Events {
    /// Those that are written to `output`.
    pub fn of(output: &Output) -> Self {
        Self {
            output: output.clone(),
            taken: Arc::default(),
        }
    }

    /// The next event, whatever it is.
    ///
    /// # Panics
    /// When none comes within `limit`, or the program ends without one.
    #[track_caller]
    pub fn next(&self, limit: Duration) -> Value {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |bytes: &[u8]| lines(bytes).nth(*taken);
        match self.output.wait_until(limit, line) {
            Ok(event) => {
                *taken += 1;
                event
            }
            Err(why) => panic!("no event after {}: {why}", *taken),
        }
    }

    /// The next event called `name`; those before it are passed over.
    ///
    /// # Panics
    /// When none comes within `limit`; the message has all that did.
    #[track_caller]
    pub fn wait_for(&self, name: &str, limit: Duration) -> Value {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |bytes: &[u8]| {
            let mut later = lines(bytes).enumerate().skip(*taken);
            later.find(|(_, event)| event["event"] == name)
        };
        match self.output.wait_until(limit, find) {
            Ok((index, event)) => {
                *taken = index + 1;
                event
            }
            Err(why) => panic!("no event {name:?}: {why}"),
        }
    }

    /// The first event of all that `wanted` accepts, also one that was passed over; the place reached
    /// stays.
    ///
    /// # Panics
    /// When none comes within `limit`; the message has all that did.
    #[track_caller]
    pub fn find(&self, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let find = |bytes: &[u8]| lines(bytes).find(&wanted);
        match self.output.wait_until(limit, find) {
            Ok(event) => event,
            Err(why) => panic!("no such event: {why}"),
        }
    }

    /// All events so far, also those that were passed over.
    pub fn so_far(&self) -> Vec<Value> {
        lines(self.output.text().as_bytes()).collect()
    }

    /// The names of all events so far.
    pub fn names(&self) -> Vec<String> {
        let name = |event: &Value| event["event"].as_str().unwrap_or_default().to_owned();
        self.so_far().iter().map(name).collect()
    }
}

/// The objects of the complete lines; a line that is none is somebody else's.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Value> {
    let complete = bytes.split_inclusive(|byte| *byte == b'\n');
    complete
        .filter(|line| line.ends_with(b"\n"))
        .filter_map(|line| serde_json::from_slice(line).ok())
        .filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_handed_out_once_and_in_order() {
        let output = Output::new("a program's output".into());
        let events = Events::of(&output);
        output.push(b"noise\n{\"event\":\"one\"}\n{\"event\":\"two\",\"n\":2}\n{\"event\":\"thr");
        assert_eq!(events.next(Duration::ZERO)["event"], "one");
        assert_eq!(events.wait_for("two", Duration::ZERO)["n"], 2);
        output.push(b"ee\"}\n");
        assert_eq!(events.next(Duration::ZERO)["event"], "three");
        assert_eq!(events.find(Duration::ZERO, |e| e["n"] == 2)["event"], "two");
        assert_eq!(events.names(), ["one", "two", "three"]);
    }
}
