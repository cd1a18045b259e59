//! The words, in the user's language. One file a language, compiled in; see `locales/en.ftl`.

use fluent_bundle::types::FluentNumber;
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// Every language, by its name and its text.
const LOCALES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/locales.rs"));

/// The language that every key has, and that stands in where another lacks one.
const FALLBACK: &str = "en";

/// The words of one language.
pub struct Messages {
    language: &'static str,
    /// The user's language, then the fallback.
    bundles: Vec<FluentBundle<FluentResource>>,
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messages")
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

/// Something that stands in a message.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A text; it is isolated from the direction of what is around it.
    Text(&'a str),
    /// A number, by which a plural is chosen.
    Number(usize),
}

/// The locale for messages that the environment asks for, as gettext reads it: `LANGUAGE` (a list)
/// unless the locale is C, then `LC_ALL`, `LC_MESSAGES`, `LANG`.
#[must_use]
pub fn locale_of(variable: impl Fn(&str) -> Option<String>) -> String {
    let set = |name| variable(name).filter(|v| !v.is_empty());
    let locale = set("LC_ALL")
        .or_else(|| set("LC_MESSAGES"))
        .or_else(|| set("LANG"))
        .unwrap_or_default();
    let is_c = matches!(locale.split('.').next(), None | Some("" | "C" | "POSIX"));
    match set("LANGUAGE") {
        Some(languages) if !is_c => languages,
        _ => locale,
    }
}

impl Messages {
    /// The language that fits `locale` best: a locale's name as in `LANG`, or a list of them as in
    /// `LANGUAGE`. English where none fits.
    #[must_use]
    pub fn new(locale: &str) -> Self {
        let wanted = locale.split(':').find_map(|one| {
            // es_MX.UTF-8@euro: language, territory, encoding, modifier.
            let name = one.split(['.', '@']).next()?.replace('_', "-");
            let language = name.split('-').next()?;
            let known = |name: &str| {
                LOCALES
                    .iter()
                    .find(|(n, _)| n.eq_ignore_ascii_case(name))
                    .map(|(n, _)| *n)
            };
            known(&name).or_else(|| known(language))
        });
        Self::of(wanted.unwrap_or(FALLBACK))
    }

    fn of(language: &'static str) -> Self {
        let names = [language, FALLBACK];
        let names = if language == FALLBACK {
            &names[..1]
        } else {
            &names[..]
        };
        Self {
            language,
            bundles: names.iter().filter_map(|name| bundle(name)).collect(),
        }
    }

    /// The language's name, as in `es`.
    #[must_use]
    pub fn language(&self) -> &'static str {
        self.language
    }

    /// The message called `key`; the key itself where no language has it.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// The message called `key`, with what stands in it.
    #[must_use]
    pub fn with(&self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(
                (*name).to_owned(),
                match value {
                    Value::Text(text) => FluentValue::String((*text).into()),
                    Value::Number(n) => FluentValue::Number(FluentNumber::from(*n)),
                },
            );
        }
        for bundle in &self.bundles {
            let Some(pattern) = bundle.get_message(key).and_then(|m| m.value()) else {
                continue;
            };
            let mut errors = Vec::new();
            let text = bundle.format_pattern(pattern, Some(&args), &mut errors);
            for error in errors {
                tracing::error!("{key} in {}: {error}", self.language);
            }
            return text.into_owned();
        }
        tracing::error!("no language has the message {key}");
        key.to_owned()
    }
}

fn bundle(language: &str) -> Option<FluentBundle<FluentResource>> {
    let (_, text) = LOCALES.iter().find(|(name, _)| *name == language)?;
    let resource = match FluentResource::try_new((*text).to_owned()) {
        Ok(resource) => resource,
        Err((resource, errors)) => {
            tracing::error!("locales/{language}.ftl: {errors:?}");
            resource
        }
    };
    let id: LanguageIdentifier = language.parse().ok()?;
    let mut bundle = FluentBundle::new(vec![id]);
    if let Err(errors) = bundle.add_resource(resource) {
        tracing::error!("locales/{language}.ftl: {errors:?}");
    }
    Some(bundle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text without the marks that isolate what stands in it.
    fn plain(text: &str) -> String {
        text.replace(['\u{2068}', '\u{2069}'], "")
    }

    fn keys(text: &str) -> Vec<&str> {
        text.lines()
            .filter(|l| l.starts_with(|c: char| c.is_ascii_lowercase()))
            .filter_map(|l| l.split_once('=').map(|(key, _)| key.trim()))
            .collect()
    }

    /// What stands in braces with a dollar sign.
    fn variables(text: &str, key: &str) -> Vec<String> {
        let start = text.find(&format!("\n{key} =")).unwrap() + key.len() + 3;
        let rest = &text[start..];
        let end = rest
            .match_indices('\n')
            .find(|(at, _)| rest[at + 1..].starts_with(|c: char| c != ' ' && c != '\n'))
            .map_or(rest.len(), |(at, _)| at);
        let mut found: Vec<String> = rest[..end]
            .split('$')
            .skip(1)
            .map(|v| v.split([' ', '}']).next().unwrap().to_owned())
            .collect();
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn every_language_has_every_key_and_its_values_and_no_other() {
        let (_, english) = LOCALES.iter().find(|(n, _)| *n == FALLBACK).unwrap();
        let wanted = keys(english);
        assert!(wanted.len() > 30, "{wanted:?}");
        for (name, text) in LOCALES {
            let there = keys(text);
            let lacks: Vec<_> = wanted.iter().filter(|k| !there.contains(k)).collect();
            let unknown: Vec<_> = there.iter().filter(|k| !wanted.contains(k)).collect();
            assert!(
                lacks.is_empty() && unknown.is_empty(),
                "{name}.ftl lacks {lacks:?}, and has {unknown:?} too many"
            );
            for key in &wanted {
                assert_eq!(
                    variables(text, key),
                    variables(english, key),
                    "{key} in {name}.ftl"
                );
            }
        }
    }

    #[test]
    fn every_language_is_without_mistakes() {
        for (name, text) in LOCALES {
            let parsed = FluentResource::try_new((*text).to_owned());
            assert!(
                parsed.is_ok(),
                "{name}.ftl: {:?}",
                parsed.err().map(|e| e.1)
            );
        }
    }

    #[test]
    fn every_key_that_the_view_uses_is_there() {
        let sources = [
            include_str!("view.rs"),
            include_str!("view/words.rs"),
            include_str!("dialog.rs"),
        ];
        let (_, english) = LOCALES.iter().find(|(n, _)| *n == FALLBACK).unwrap();
        let there = keys(english);
        let mut used = 0;
        for source in sources {
            for call in ["text(\"", "with(\"", "spoken(\""] {
                for (at, _) in source.match_indices(call) {
                    let key = source[at + call.len()..].split('"').next().unwrap();
                    assert!(there.contains(&key), "{key}");
                    used += 1;
                }
            }
        }
        assert!(used > 20, "{used}");
    }

    #[test]
    fn english_and_spanish_are_complete() {
        for name in ["en", "es"] {
            assert!(LOCALES.iter().any(|(n, _)| *n == name));
        }
    }

    #[test]
    fn the_language_is_chosen_by_locale() {
        for (locale, language) in [
            ("es_MX.UTF-8", "es"),
            ("es", "es"),
            ("en_GB.UTF-8", "en"),
            ("C.UTF-8", "en"),
            ("", "en"),
            ("xx_YY", "en"),
            ("xx:es:en", "es"),
            ("../../etc", "en"),
        ] {
            assert_eq!(Messages::new(locale).language(), language, "{locale}");
        }
    }

    #[test]
    fn the_environment_is_read_as_gettext_reads_it() {
        let locale = |set: &[(&str, &str)]| {
            locale_of(|name| {
                set.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            })
        };
        assert_eq!(locale(&[("LANG", "es_ES.UTF-8")]), "es_ES.UTF-8");
        assert_eq!(locale(&[("LANG", "es"), ("LC_MESSAGES", "en")]), "en");
        assert_eq!(locale(&[("LC_ALL", "es"), ("LC_MESSAGES", "en")]), "es");
        assert_eq!(locale(&[("LANG", "en_US"), ("LANGUAGE", "es:en")]), "es:en");
        assert_eq!(locale(&[("LANG", "C"), ("LANGUAGE", "es")]), "C");
        assert_eq!(locale(&[("LC_ALL", ""), ("LANG", "es")]), "es");
    }

    #[test]
    fn plurals_follow_the_language() {
        let held = |locale: &str, n| {
            plain(&Messages::new(locale).with("held", &[("count", Value::Number(n))]))
        };
        assert_eq!(held("en", 1), "One application holds this up.");
        assert_eq!(held("en", 2), "2 applications hold this up.");
        assert_eq!(held("es", 1), "Una aplicación lo impide.");
        assert_eq!(held("es", 3), "3 aplicaciones lo impiden.");
    }

    #[test]
    fn a_text_that_stands_in_a_message_is_isolated_from_it() {
        let text = Messages::new("en").with("warn-end-one", &[("app", Value::Text("קובץ"))]);
        assert!(text.contains("\u{2068}קובץ\u{2069}"), "{text:?}");
    }

    #[test]
    fn an_unknown_key_shows_itself() {
        assert_eq!(Messages::new("en").text("no-such-key"), "no-such-key");
    }
}
