//! The least of a session manager, to test clients against: it registers, and says what it is told.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    sync::{Mutex, mpsc},
    time::Duration,
};

use endsession_testkit::bus::Bus;
use futures_util::StreamExt;
use tokio::runtime::{Builder, Runtime};
use zbus::{Connection, MessageStream, message::Type};

pub(crate) const LIMIT: Duration = Duration::from_secs(30);
const MANAGER: &str = "org.gnome.SessionManager";
const CLIENT: &str = "org.gnome.SessionManager.ClientPrivate";

/// What clients told it: the connection, the method, and a text of the arguments.
pub(crate) type Call = (String, String, String);

pub(crate) struct Manager {
    runtime: Runtime,
    connection: Connection,
    calls: Mutex<mpsc::Receiver<Call>>,
}

impl Manager {
    pub(crate) fn start(bus: &Bus) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let connection = bus.connect();
        let (tell, calls) = mpsc::channel();
        let serve = connection.clone();
        let stream = MessageStream::from(&connection);
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(answer(serve, stream, tell));
        });
        runtime.block_on(connection.request_name(MANAGER)).unwrap();
        Self {
            runtime,
            connection,
            calls: Mutex::new(calls),
        }
    }

    /// Sends `member` to the client with connection `name` at object `path`.
    pub(crate) fn tell(&self, name: &str, path: &str, member: &str) {
        let sent = async {
            if matches!(member, "QueryEndSession" | "EndSession") {
                self.connection
                    .emit_signal(Some(name), path, CLIENT, member, &(0_u32,))
                    .await
            } else {
                self.connection
                    .emit_signal(Some(name), path, CLIENT, member, &())
                    .await
            }
        };
        self.runtime.block_on(sent).unwrap();
    }

    /// The next call of a client.
    pub(crate) fn next_call(&self) -> Call {
        self.calls
            .lock()
            .unwrap()
            .recv_timeout(LIMIT)
            .expect("a client calls")
    }

    /// The next call of `method`; others are passed over.
    pub(crate) fn next(&self, method: &str) -> Call {
        loop {
            let call = self.next_call();
            if call.1 == method {
                return call;
            }
        }
    }

    /// Whether no client has answered a query since the last call that was looked at.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.calls
            .lock()
            .unwrap()
            .try_iter()
            .all(|call| call.1 != "EndSessionResponse")
    }
}

async fn answer(connection: Connection, mut stream: MessageStream, tell: mpsc::Sender<Call>) {
    let mut registered = 0;
    while let Some(Ok(message)) = stream.next().await {
        let header = message.header();
        if header.message_type() != Type::MethodCall {
            continue;
        }
        let member = header.member().unwrap().to_string();
        let sender = header.sender().unwrap().to_string();
        let body = message.body();
        let (text, reply) = match member.as_str() {
            "RegisterClient" => {
                registered += 1;
                let path = format!("/org/gnome/SessionManager/Client{registered}");
                let path = zbus::OwnedObjectPath::try_from(path).unwrap();
                (path.to_string(), connection.reply(&header, &path).await)
            }
            "Inhibit" => {
                let (_, _, reason, _): (String, u32, String, u32) = body.deserialize().unwrap();
                (reason, connection.reply(&header, &7_u32).await)
            }
            "EndSessionResponse" => {
                let (agrees, reason): (bool, String) = body.deserialize().unwrap();
                (
                    format!("{agrees} {reason}"),
                    connection.reply(&header, &()).await,
                )
            }
            _ => (String::new(), connection.reply(&header, &()).await),
        };
        reply.unwrap();
        if tell.send((sender, member, text)).is_err() {
            return;
        }
    }
}
