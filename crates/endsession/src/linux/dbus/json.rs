//! JSON, as much of it as the manager's events need (`docs/json.md`): read whole or not at all. Pure.
//!
//! A reader of a hundred lines rather than a library: one peer writes what is read here, and an application would build that library for it.

use std::{iter::Peekable, str::Chars};

/// How deep values may lie in each other. The manager's lie three deep.
const MAX_DEPTH: u8 = 16;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    /// In the order in which they stand there.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// `None` for what is not JSON, or lies too deep.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut reader = Reader {
            chars: text.chars().peekable(),
        };
        let value = reader.value(MAX_DEPTH)?;
        reader.space();
        reader.chars.next().is_none().then_some(value)
    }

    /// The text of a field; empty where there is none.
    pub(super) fn text(&self, field: &str) -> &str {
        match self.field(field) {
            Some(Self::Text(text)) => text,
            _ => "",
        }
    }

    /// The number of a field.
    pub(super) fn number(&self, field: &str) -> Option<f64> {
        match self.field(field) {
            Some(Self::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The values of a list; none where there is no such list.
    pub(super) fn list(&self, field: &str) -> &[Self] {
        match self.field(field) {
            Some(Self::List(values)) => values,
            _ => &[],
        }
    }

    fn field(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else {
            return None;
        };
        let field = fields.iter().find(|(key, _)| key == name);
        field.map(|(_, value)| value)
    }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    fn space(&mut self) {
        let is_space = |c: &char| matches!(c, ' ' | '\t' | '\n' | '\r');
        while self.chars.next_if(is_space).is_some() {}
    }

    fn is(&mut self, wanted: char) -> bool {
        self.chars.next_if_eq(&wanted).is_some()
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        word.chars().all(|c| self.is(c)).then_some(value)
    }

    fn value(&mut self, depth: u8) -> Option<Json> {
        let depth = depth.checked_sub(1)?;
        self.space();
        match self.chars.peek()? {
            'n' => self.word("null", Json::Null),
            't' => self.word("true", Json::Bool(true)),
            'f' => self.word("false", Json::Bool(false)),
            '"' => self.string().map(Json::Text),
            '[' => {
                self.chars.next();
                let mut values = Vec::new();
                self.space();
                if self.is(']') {
                    return Some(Json::List(values));
                }
                loop {
                    values.push(self.value(depth)?);
                    self.space();
                    match self.chars.next()? {
                        ',' => {}
                        ']' => return Some(Json::List(values)),
                        _ => return None,
                    }
                }
            }
            '{' => {
                self.chars.next();
                let mut fields = Vec::new();
                self.space();
                if self.is('}') {
                    return Some(Json::Object(fields));
                }
                loop {
                    self.space();
                    let name = self.string()?;
                    self.space();
                    if !self.is(':') {
                        return None;
                    }
                    fields.push((name, self.value(depth)?));
                    self.space();
                    match self.chars.next()? {
                        ',' => {}
                        '}' => return Some(Json::Object(fields)),
                        _ => return None,
                    }
                }
            }
            _ => self.digits(),
        }
    }

    fn digits(&mut self) -> Option<Json> {
        let is_part = |c: &char| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
        let mut digits = String::new();
        while let Some(digit) = self.chars.next_if(is_part) {
            digits.push(digit);
        }
        digits.parse().ok().map(Json::Number)
    }

    fn string(&mut self) -> Option<String> {
        if !self.is('"') {
            return None;
        }
        let mut text = String::new();
        loop {
            match self.chars.next()? {
                '"' => return Some(text),
                '\\' => match self.chars.next()? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'b' => text.push('\u{8}'),
                    'f' => text.push('\u{c}'),
                    'u' => text.push(self.unicode()?),
                    other @ ('"' | '\\' | '/') => text.push(other),
                    _ => return None,
                },
                other => text.push(other),
            }
        }
    }

    /// After `\u`: one character, of two units where the first is half of one.
    fn unicode(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first);
        }
        if !(self.is('\\') && self.is('u')) {
            return None;
        }
        let second = self.unit()?.checked_sub(0xDC00).filter(|u| *u < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + second)
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | self.chars.next()?.to_digit(16)?;
        }
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read() {
        let text = r#" {"event":"finished","request":12,"blockers":[{"name":"a\"b\u00e9\ud83d\ude00","pid":null,"responding":true}],"gone":[]} "#;
        let event = Json::read(text).expect("it is JSON");
        assert_eq!(event.text("event"), "finished");
        assert_eq!(event.number("request"), Some(12.0));
        assert_eq!(event.list("blockers")[0].text("name"), "a\"bé😀");
        assert_eq!(event.list("blockers")[0].text("pid"), "");
        assert!(event.list("gone").is_empty() && event.list("nothing").is_empty());
    }

    #[test]
    fn what_is_not_json_is_nothing() {
        let deep = "[".repeat(100_000);
        let bad = [
            "",
            "{",
            "[1,",
            "{\"a\"}",
            "{\"a\":1,}",
            "nul",
            "\"\\u12",
            "\"\\ud800x\"",
            "\"\\ud800\\u0041\"",
            "1 2",
            "--",
            "'a'",
            &deep,
        ];
        for text in bad {
            let shown = text.get(..text.len().min(20));
            assert_eq!(Json::read(text), None, "{shown:?}");
        }
    }

    /// Every beginning of an event, and every event with one byte of it changed, is read or not; nothing worse.
    #[test]
    fn a_broken_event_harms_nobody() {
        let text = r#"{"event":"x","list":[{"a":-1.5e3,"b":"\u00e9\ud83d\ude00\\"},null,true,[]]}"#;
        for at in 0..text.len() {
            assert_eq!(Json::read(&text[..at]), None, "{at}");
            for byte in 0_u8..128 {
                let mut broken = text.as_bytes().to_vec();
                broken[at] = byte;
                let broken = String::from_utf8(broken).expect("all of it is ASCII");
                let _read = Json::read(&broken);
            }
        }
    }
}
