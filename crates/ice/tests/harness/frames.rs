//! A stream means the same however it is chopped.

use endsession_ice::{Error, server};

use super::ops::Ops;
use super::pair::Pair;

/// The first bytes say how to chop; the rest is the stream, given to a manager's connection whose
/// client is new (even) or registered (odd).
pub(crate) fn frames(data: &[u8]) {
    let mut ops = Ops(data);
    let registered = ops.bool();
    let sizes = [ops.byte(), ops.byte(), ops.byte()];
    let stream = ops.0;
    let whole = run(registered, [stream].into_iter());
    let mut rest = stream;
    let mut sizes = sizes.iter().cycle();
    let chopped = std::iter::from_fn(|| {
        let size = usize::from(*sizes.next()?).max(1);
        let (part, left) = rest.split_at(size.min(rest.len()));
        rest = left;
        (!part.is_empty()).then_some(part)
    });
    assert_eq!(whole, run(registered, chopped));
}

/// All that came of it.
type Outcome = (
    Result<(), Error>,
    Vec<server::Event>,
    Vec<u8>,
    server::State,
);

fn run<'a>(registered: bool, parts: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut server = match registered {
        true => Pair::registered().server,
        false => {
            let pair = Pair::new(Default::default(), Default::default(), None);
            pair.server
        }
    };
    let mut result = Ok(());
    for part in parts {
        result = server.handle_input(part);
        if result.is_err() {
            break;
        }
    }
    let mut events: Vec<_> = std::iter::from_fn(|| server.poll_event()).collect();
    // How many changes of properties in a row are one depends on when events are polled alone, and
    // here that is never before the end.
    events.dedup_by(|a, b| *a == server::Event::PropertiesChanged && a == b);
    (result, events, server.output().to_vec(), server.state())
}
