//! The floor: what a log-off costs the bus and its library alone. A server that sends every client
//! a query, answers every answer, and sends every client the end, and keeps nothing but a count.

use futures_util::{FutureExt as _, StreamExt as _};
use zbus::{Message, MessageStream, connection};

use crate::{CLIENT, MANAGER_PATH};

/// The name that the server takes.
pub const FLOOR_NAME: &str = "org.endsession.Floor";
/// Its object.
pub const FLOOR_PATH: &str = "/org/endsession/Floor";

/// Serves until the bus has gone.
///
/// # Errors
/// What the bus says against it.
pub async fn serve(address: &str) -> zbus::Result<()> {
    let connection = connection::Builder::address(address)
        .max_queued(std::num::NonZeroUsize::MIN.saturating_add(1023))
        .build()
        .await?;
    let mut stream = MessageStream::from(&connection);
    connection.request_name(FLOOR_NAME).await?;
    let mut floor = Floor::default();
    while let Some(Ok(message)) = stream.next().await {
        let mut out = Vec::new();
        floor.take_in(&message, &mut out)?;
        // As the manager does: what has come meanwhile is answered in one write.
        while let Some(Some(Ok(message))) = stream.next().now_or_never() {
            floor.take_in(&message, &mut out)?;
        }
        connection.send_all(&out).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Floor {
    clients: Vec<String>,
    /// Answers still to come before the next round.
    awaited: usize,
    /// The round under way is the query; the end follows.
    asking: bool,
}

impl Floor {
    fn take_in(&mut self, message: &Message, out: &mut Vec<Message>) -> zbus::Result<()> {
        let header = message.header();
        let Some(member) = header.member().map(|m| m.as_str().to_owned()) else {
            return Ok(());
        };
        match member.as_str() {
            "Prepare" => self.clients = message.body().deserialize()?,
            "Run" => {
                self.asking = true;
                self.round("QueryEndSession", out)?;
            }
            "EndSessionResponse" => self.awaited = self.awaited.saturating_sub(1),
            _ => return Ok(()),
        }
        out.push(Message::method_return(&header).build(&())?);
        if self.awaited == 0 && std::mem::take(&mut self.asking) {
            self.round("EndSession", out)?;
        }
        Ok(())
    }

    fn round(&mut self, member: &str, out: &mut Vec<Message>) -> zbus::Result<()> {
        self.awaited = self.clients.len();
        for (n, client) in self.clients.iter().enumerate() {
            let path = format!("{MANAGER_PATH}/Client{n}");
            let signal = Message::signal(path, CLIENT, member)
                .destination(client.as_str())
                .build(&0_u32)?;
            out.push(signal);
        }
        Ok(())
    }
}
