//! What the user set for all applications: light or dark, and the icon theme. From the desktop
//! portal where it runs, else from GTK's settings file.
//!
//! Reduced motion needs no setting here: nothing in the dialog moves.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::{Connection, MessageStream, Variant, connection};

use crate::theme::Scheme;

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

/// The portal's word, followed.
#[derive(Debug)]
pub struct Watch {
    settings: Settings,
    messages: Option<MessageStream>,
    connection: Option<Connection>,
}

impl Watch {
    /// What is set, asked of the portal on the bus at `bus` if one runs there: it is not started
    /// for this.
    pub async fn start(bus: Option<&str>) -> Self {
        let mut watch = Self {
            settings: Settings::of_files(),
            messages: None,
            connection: None,
        };
        if let Some(bus) = bus {
            // A slow portal is heard later, as a change.
            let _late = tokio::time::timeout(LIMIT, watch.connect(bus)).await;
        }
        watch
    }

    /// What is set now.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    async fn connect(&mut self, bus: &str) -> Option<()> {
        let connection = connection::Builder::address(bus).build().await.ok()?;
        let asked = connection
            .call_method(
                Some("org.freedesktop.DBus"),
                "/org/freedesktop/DBus",
                Some("org.freedesktop.DBus"),
                "NameHasOwner",
                &PORTAL,
            )
            .await
            .ok()?;
        if !asked.body().deserialize::<bool>().ok()? {
            return None;
        }
        let rule = format!(
            "type='signal',sender='{PORTAL}',interface='{SETTINGS}',member='SettingChanged'"
        );
        let messages = MessageStream::from(&connection);
        connection
            .call_method(
                Some("org.freedesktop.DBus"),
                "/org/freedesktop/DBus",
                Some("org.freedesktop.DBus"),
                "AddMatch",
                &rule,
            )
            .await
            .ok()?;
        self.messages = Some(messages);
        self.connection = Some(connection.clone());
        for (namespace, key) in [(APPEARANCE, "color-scheme"), (GNOME, "icon-theme")] {
            let reply = connection
                .call_method(
                    Some(PORTAL),
                    OBJECT,
                    Some(SETTINGS),
                    "Read",
                    &(namespace, key),
                )
                .await;
            let Ok(reply) = reply else { continue };
            let body = reply.body();
            if let Ok(value) = body.deserialize::<Variant<'_>>() {
                self.set(namespace, key, &value);
            }
        }
        Some(())
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
                    1 => Some(Scheme::Dark),
                    2 => Some(Scheme::Light),
                    _ => None,
                };
                if let Some(scheme) = scheme.filter(|_| forced().is_none()) {
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

    /// Waits until something is set otherwise. Cancel-safe.
    pub async fn changed(&mut self) {
        loop {
            let Some(messages) = &mut self.messages else {
                return std::future::pending().await;
            };
            let message = match messages.next().await {
                Some(Ok(message)) => message,
                Some(Err(_)) => continue,
                None => {
                    self.messages = None;
                    continue;
                }
            };
            let header = message.header();
            if header.member().map(|m| m.as_str()) != Some("SettingChanged") {
                continue;
            }
            let body = message.body();
            let Ok((namespace, key, value)) = body.deserialize::<(&str, &str, Variant<'_>)>()
            else {
                continue;
            };
            let (namespace, key) = (namespace.to_owned(), key.to_owned());
            if self.set(&namespace, &key, &value) {
                return;
            }
        }
    }
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
    fn the_portals_word_counts_and_no_preference_changes_nothing() {
        let mut watch = Watch {
            settings: Settings::of_gtk(&[]),
            messages: None,
            connection: None,
        };
        let set =
            |watch: &mut Watch, n: u32| watch.set(APPEARANCE, "color-scheme", &Variant::U32(n));
        assert!(set(&mut watch, 1));
        assert_eq!(watch.settings().scheme, Scheme::Dark);
        assert!(!set(&mut watch, 0));
        assert!(!set(&mut watch, 77));
        assert!(set(&mut watch, 2));
        assert_eq!(watch.settings().scheme, Scheme::Light);
        assert!(watch.set(GNOME, "icon-theme", &Variant::Str("Papirus".into())));
        assert!(!watch.set("org.other", "icon-theme", &Variant::Str("X".into())));
    }
}
