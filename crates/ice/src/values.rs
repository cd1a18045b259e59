//! The enumerations of XSMP and ICE, as types (xsmp.xml, "Types"; ice.xml, "Error").

use std::fmt;

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident: $($(#[$vdoc:meta])* $variant:ident = $value:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            pub(crate) fn from_wire(byte: u8) -> Option<Self> {
                match byte {
                    $($value => Some(Self::$variant),)+
                    _ => None,
                }
            }

            pub(crate) fn to_wire(self) -> u8 {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }
    };
}

wire_enum!(
    /// What is to be saved (`SAVE_TYPE`).
    SaveKind:
    /// The user's documents, where everybody sees them.
    Global = 0,
    /// The state to come back to, for this client alone.
    Local = 1,
    /// Both.
    Both = 2,
);

wire_enum!(
    /// Whether a client may talk to the user while it saves (`INTERACT_STYLE`).
    InteractStyle:
    /// Not at all.
    None = 0,
    /// About errors.
    Errors = 1,
    /// About anything.
    Any = 2,
);

wire_enum!(
    /// What a client wants to talk to the user about (`DIALOG_TYPE`).
    DialogKind:
    /// An error.
    Error = 0,
    /// Anything else, as whether to save.
    Normal = 1,
);

wire_enum!(
    /// What becomes of the connection after an error (ice.xml, `Error`).
    Severity:
    /// The sender goes on.
    CanContinue = 0,
    /// The sender takes no more messages of this protocol.
    FatalToProtocol = 1,
    /// The sender takes no more messages.
    FatalToConnection = 2,
);

/// What a client is asked to do (xsmp.xml, `SaveYourself`), or asks all to do
/// (`SaveYourselfRequest`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SaveYourself {
    /// What is to be saved.
    pub kind: SaveKind,
    /// The session is about to end.
    pub shutdown: bool,
    /// Whether the client may talk to the user.
    pub interact: InteractStyle,
    /// As quickly as possible: power is about to fail.
    pub fast: bool,
}

impl SaveYourself {
    /// What every client must be sent that registered without a previous id (xsmp.xml,
    /// `RegisterClientReply`).
    pub const INITIAL: Self = Self {
        kind: SaveKind::Local,
        shutdown: false,
        interact: InteractStyle::None,
        fast: false,
    };

    /// The question before a log-off: commit what is unsaved, and ask the user where that needs it.
    pub const LOG_OFF: Self = Self {
        kind: SaveKind::Global,
        shutdown: true,
        interact: InteractStyle::Any,
        fast: false,
    };
}

/// What an error is about (ice.xml, "Generic Error Classes" and "ICE Error Classes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// A message that the protocol does not have.
    BadMinor,
    /// A message that has no place in the present state.
    BadState,
    /// A message longer or shorter than what it holds.
    BadLength,
    /// A field with a value that it cannot have.
    BadValue,
    /// A major opcode that was not set up.
    BadMajor,
    /// None of the offered ways to authenticate is there.
    NoAuthentication,
    /// None of the offered versions is spoken.
    NoVersion,
    /// The connection or protocol cannot be accepted, for other reasons.
    SetupFailed,
    /// The peer is not who it must be.
    AuthenticationRejected,
    /// It could not be found out who the peer is.
    AuthenticationFailed,
    /// The protocol is set up already.
    ProtocolDuplicate,
    /// The major opcode is another protocol's.
    MajorOpcodeDuplicate,
    /// There is no such protocol here.
    UnknownProtocol,
    /// A number that neither document has.
    Other(u16),
}

const CLASSES: [(u16, ErrorClass, &str); 13] = [
    (0x8000, ErrorClass::BadMinor, "BadMinor"),
    (0x8001, ErrorClass::BadState, "BadState"),
    (0x8002, ErrorClass::BadLength, "BadLength"),
    (0x8003, ErrorClass::BadValue, "BadValue"),
    (0, ErrorClass::BadMajor, "BadMajor"),
    (1, ErrorClass::NoAuthentication, "NoAuthentication"),
    (2, ErrorClass::NoVersion, "NoVersion"),
    (3, ErrorClass::SetupFailed, "SetupFailed"),
    (
        4,
        ErrorClass::AuthenticationRejected,
        "AuthenticationRejected",
    ),
    (5, ErrorClass::AuthenticationFailed, "AuthenticationFailed"),
    (6, ErrorClass::ProtocolDuplicate, "ProtocolDuplicate"),
    (7, ErrorClass::MajorOpcodeDuplicate, "MajorOpcodeDuplicate"),
    (8, ErrorClass::UnknownProtocol, "UnknownProtocol"),
];

impl ErrorClass {
    pub(crate) fn from_wire(number: u16) -> Self {
        CLASSES
            .iter()
            .find(|(of, _, _)| *of == number)
            .map_or(Self::Other(number), |(_, class, _)| *class)
    }

    pub(crate) fn to_wire(self) -> u16 {
        match self {
            Self::Other(number) => number,
            _ => CLASSES
                .iter()
                .find(|(_, class, _)| *class == self)
                .map_or(u16::MAX, |(number, _, _)| *number),
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CLASSES.iter().find(|(_, class, _)| class == self) {
            Some((_, _, name)) => f.write_str(name),
            None => write!(f, "error class {}", self.to_wire()),
        }
    }
}
