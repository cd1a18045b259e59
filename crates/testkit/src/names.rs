//! [`OwnsName`]: somebody else who owns a well-known name, such as another session manager.

use zbus::{
    Connection,
    fdo::{RequestNameFlags, RequestNameReply},
};

use crate::{bus::Bus, rt, wait::LIMIT};

/// A connection that owns a name and answers no call. Dropping it gives the name back.
#[derive(Debug)]
pub struct OwnsName {
    connection: Connection,
    name: String,
}

impl OwnsName {
    /// Takes `name` on `bus`, as the sandbox's user.
    ///
    /// # Panics
    /// When somebody else owns it.
    #[track_caller]
    pub fn take(bus: &Bus, name: &str) -> Self {
        Self::take_on(bus.address(), bus.uid(), name)
    }

    /// Takes `name` on the bus at `address`, as user `uid`.
    ///
    /// # Panics
    /// When somebody else owns it.
    #[track_caller]
    pub fn take_on(address: &str, uid: u32, name: &str) -> Self {
        let (address, wanted) = (address.to_owned(), name.to_owned());
        let take = async move {
            let connection = crate::bus::connect(&address, uid).await?;
            // zbus's default would take the name from its owner, and let others take it from us.
            let flags = RequestNameFlags::DO_NOT_QUEUE;
            let reply = connection.request_name_with_flags(wanted, flags).await?;
            zbus::Result::Ok((connection, reply))
        };
        match rt::block_on("taking a name", LIMIT, take) {
            Ok((connection, RequestNameReply::PrimaryOwner)) => Self {
                connection,
                name: name.to_owned(),
            },
            Ok((_, reply)) => panic!("{name} is another's: {reply:?}"),
            Err(error) => panic!("cannot take {name}: {error}"),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection's own name on the bus.
    pub fn unique_name(&self) -> String {
        self.connection
            .unique_name()
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

impl Drop for OwnsName {
    fn drop(&mut self) {
        let connection = self.connection.clone();
        // Closed here rather than some time after: the name is free when this returns.
        rt::block_on("giving a name back", LIMIT, async move {
            connection.close().await.ok()
        });
    }
}
