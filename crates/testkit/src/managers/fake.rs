//! Stand-ins on a bus: what they share, and [`Cosmic`], which is all of cosmic-session that can be
//! asked.

use std::{future::Future, sync::Arc};

use futures_util::StreamExt as _;
use zbus::{Connection, Message, MessageStream, message::Type};

use crate::{
    bus::{self, Bus},
    rt,
    wait::LIMIT,
};

/// How a stand-in answers calls.
pub(super) trait Answers: Send + Sync + 'static {
    /// Answers one; `false` for a method that is not known.
    fn answer(
        &self,
        connection: &Connection,
        message: &Message,
    ) -> impl Future<Output = zbus::Result<bool>> + Send;
}

/// A connection of its own that owns `name` and answers like this.
#[track_caller]
pub(super) fn serve(bus: &Bus, name: &str, answers: Arc<impl Answers>) -> Connection {
    let (address, uid, name) = (bus.address().to_owned(), bus.uid(), name.to_owned());
    rt::block_on("starting a stand-in", LIMIT, async move {
        start(&address, uid, name, answers).await
    })
    .unwrap_or_else(|error| panic!("starting a stand-in: {error}"))
}

pub(super) async fn start(
    address: &str,
    uid: u32,
    name: String,
    answers: Arc<impl Answers>,
) -> zbus::Result<Connection> {
    let connection = bus::connect(address, uid).await?;
    let stream = MessageStream::from(&connection);
    rt::handle().spawn(run(connection.clone(), stream, answers));
    connection.request_name(name).await?;
    Ok(connection)
}

async fn run(connection: Connection, mut stream: MessageStream, answers: Arc<impl Answers>) {
    while let Some(Ok(message)) = stream.next().await {
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let answered = answers.answer(&connection, &message).await;
        let error = match answered {
            Ok(true) => continue,
            Ok(false) => "org.freedesktop.DBus.Error.UnknownMethod",
            Err(_) => "org.freedesktop.DBus.Error.InvalidArgs",
        };
        // Whoever called may have gone.
        let _ = connection
            .reply_error(&message.header(), error, &"it is not taken")
            .await;
    }
}

#[track_caller]
pub(super) fn emit(
    connection: &Connection,
    path: &'static str,
    interface: &'static str,
    member: &'static str,
) {
    let connection = connection.clone();
    let emit = async move {
        connection
            .emit_signal(None::<&str>, path, interface, member, &())
            .await
    };
    rt::block_on(member, LIMIT, emit).unwrap_or_else(|error| panic!("{member}: {error}"));
}

/// Closed here rather than some time after: the name is free when this returns.
pub(super) fn close(connection: &Connection) {
    let connection = connection.clone();
    rt::block_on("ending a stand-in", LIMIT, async move {
        connection.close().await.ok()
    });
}

/// cosmic-session: `Exit` is answered, and it leaves.
#[derive(Debug)]
pub struct Cosmic {
    connection: Connection,
}

impl Cosmic {
    /// The session manager of `bus`.
    #[track_caller]
    pub fn on(bus: &Bus) -> Self {
        let connection = serve(bus, "com.system76.CosmicSession", Arc::new(Exits));
        Self { connection }
    }
}

impl Drop for Cosmic {
    fn drop(&mut self) {
        close(&self.connection);
    }
}

struct Exits;

impl Answers for Exits {
    async fn answer(&self, connection: &Connection, message: &Message) -> zbus::Result<bool> {
        let header = message.header();
        let path = header.path().map(|path| path.as_str());
        let member = header.member().map(|member| member.as_str());
        if (path, member) != (Some("/com/system76/CosmicSession"), Some("Exit")) {
            return Ok(false);
        }
        connection.reply(&header, &()).await?;
        connection.clone().close().await?;
        Ok(true)
    }
}
