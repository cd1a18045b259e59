//! A message bus inside this program itself, on a thread of its own: for the demo, which needs
//! nothing from the system, and for a log-off where no session bus runs. It has neither policy nor
//! activation.

use std::sync::mpsc;

use crate::exit::{Failure, Result};

/// A running bus. It ends with the process.
pub(crate) struct Embedded {
    address: String,
}

impl Embedded {
    pub(crate) fn start() -> Result<Self> {
        let dir = std::env::temp_dir();
        let wanted = format!("unix:tmpdir={}", dir.display());
        let (ready, address) = mpsc::sync_channel(1);
        let failed = |e: String| {
            Failure::Usage(format!(
                "a bus of our own cannot be started in {}: {e}",
                dir.display()
            ))
        };
        std::thread::Builder::new()
            .name("bus".to_owned())
            .spawn(move || zruntime::block_on(serve(wanted, ready)))
            .map_err(|e| failed(e.to_string()))?;
        match address.recv() {
            Ok(Ok(address)) => Ok(Self { address }),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(failed("its thread ended".to_owned())),
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let path = self
            .address
            .split([':', ','])
            .find_map(|part| part.strip_prefix("path="));
        if let Some(path) = path {
            let _gone = std::fs::remove_file(path);
        }
    }
}

async fn serve(wanted: String, ready: mpsc::SyncSender<std::result::Result<String, String>>) {
    let mut bus = match busd::bus::Bus::for_address(Some(&wanted)).await {
        Ok(bus) => bus,
        Err(error) => {
            let _nobody_waits = ready.send(Err(format!("{error:#}")));
            return;
        }
    };
    let _nobody_waits = ready.send(Ok(bus.address().to_string()));
    if let Err(error) = bus.run().await {
        tracing::warn!("our own bus failed: {error:#}");
    }
}
