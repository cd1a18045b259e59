//! Which fonts are liked best, by the names of their files: for a dialog, for each script, for
//! emoji. Taken from what distributions ship and prefer; a list here decides only the order.

use unicode_script::Script;

/// For a dialog's own text, where the user's configuration names none that is there. The order is
/// fontconfig's, then what desktops ship as their own.
pub(super) const SANS: [&str; 26] = [
    "notosans",
    "dejavusans",
    "cantarell",
    "inter",
    "ubuntu",
    "adwaitasans",
    "opensans",
    "roboto",
    "verdana",
    "arial",
    "liberationsans",
    "arimo",
    "sourcesans3",
    "sourcesanspro",
    "lato",
    "firasans",
    "ibmplexsans",
    "droidsans",
    "bitstreamvera",
    "vera",
    "nimbussans",
    "helvetica",
    "freesans",
    "tahoma",
    "luxisans",
    "carlito",
];

/// Colour emoji that the rasteriser can draw.
pub(super) const EMOJI: [&str; 6] = [
    "notocoloremoji",
    "twemoji",
    "twittercoloremoji",
    "joypixels",
    "openmoji",
    "blobmoji",
];

/// For what has no script of its own, and after all that a script has.
pub(super) const GENERAL: [&str; 9] = [
    "notosans",
    "dejavusans",
    "notosanssymbols",
    "notosanssymbols2",
    "notosansmath",
    "freesans",
    "symbola",
    "opensymbol",
    "quivira",
];

/// Files that claim every character and show nothing for it.
pub(super) const NEVER: [&str; 4] = ["lastresort", "lastresorthe", "adobeblank", "adobenotdef"];

/// Whether a family is to be taken last of all that have a character: bitmap-like, of equal
/// widths, or made for print.
pub(super) fn poor(stem: &str) -> bool {
    [
        "unifont", "mono", "serif", "naskh", "nastaliq", "rashi", "looped",
    ]
    .iter()
    .any(|word| stem.contains(word))
}

/// Which shapes Han characters take: the same character is written differently in each place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Han {
    /// The mainland's.
    #[default]
    Simplified,
    /// Taiwan's.
    Traditional,
    /// Hong Kong's.
    HongKong,
    /// Japan's.
    Japanese,
    /// Korea's.
    Korean,
}

impl Han {
    /// By a locale as in `LANG`.
    pub(super) fn of_locale(locale: &str) -> Self {
        let locale = locale.to_ascii_lowercase().replace('-', "_");
        match locale.get(..2) {
            Some("ja") => Self::Japanese,
            Some("ko") => Self::Korean,
            Some("zh") if locale.contains("hk") || locale.contains("mo") => Self::HongKong,
            Some("zh") if locale.contains("tw") || locale.contains("hant") => Self::Traditional,
            _ => Self::Simplified,
        }
    }

    /// By what a text itself shows: kana are Japanese, hangul is Korean, bopomofo Taiwan's.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        use unicode_script::UnicodeScript as _;
        text.chars()
            .filter(|c| !c.is_ascii())
            .find_map(|c| match c.script() {
                Script::Hiragana | Script::Katakana => Some(Self::Japanese),
                Script::Hangul => Some(Self::Korean),
                Script::Bopomofo => Some(Self::Traditional),
                _ => None,
            })
    }

    /// How the faces of a collection with all shapes end their family's name.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Simplified => " SC",
            Self::Traditional => " TC",
            Self::HongKong => " HK",
            Self::Japanese => " JP",
            Self::Korean => " KR",
        }
    }

    const fn fonts(self) -> &'static [&'static str] {
        match self {
            Self::Simplified => &[
                "notosanssc",
                "notosanscjksc",
                "sourcehansanssc",
                "sourcehansanscn",
            ],
            Self::Traditional => &[
                "notosanstc",
                "notosanscjktc",
                "sourcehansanstc",
                "sourcehansanstw",
            ],
            Self::HongKong => &["notosanshk", "notosanscjkhk", "notosanstc", "notosanscjktc"],
            Self::Japanese => &[
                "notosansjp",
                "notosanscjkjp",
                "sourcehansansjp",
                "sourcehansans",
                "ipagothic",
                "ipag",
                "ipaexg",
                "takaogothic",
                "vlgothic",
            ],
            Self::Korean => &[
                "notosanskr",
                "notosanscjkkr",
                "sourcehansanskr",
                "nanumgothic",
                "undotum",
            ],
        }
    }
}

/// Collections and fonts with Han characters of more than one place.
const CJK: [&str; 6] = [
    "notosanscjk",
    "sourcehansans",
    "wqymicrohei",
    "wqyzenhei",
    "droidsansfallbackfull",
    "droidsansfallback",
];

/// The families for a script, the best first.
pub(super) fn of_script(script: Script, han: Han) -> Vec<String> {
    let own = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
    match script {
        Script::Common | Script::Inherited | Script::Unknown | Script::Latin => Vec::new(),
        Script::Han | Script::Hiragana | Script::Katakana | Script::Bopomofo | Script::Hangul => {
            let han = if script == Script::Hangul {
                Han::Korean
            } else {
                han
            };
            let mut list: Vec<String> = own(&CJK[..1]);
            list.extend(own(han.fonts()));
            list.extend(own(&CJK[1..]));
            for other in [
                Han::Simplified,
                Han::Japanese,
                Han::Traditional,
                Han::Korean,
            ] {
                list.extend(own(other.fonts()));
            }
            list
        }
        _ => {
            let name = super::files::normal(script.full_name());
            let mut list = vec![
                // Of these two the first has the metrics of a dialog's lines.
                format!("notosans{name}ui"),
                format!("notosans{name}"),
                format!("lohit{name}"),
            ];
            list.extend(own(match script {
                Script::Arabic => &[
                    "vazirmatn",
                    "dejavusans",
                    "notonaskharabicui",
                    "notonaskharabic",
                ],
                Script::Thai => &["laksaman", "garuda", "loma"],
                Script::Devanagari => &["gargi", "nakula"],
                Script::Tibetan => &["notoseriftibetan", "jomolhari"],
                Script::Hebrew => &["dejavusans"],
                Script::Nko => &["notosansnko"],
                _ => &[],
            }));
            list.push(format!("notoserif{name}"));
            list
        }
    }
}

/// Whether a character is a picture by itself: `Emoji_Presentation` of the Unicode Standard's
/// emoji-data.txt below U+1F000, and above it the blocks that hold pictures.
pub(super) const fn is_emoji(c: char) -> bool {
    matches!(
        c as u32,
        0x231A..=0x231B | 0x23E9..=0x23EC | 0x23F0 | 0x23F3 | 0x25FD..=0x25FE | 0x2614..=0x2615
            | 0x2648..=0x2653 | 0x267F | 0x2693 | 0x26A1 | 0x26AA..=0x26AB | 0x26BD..=0x26BE
            | 0x26C4..=0x26C5 | 0x26CE | 0x26D4 | 0x26EA | 0x26F2..=0x26F3 | 0x26F5 | 0x26FA
            | 0x26FD | 0x2705 | 0x270A..=0x270B | 0x2728 | 0x274C | 0x274E | 0x2753..=0x2755
            | 0x2757 | 0x2795..=0x2797 | 0x27B0 | 0x27BF | 0x2B1B..=0x2B1C | 0x2B50 | 0x2B55
            | 0x1F004 | 0x1F0CF | 0x1F18E | 0x1F191..=0x1F19A | 0x1F1E6..=0x1F1FF
            | 0x1F201 | 0x1F21A | 0x1F22F | 0x1F232..=0x1F236 | 0x1F238..=0x1F23A
            | 0x1F250..=0x1F251 | 0x1F300..=0x1F6FF | 0x1F7E0..=0x1F7F0 | 0x1F900..=0x1F9FF
            | 0x1FA70..=0x1FAFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn han_shapes_follow_the_locale_and_a_text_that_shows_its_own() {
        assert_eq!(Han::of_locale("ja_JP.UTF-8"), Han::Japanese);
        assert_eq!(Han::of_locale("zh-TW"), Han::Traditional);
        assert_eq!(Han::of_locale("zh_HK.UTF-8"), Han::HongKong);
        assert_eq!(Han::of_locale("C"), Han::Simplified);
        assert_eq!(Han::of_text("保存しますか"), Some(Han::Japanese));
        assert_eq!(Han::of_text("저장 保存"), Some(Han::Korean));
        assert_eq!(Han::of_text("保存"), None);
    }

    #[test]
    fn a_script_is_asked_of_its_own_fonts_first() {
        assert_eq!(
            of_script(Script::Devanagari, Han::default())[..2],
            ["notosansdevanagariui", "notosansdevanagari"]
        );
        assert_eq!(
            of_script(Script::Han, Han::Japanese)[..2],
            ["notosanscjk", "notosansjp"]
        );
        assert!(of_script(Script::Common, Han::default()).is_empty());
    }
}
