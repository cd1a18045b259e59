//! The screen saver of an X server itself (MIT-SCREEN-SAVER): whether the screen is blank, and since when
//! nobody has touched anything.

use std::time::Duration;

use x11rb::protocol::{
    screensaver::{ConnectionExt as _, Event as Events, QueryInfoReply, State},
    xproto::{Blanking, ConnectionExt as _, Exposures, ScreenSaver},
};

use super::{Display, display::Session};

impl Display {
    /// Has the screen blank when nobody has touched anything for so many seconds, and shows it now.
    #[track_caller]
    pub fn blank_after(&self, seconds: i16) {
        let session = self.open();
        let connection = &session.connection;
        let set = connection
            .set_screen_saver(seconds, 0, Blanking::PREFERRED, Exposures::ALLOWED)
            .ok()
            .and_then(|set| set.check().ok());
        let shown = connection.force_screen_saver(ScreenSaver::RESET).ok();
        let shown = shown.and_then(|shown| shown.check().ok());
        set.and(shown).expect("the screen saver is set");
    }

    /// Whether the screen is blank.
    #[track_caller]
    pub fn is_blank(&self) -> bool {
        self.saver().state == u8::from(State::ON)
    }

    /// For how long nobody has touched anything.
    #[track_caller]
    pub fn untouched(&self) -> Duration {
        Duration::from_millis(self.saver().ms_since_user_input.into())
    }

    #[track_caller]
    fn saver(&self) -> QueryInfoReply {
        saver(&self.open())
    }

    /// Waits until the screen is blank.
    ///
    /// # Panics
    /// When `limit` runs out.
    #[track_caller]
    pub fn wait_until_blank(&self, limit: Duration) {
        let session = self.open();
        let root = session.root;
        let connection = &session.connection;
        connection
            .screensaver_query_version(1, 1)
            .ok()
            .and_then(|version| version.reply().ok())
            .expect("a screen saver");
        connection
            .screensaver_select_input(root, Events::NOTIFY_MASK)
            .expect("the screen saver's events");
        let is_blank = || (saver(&session).state == u8::from(State::ON)).then_some(());
        let found = session.wait_until(limit, is_blank);
        found.unwrap_or_else(|| panic!("within {limit:?} the screen was never blank"));
    }
}

#[track_caller]
fn saver(session: &Session) -> QueryInfoReply {
    let info = session.connection.screensaver_query_info(session.root);
    let info = info.ok().and_then(|info| info.reply().ok());
    info.expect("the state of the screen saver")
}
