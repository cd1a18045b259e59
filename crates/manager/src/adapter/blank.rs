//! Keeping an X display from blanking, and what else its own screen saver can be told and asked: the
//! extension MIT-SCREEN-SAVER 1.1 (saver.xml of the X.Org documentation).
//!
//! May touch an X server's socket. A suspension is the connection's: it ends with it, so that a manager
//! that dies leaves nothing behind, and while it lasts nobody is woken for it.

use std::borrow::Cow;
use std::future::Future;
use std::io;

use x11rb_protocol::protocol::screensaver::{
    QueryInfoReply, QueryInfoRequest, QueryVersionReply, QueryVersionRequest, SuspendRequest,
    X11_EXTENSION_NAME,
};
use x11rb_protocol::protocol::xproto::{
    ForceScreenSaverRequest, QueryExtensionReply, QueryExtensionRequest, ScreenSaver,
};
use x11rb_protocol::x11_utils::{ReplyRequest, TryParse};

use super::link::CONNECT_LIMIT;
use super::x11::{Packet, X11Wire};

/// A connection whose server has the extension.
#[derive(Debug)]
struct Saver {
    wire: X11Wire<()>,
    opcode: u8,
}

impl Saver {
    async fn connect(display: &str) -> Result<Self, String> {
        let wire = X11Wire::connect(display).await;
        let mut wire = wire.map_err(|error| error.to_string())?;
        let name = Cow::Borrowed(X11_EXTENSION_NAME.as_bytes());
        wire.ask(QueryExtensionRequest { name }, ());
        let found: QueryExtensionReply = answer(&mut wire).await?;
        if !found.present {
            return Err(format!("it has no {X11_EXTENSION_NAME}"));
        }
        let mut saver = Self {
            wire,
            opcode: found.major_opcode,
        };
        let ours = QueryVersionRequest {
            client_major_version: 1,
            client_minor_version: 1,
        };
        let version: QueryVersionReply = saver.ask(ours).await?;
        let version = (version.server_major_version, version.server_minor_version);
        match version >= (1, 1) {
            true => Ok(saver),
            false => Err(format!("its {X11_EXTENSION_NAME} is older than 1.1")),
        }
    }

    async fn ask<R: ReplyRequest>(&mut self, request: R) -> Result<R::Reply, String> {
        self.wire.ask_extension(request, self.opcode, ());
        answer(&mut self.wire).await
    }

    async fn idle(&mut self) -> Result<u32, String> {
        let drawable = self.wire.root();
        let info: QueryInfoReply = self.ask(QueryInfoRequest { drawable }).await?;
        Ok(info.ms_since_user_input / 1000)
    }
}

async fn answer<R: TryParse>(wire: &mut X11Wire<()>) -> Result<R, String> {
    loop {
        match wire.packet().map_err(|error| error.to_string())? {
            Some(Packet::Reply((), bytes)) => {
                let reply = R::try_parse(&bytes).map(|(reply, _)| reply);
                return reply.map_err(|error| error.to_string());
            }
            Some(Packet::Refused(())) => return Err("it refuses the question".to_owned()),
            Some(Packet::Event(..)) => {}
            None => wire.arrival().await.map_err(|error| error.to_string())?,
        }
    }
}

/// Does one thing within [`CONNECT_LIMIT`].
async fn limited<T>(
    display: &str,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let limited = tokio::time::timeout(CONNECT_LIMIT, work).await;
    let result = limited.unwrap_or_else(|_| Err(format!("no answer within {CONNECT_LIMIT:?}")));
    result.map_err(|why| format!("the X display {display}: {why}"))
}

/// What an X display's screen saver can be told or asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// For how long the user has touched nothing.
    IdleTime,
    /// To blank now.
    Activate,
    /// To behave as if the user had touched something.
    Reset,
}

/// Does it; the seconds for which the user has touched nothing.
///
/// # Errors
/// Why it could not be done, and at which display.
pub(crate) async fn run(display: String, errand: Errand) -> Result<u32, String> {
    limited(&display, async {
        let mut saver = Saver::connect(&display).await?;
        let mode = match errand {
            Errand::IdleTime => return saver.idle().await,
            Errand::Activate => ScreenSaver::ACTIVE,
            Errand::Reset => ScreenSaver::RESET,
        };
        saver.wire.send(ForceScreenSaverRequest { mode });
        // Its answer comes when the other is done.
        saver.idle().await
    })
    .await
}

/// A display that is kept from blanking as long as this is there.
#[derive(Debug)]
pub(crate) struct Suspended(Saver);

impl Suspended {
    /// Begins with it.
    ///
    /// # Errors
    /// What is missing or broken.
    pub(crate) async fn begin(display: &str) -> Result<Self, String> {
        let mut saver = Saver::connect(display).await?;
        let suspend = SuspendRequest { suspend: 1 };
        saver.wire.send_extension(suspend, saver.opcode);
        // Its answer comes when the other is done.
        saver.idle().await?;
        Ok(Self(saver))
    }

    /// Waits for the end of the connection. Nothing else is to come.
    pub(crate) async fn lost(&mut self) -> io::Error {
        let wire = &mut self.0.wire;
        loop {
            if let Err(error) = wire.arrival().await {
                return error;
            }
            loop {
                match wire.packet() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => return error,
                }
            }
        }
    }
}
