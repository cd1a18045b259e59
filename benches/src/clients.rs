//! Clients of the session manager, all in this process and on one thread, each with a connection
//! of its own as applications have. They agree to every query and answer at once.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use zbus::{Connection, Message, MessageStream, OwnedObjectPath, connection};

use crate::{CLIENT, FLOOR_NAME, FLOOR_PATH, MANAGER_PATH};

const MANAGER: &str = "org.gnome.SessionManager";

/// Connections made at a time: dbus-daemon lets no more than 30 wait to be accepted.
const AT_ONCE: usize = 16;

/// Clients on one bus. Dropping them leaves it.
#[derive(Debug)]
pub struct Clients {
    each: Vec<Connection>,
    /// One message for each EndSession that one of them has received.
    ended: mpsc::UnboundedReceiver<()>,
    driver: Connection,
}

impl Clients {
    /// Connects `count` clients and the caller that will end their session.
    ///
    /// # Errors
    /// What the bus says against it.
    pub async fn connect(address: &str, count: usize) -> zbus::Result<Self> {
        let (sender, ended) = mpsc::unbounded_channel();
        let connect = |_| async {
            let connection = connection::Builder::address(address).build().await?;
            let stream = MessageStream::from(&connection);
            tokio::spawn(behave(connection.clone(), stream, sender.clone()));
            zbus::Result::Ok(connection)
        };
        let each = stream::iter(0..count)
            .map(connect)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let driver = connection::Builder::address(address).build().await?;
        Ok(Self {
            each,
            ended,
            driver,
        })
    }

    /// Registers each of them with the session manager.
    ///
    /// # Errors
    /// What the manager says against it.
    pub async fn register(&self) -> zbus::Result<()> {
        let register = |(n, client): (usize, &Connection)| {
            let (client, id) = (client.clone(), format!("bench{n}"));
            async move {
                let body = (id.as_str(), "");
                client
                    .call_method(
                        Some(MANAGER),
                        MANAGER_PATH,
                        Some(MANAGER),
                        "RegisterClient",
                        &body,
                    )
                    .await
            }
        };
        stream::iter(self.each.iter().enumerate())
            .map(register)
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// Has the session manager end the session; done when the last client has been told to end.
    ///
    /// # Errors
    /// What the manager or the bus says against it.
    pub async fn log_off(&mut self) -> zbus::Result<()> {
        self.request().await?;
        self.all_ended().await
    }

    /// Has the session manager end the session, and waits for no one.
    ///
    /// # Errors
    /// What the manager or the bus says against it.
    pub async fn request(&self) -> zbus::Result<()> {
        // 1: no confirmation.
        self.driver
            .call_method(Some(MANAGER), MANAGER_PATH, Some(MANAGER), "Logout", &1_u32)
            .await?;
        Ok(())
    }

    /// Waits until they have been told to end, and leaves.
    ///
    /// # Errors
    /// When the bus has gone first.
    pub async fn until_told(mut self) -> zbus::Result<()> {
        self.all_ended().await?;
        self.leave().await;
        Ok(())
    }

    /// Waits until `count` clients, wherever they are, have registered with the session manager.
    ///
    /// # Errors
    /// What the manager or the bus says against it.
    pub async fn wait_until_registered(&self, count: usize) -> zbus::Result<()> {
        let stream = MessageStream::for_match_rule(
            "type='signal',interface='org.gnome.SessionManager',member='ClientAdded'",
            &self.driver,
            None,
        );
        let mut added = stream.await?;
        let reply = self
            .driver
            .call_method(
                Some(MANAGER),
                MANAGER_PATH,
                Some(MANAGER),
                "GetClients",
                &(),
            )
            .await?;
        let mut known: BTreeSet<String> = BTreeSet::new();
        let paths: Vec<OwnedObjectPath> = reply.body().deserialize()?;
        known.extend(paths.iter().map(ToString::to_string));
        while known.len() < count {
            let Some(message) = added.next().await.transpose()? else {
                return Err(zbus::Error::Failure("the bus has gone".to_owned()));
            };
            let path: OwnedObjectPath = message.body().deserialize()?;
            known.insert(path.to_string());
        }
        Ok(())
    }

    /// Tells the floor's server whom it will serve.
    ///
    /// # Errors
    /// What the bus says against it.
    pub async fn prepare_floor(&self) -> zbus::Result<()> {
        let names = self.each.iter().filter_map(|c| c.unique_name());
        let names: Vec<String> = names.map(ToString::to_string).collect();
        self.floor("Prepare", &names).await
    }

    /// The same messages between the same connections, from a server that decides nothing.
    ///
    /// # Errors
    /// What the bus says against it.
    pub async fn run_floor(&mut self) -> zbus::Result<()> {
        self.floor("Run", &()).await?;
        self.all_ended().await
    }

    async fn floor<B>(&self, method: &str, body: &B) -> zbus::Result<()>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.driver
            .call_method(Some(FLOOR_NAME), FLOOR_PATH, Some(FLOOR_NAME), method, body)
            .await?;
        Ok(())
    }

    async fn all_ended(&mut self) -> zbus::Result<()> {
        for _ in 0..self.each.len() {
            self.ended
                .recv()
                .await
                .ok_or_else(|| zbus::Error::Failure("the clients have gone".to_owned()))?;
        }
        Ok(())
    }

    /// All of them leave the bus.
    pub async fn leave(self) {
        for client in self.each.into_iter().chain([self.driver]) {
            // One that is gone already has left.
            let _ = client.close().await;
        }
    }
}

/// One client's life: yes to every query and every end, told of the latter.
async fn behave(
    connection: Connection,
    mut stream: MessageStream,
    ended: mpsc::UnboundedSender<()>,
) {
    while let Some(Ok(message)) = stream.next().await {
        match member(&message).as_deref() {
            Some("QueryEndSession") => {}
            // Nobody waits for it any more once the measurement is over.
            Some("EndSession") => drop(ended.send(())),
            _ => continue,
        }
        if agree(&connection, &message).await.is_none() {
            return;
        }
    }
}

/// The name of a client's signal, if the message is one.
fn member(message: &Message) -> Option<String> {
    let header = message.header();
    (header.interface()? == CLIENT).then(|| header.member().map(ToString::to_string))?
}

async fn agree(connection: &Connection, to: &Message) -> Option<()> {
    let header = to.header();
    let answer = connection.call_method(
        header.sender().cloned(),
        header.path()?.clone(),
        Some(CLIENT),
        "EndSessionResponse",
        &(true, ""),
    );
    answer.await.ok().map(drop)
}
