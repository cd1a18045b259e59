//! What the user set for all applications: light or dark, and the icon theme. From the desktop
//! portal where it runs, else from GTK's settings file. And whether assistive technology runs.
//!
//! Reduced motion needs no setting here: nothing in the dialog moves.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::message::Flags;
use zbus::{Connection, Message, MessageStream, Variant, connection};

use crate::theme::Scheme;

const DBUS: &str = "org.freedesktop.DBus";
const DBUS_OBJECT: &str = "/org/freedesktop/DBus";
const ACCESSIBILITY: &str = "org.a11y.Bus";
const PORTAL: &str = "org.freedesktop.portal.Desktop";
const OBJECT: &str = "/org/freedesktop/portal/desktop";
const SETTINGS: &str = "org.freedesktop.portal.Settings";
const APPEARANCE: &str = "org.freedesktop.appearance";
const GNOME: &str = "org.gnome.desktop.interface";

/// A portal that does not answer within this does not hold the first frame up; its answer changes
/// the colours when it comes.
const LIMIT: Duration = Duration::from_millis(40);

/// The theme that everybody has where nothing is set.
const ICONS: &str = "Adwaita";

/// What is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Light or dark.
    pub scheme: Scheme,
    /// The icon theme's name.
    pub icons: String,
}

impl Settings {
    /// What files and the environment say: `ENDSESSION_COLOR_SCHEME` (light or dark), and
    /// `gtk-4.0/settings.ini` or `gtk-3.0/settings.ini` of the user.
    #[must_use]
    pub fn of_files() -> Self {
        let base = std::env::var_os("XDG_CONFIG_HOME")
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
        let texts: Vec<String> = ["gtk-4.0", "gtk-3.0"]
            .iter()
            .filter_map(|dir| {
                let file = base.as_ref()?.join(dir).join("settings.ini");
                std::fs::read_to_string(file).ok()
            })
            .collect();
        let mut settings = Self::of_gtk(&texts);
        if let Some(scheme) = forced() {
            settings.scheme = scheme;
        }
        settings
    }

    fn of_gtk(texts: &[String]) -> Self {
        let value = |key: &str| {
            texts.iter().flat_map(|t| t.lines()).find_map(|line| {
                let (name, value) = line.split_once('=')?;
                (name.trim() == key && !value.trim().is_empty()).then(|| value.trim().to_owned())
            })
        };
        let dark = value("gtk-application-prefer-dark-theme");
        Self {
            scheme: match dark.as_deref() {
                Some("1" | "true") => Scheme::Dark,
                _ => Scheme::Light,
            },
            icons: value("gtk-icon-theme-name").unwrap_or_else(|| ICONS.to_owned()),
        }
    }
}

/// The scheme that the environment insists on.
fn forced() -> Option<Scheme> {
    match std::env::var("ENDSESSION_COLOR_SCHEME").ok()?.as_str() {
        "light" => Some(Scheme::Light),
        "dark" => Some(Scheme::Dark),
        _ => None,
    }
}

/// What the session bus tells, followed: the portal's settings, and whether assistive technology
/// can be reached.
#[derive(Debug)]
pub struct Watch {
    settings: Settings,
    /// Light or dark where the portal has no preference.
    of_files: Scheme,
    accessibility: bool,
    bus: Option<Bus>,
}

/// A connection, and the questions on it that are not answered yet.
#[derive(Debug)]
struct Bus {
    connection: Connection,
    messages: MessageStream,
    asked: Vec<(NonZeroU32, Question)>,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Whether a name has an owner.
    Owner(&'static str),
    /// The value of a setting.
    Setting(&'static str, &'static str),
}

impl Watch {
    /// What is set, asked on the bus at `bus`. Nobody is started for this: neither a portal nor the
    /// accessibility bus, whose programs would join the session just when it is to end.
    pub async fn start(bus: Option<&str>) -> Self {
        let settings = Settings::of_files();
        let mut watch = Self {
            of_files: settings.scheme,
            settings,
            accessibility: false,
            bus: None,
        };
        let Some(address) = bus else { return watch };
        let answered = async {
            watch.bus = Bus::connect(address).await;
            while watch.bus.as_ref().is_some_and(|bus| !bus.asked.is_empty()) {
                watch.next().await;
            }
        };
        // What is answered later is a change.
        let _late = tokio::time::timeout(LIMIT, answered).await;
        watch
    }

    /// What is set now.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the accessibility bus runs: whoever reads screens has started it.
    #[must_use]
    pub fn accessibility(&self) -> bool {
        self.accessibility
    }

    /// Waits until something is otherwise. Cancel-safe.
    pub async fn changed(&mut self) {
        loop {
            let before = (self.settings.clone(), self.accessibility);
            self.next().await;
            if before != (self.settings.clone(), self.accessibility) {
                return;
            }
        }
    }

    /// Takes in one message.
    async fn next(&mut self) {
        let Some(bus) = &mut self.bus else {
            return std::future::pending().await;
        };
        match bus.messages.next().await {
            Some(Ok(message)) => self.take_in(&message).await,
            Some(Err(_)) => {}
            None => self.bus = None,
        }
    }

    async fn take_in(&mut self, message: &Message) {
        let Some(bus) = &mut self.bus else { return };
        let header = message.header();
        let body = message.body();
        if let Some(serial) = header.reply_serial() {
            let Some(at) = bus.asked.iter().position(|(s, _)| *s == serial) else {
                return;
            };
            match bus.asked.swap_remove(at).1 {
                Question::Owner(name) if body.deserialize::<bool>().unwrap_or(false) => {
                    self.has_owner(name).await;
                }
                Question::Setting(namespace, key) => {
                    if let Ok(value) = body.deserialize::<Variant<'_>>() {
                        self.set(namespace, key, &value);
                    }
                }
                Question::Owner(_) => {}
            }
            return;
        }
        match header.member().map(|m| m.as_str()) {
            Some("NameOwnerChanged") => {
                let Ok((name, _, new)) = body.deserialize::<(&str, &str, &str)>() else {
                    return;
                };
                for known in [PORTAL, ACCESSIBILITY] {
                    if name == known && !new.is_empty() {
                        self.has_owner(known).await;
                    }
                }
            }
            Some("SettingChanged") => {
                if let Ok((namespace, key, value)) = body.deserialize::<(&str, &str, Variant<'_>)>()
                {
                    self.set(namespace, key, &value);
                }
            }
            _ => {}
        }
    }

    async fn has_owner(&mut self, name: &str) {
        if name == ACCESSIBILITY {
            self.accessibility = true;
            return;
        }
        if let Some(bus) = &mut self.bus {
            for (namespace, key) in [(APPEARANCE, "color-scheme"), (GNOME, "icon-theme")] {
                let about = Question::Setting(namespace, key);
                bus.ask((PORTAL, OBJECT, SETTINGS, "Read"), &(namespace, key), about)
                    .await;
            }
        }
    }

    /// Takes in one setting; whether that changed anything.
    fn set(&mut self, namespace: &str, key: &str, value: &Variant<'_>) -> bool {
        let before = self.settings.clone();
        // `Read` wraps the value once more than `SettingChanged` does.
        let value = match value {
            Variant::Variant(inner) => inner,
            value => value,
        };
        match (namespace, key, value) {
            (APPEARANCE, "color-scheme", Variant::U32(scheme)) => {
                // 0 no preference, 1 dark, 2 light.
                let scheme = match scheme {
                    1 => Scheme::Dark,
                    2 => Scheme::Light,
                    // What the files say.
                    _ => self.of_files,
                };
                if forced().is_none() {
                    self.settings.scheme = scheme;
                }
            }
            (GNOME, "icon-theme", Variant::Str(name)) if !name.is_empty() => {
                self.settings.icons = name.to_string();
            }
            _ => {}
        }
        self.settings != before
    }
}

impl Bus {
    async fn connect(address: &str) -> Option<Self> {
        let connection = connection::Builder::address(address).build().await.ok()?;
        let mut bus = Self {
            messages: MessageStream::from(&connection),
            connection,
            asked: Vec::new(),
        };
        for name in [PORTAL, ACCESSIBILITY] {
            bus.listen(&format!(
                "type='signal',sender='{DBUS}',member='NameOwnerChanged',arg0='{name}'"
            ))
            .await;
            let about = Question::Owner(name);
            bus.ask((DBUS, DBUS_OBJECT, DBUS, "NameHasOwner"), &name, about)
                .await;
        }
        bus.listen(&format!(
            "type='signal',sender='{PORTAL}',interface='{SETTINGS}',member='SettingChanged'"
        ))
        .await;
        Some(bus)
    }

    async fn listen(&mut self, rule: &str) {
        let call = call((DBUS, DBUS_OBJECT, DBUS, "AddMatch"), &rule);
        self.send(call).await;
    }

    async fn ask<B>(&mut self, whom: Whom, body: &B, about: Question)
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        if let Some(serial) = self.send(call(whom, body)).await {
            self.asked.push((serial, about));
        }
    }

    async fn send(&mut self, call: Option<Message>) -> Option<NonZeroU32> {
        let call = call?;
        // A bus that is gone says so in the stream.
        self.connection.send(&call).await.ok()?;
        Some(call.primary_header().serial_num())
    }
}

/// Bus name, object, interface and method.
type Whom = (&'static str, &'static str, &'static str, &'static str);

/// A call that starts nobody.
fn call<B>((name, object, interface, method): Whom, body: &B) -> Option<Message>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    Message::method_call(object, method)
        .destination(name)
        .interface(interface)
        .with_flags(Flags::NO_AUTO_START)
        .build(body)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gtk_settings_tell_the_scheme_and_the_icons() {
        let text =
            "[Settings]\ngtk-application-prefer-dark-theme = 1\ngtk-icon-theme-name=Papirus\n";
        let settings = Settings::of_gtk(&[text.to_owned()]);
        assert_eq!(settings.scheme, Scheme::Dark);
        assert_eq!(settings.icons, "Papirus");
    }

    #[test]
    fn silence_is_light_and_adwaita() {
        let settings = Settings::of_gtk(&["[Settings]\ngtk-icon-theme-name=\n".to_owned()]);
        assert_eq!(settings.scheme, Scheme::Light);
        assert_eq!(settings.icons, ICONS);
    }

    #[test]
    fn the_portals_word_counts_and_without_one_that_of_the_files() {
        let mut watch = Watch {
            settings: Settings::of_gtk(&[]),
            of_files: Scheme::Light,
            accessibility: false,
            bus: None,
        };
        let set =
            |watch: &mut Watch, n: u32| watch.set(APPEARANCE, "color-scheme", &Variant::U32(n));
        assert!(set(&mut watch, 1));
        assert_eq!(watch.settings().scheme, Scheme::Dark);
        assert!(set(&mut watch, 0));
        assert_eq!(watch.settings().scheme, Scheme::Light);
        assert!(!set(&mut watch, 77) && !set(&mut watch, 2));
        assert!(watch.set(GNOME, "icon-theme", &Variant::Str("Papirus".into())));
        assert!(!watch.set("org.other", "icon-theme", &Variant::Str("X".into())));
    }
}
