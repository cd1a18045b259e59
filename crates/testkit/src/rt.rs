//! The one tokio runtime on which the testkit's own D-Bus connections live, on a thread of its own.
//! The testkit's interface is blocking: a test needs no runtime.

use std::{
    future::Future,
    sync::{OnceLock, mpsc},
    time::Duration,
};

use tokio::runtime::{Builder, Handle};

/// The runtime's handle. The thread lives as long as the process.
pub(crate) fn handle() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a tokio runtime");
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("testkit-bus".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .expect("a thread");
        handle
    })
}

/// Runs `future` on the runtime and waits for it.
///
/// # Panics
/// When it is not done within `limit`, or panicked itself.
#[track_caller]
pub(crate) fn block_on<T: Send + 'static>(
    what: &str,
    limit: Duration,
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    let (done, result) = mpsc::sync_channel(1);
    let task = handle().spawn(async move {
        let _ = done.send(future.await);
    });
    match result.recv_timeout(limit) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            task.abort();
            panic!("{what}: not done within {limit:?}")
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{what}: panicked"),
    }
}
