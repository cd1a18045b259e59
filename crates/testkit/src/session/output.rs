//! What a process writes, recorded as it comes and awaited by line.

use std::{
    fs::File,
    io::{Read, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::wait::Deadline;

/// One stream of a process, from its start. Cloning it shares it.
#[derive(Clone, Debug)]
pub struct Output(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    closed: bool,
}

impl Output {
    /// Records `source` in memory and in `log` until it ends.
    pub(crate) fn record(
        name: String,
        mut source: impl Read + Send + 'static,
        mut log: File,
    ) -> Self {
        let output = Self::new(name);
        let recorder = output.clone();
        let read = move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                let _ = log.write_all(&buffer[..count]);
                recorder.push(&buffer[..count]);
            }
            recorder.close();
        };
        std::thread::Builder::new()
            .name("testkit-output".into())
            .spawn(read)
            .expect("a thread");
        output
    }

    /// A stream that [`push`](Self::push) fills.
    pub(crate) fn new(name: String) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Shared {
            name,
            state,
            changed: Condvar::new(),
        }))
    }

    pub(crate) fn push(&self, bytes: &[u8]) {
        self.state().bytes.extend_from_slice(bytes);
        self.0.changed.notify_all();
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.0.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.state().bytes).into_owned()
    }

    /// Waits a moment for the stream's end: what a process wrote just before it ended may not have
    /// been read yet.
    pub(crate) fn settle(&self) {
        let _ = self.wait_until(Duration::from_secs(1), |_| None::<()>);
    }

    /// Where the stream is now, for [`wait_for_from`](Self::wait_for_from).
    pub fn mark(&self) -> usize {
        self.state().bytes.len()
    }

    /// Waits for a complete line that contains `pattern`, and returns it.
    ///
    /// # Panics
    /// When `limit` runs out or the stream ends without it; the message has the whole stream.
    #[track_caller]
    pub fn wait_for(&self, pattern: &str, limit: Duration) -> String {
        self.wait_for_from(0, pattern, limit)
    }

    /// As [`wait_for`](Self::wait_for), from `mark` on.
    #[track_caller]
    pub fn wait_for_from(&self, mark: usize, pattern: &str, limit: Duration) -> String {
        let found = self.wait_until(limit, |bytes| find_line(bytes.get(mark..)?, pattern));
        found.unwrap_or_else(|why| panic!("no line with {pattern:?}: {why}"))
    }

    /// Waits until `wanted` finds something in the bytes so far; else says why not, and what came.
    pub(crate) fn wait_until<T>(
        &self,
        limit: Duration,
        wanted: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Deadline::after(limit);
        let mut state = self.state();
        loop {
            if let Some(found) = wanted(&state.bytes) {
                return Ok(found);
            }
            let name = &self.0.name;
            let so_far = String::from_utf8_lossy(&state.bytes);
            if state.closed {
                return Err(format!("{name} has ended; it said:\n{so_far}"));
            }
            if deadline.passed() {
                return Err(format!("{name} within {limit:?}; it said:\n{so_far}"));
            }
            let waited = self.0.changed.wait_timeout(state, deadline.left());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The first complete line that contains `pattern`.
pub(super) fn find_line(bytes: &[u8], pattern: &str) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    lines.find(|line| line.contains(pattern)).map(str::to_owned)
}
