//! busd, a bus as a library, on a thread of its own that can be stopped.

use std::{sync::mpsc, thread::JoinHandle};

use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use crate::{
    session::Sandbox,
    wait::{LIMIT, for_entry},
};

#[derive(Debug)]
pub(super) struct Embedded {
    address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    #[track_caller]
    pub(super) fn start(sandbox: &Sandbox) -> Self {
        let wanted = format!("unix:dir={}", sandbox.runtime_dir().display());
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = mpsc::sync_channel(1);
        let run = move || zruntime::block_on(serve(wanted, ready, stopped));
        let thread = std::thread::Builder::new()
            .name("testkit-busd".into())
            .spawn(run);
        let thread = Some(thread.expect("a thread"));
        match address.recv_timeout(LIMIT) {
            Ok(Ok(address)) => {
                // To connect to a socket is to write to its file.
                sandbox.give(&for_entry(&sandbox.runtime_dir(), LIMIT, |name| {
                    name.starts_with("dbus-")
                }));
                Self {
                    address,
                    stop: Some(stop),
                    thread,
                }
            }
            Ok(Err(error)) => panic!("the embedded bus: {error}"),
            Err(_) => panic!("the embedded bus did not start within {LIMIT:?}"),
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

async fn serve(
    wanted: String,
    ready: mpsc::SyncSender<Result<String, String>>,
    stopped: oneshot::Receiver<()>,
) {
    let mut bus = match busd::bus::Bus::for_address(Some(&wanted)).await {
        Ok(bus) => bus,
        Err(error) => return drop(ready.send(Err(format!("{error:#}")))),
    };
    let _ = ready.send(Ok(bus.address().to_string()));
    let run = std::pin::pin!(bus.run());
    if let Either::Left((Err(error), _)) = select(run, stopped).await {
        eprintln!("testkit: the embedded bus failed: {error:#}");
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
