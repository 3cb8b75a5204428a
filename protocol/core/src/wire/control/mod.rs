//! Control messages. The rules that keep versions together:
//!
//! - A message type that is not known is skipped.
//! - Fields are only appended, each with a default for bodies that end before it; trailing bytes are ignored.
//! - An enumeration is *open*: a byte whose unknown values survive decoding (see [`open_enum`]).

mod asks;
mod figures;
mod greeting;
mod latency;
mod report;
mod stream;
mod volume;

pub use asks::{Answer, Ask, Forget, MAX_ASK_BODY, MAX_ASKS, MAX_PART, MAX_PATH, Method};
pub use figures::{Figures, MAX_FIGURES, RoomFigures, SpeakerFigures};
pub use greeting::{Hello, Members, Refuse, RefuseReason, Room, Rooms, Welcome};
pub use latency::{LatencyPart, LatencyReport, LatencySource, LatencyStage};
pub use report::{ClockReport, Evidence, OutputChoice, OutputReport, Report, RoomReport, RoomState};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
pub use stream::{Anchors, Codec, Format, Outranked, SetGain, SetSound, StreamStart, StreamStop};
pub use volume::{Turned, VolumeBy, VolumeReport};

use super::{Error, frame::Frame};

/// Defines an enumeration that is one byte on the wire and keeps values that this build does not know.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(from = "u8", into = "u8")]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// A value that a newer peer knows.
            Other(u8),
        }

        impl From<u8> for $name {
            fn from(value: u8) -> Self {
                match value {
                    $($value => Self::$variant,)+
                    other => Self::Other(other),
                }
            }
        }

        impl From<$name> for u8 {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$variant => $value,)+
                    $name::Other(other) => other,
                }
            }
        }
    };
}
pub(crate) use open_enum;

/// A field that was appended in a minor version: a body that ends before it has the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Trailing<T>(pub T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Trailing<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::deserialize(deserializer).unwrap_or_default()))
    }
}

impl<T> From<T> for Trailing<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// Defines [`Message`] and its numbers.
macro_rules! messages {
    ($($(#[$meta:meta])* $number:literal $name:ident,)+) => {
        /// Every control message that this build knows.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Message {
            $($(#[$meta])* $name($name),)+
        }

        impl Message {
            /// The message as a frame.
            pub fn to_frame(&self) -> Frame {
                match self {
                    $(Self::$name(body) => Frame { kind: $number, body: body_of(body) },)+
                }
            }

            /// Understands a frame; `None` when its type is not known and it is to be skipped.
            ///
            /// # Errors
            /// When the type is known and the body is not what it should be.
            pub fn from_frame(frame: &Frame) -> Result<Option<Self>, Error> {
                match frame.kind {
                    $($number => read_body(frame).map(Self::$name).map(Some),)+
                    _ => Ok(None),
                }
            }
        }

        $(impl From<$name> for Message {
            fn from(body: $name) -> Self {
                Self::$name(body)
            }
        })+
    };
}

messages! {
    /// Node to hub, first on every connection.
    1 Hello,
    /// Node to hub: what it drives has changed.
    2 Rooms,
    /// Node to hub, about once a second.
    3 Report,
    /// Node to hub: another hub leads this room at a higher term.
    4 Outranked,
    /// Node to hub: a part of the answer to an `Ask`.
    5 Answer,
    /// Node to hub: figures for those who watch, about once a second.
    6 Figures,
    /// Node to hub: somebody has turned a room's volume at its speaker.
    7 Turned,
    /// Hub to node: the answer to `Hello`.
    64 Welcome,
    /// Hub to node: the other answer to `Hello`; the connection ends.
    65 Refuse,
    /// Hub to node: the member list has changed.
    66 Members,
    /// Hub to node: a room is to play a stream.
    67 StreamStart,
    /// Hub to node: what the stream's positions mean from some instant on.
    68 Anchors,
    /// Hub to node: a room is to leave a stream.
    69 StreamStop,
    /// Hub to node: how loud a room is.
    70 SetGain,
    /// Hub to node: something for the node's own API.
    71 Ask,
    /// Hub to node: nobody waits for that answer any more.
    72 Forget,
    /// Hub to node: how a room's sound is shaped.
    73 SetSound,
}

impl Message {
    /// The bytes for the stream.
    pub fn encode(&self) -> Vec<u8> {
        self.to_frame().encode()
    }
}

fn body_of(body: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(body).expect("message types have no failing serializer")
}

fn read_body<T: DeserializeOwned>(frame: &Frame) -> Result<T, Error> {
    postcard::take_from_bytes(&frame.body).map(|(body, _newer)| body).map_err(|_| Error::Body { kind: frame.kind })
}

/// The longest name that is kept, in bytes.
pub const MAX_NAME_LEN: usize = 64;

/// A name as it may be shown: without characters that [disturb](disturbs) or space around it, at most [`MAX_NAME_LEN`]
/// bytes, never empty. What is presentable stays as it is.
pub fn presentable(name: &str) -> String {
    let kept = one_line(name, MAX_NAME_LEN);
    if kept.is_empty() { "unnamed".into() } else { kept }
}

/// A name that a person gives, if it is [presentable] as it is.
///
/// # Errors
/// When it is not, in words.
pub fn checked_name(name: String) -> Result<String, String> {
    if presentable(&name) == name {
        return Ok(name);
    }
    Err(format!("{name:?} is no name; it has a letter, at most {MAX_NAME_LEN} bytes, and no space around it"))
}

/// The longest sentence that is kept, in bytes.
pub const MAX_SENTENCE_LEN: usize = 400;

/// A peer's sentence as it may be shown and logged: without characters that [disturb](disturbs) or space around it, at
/// most [`MAX_SENTENCE_LEN`] bytes.
pub fn sentence(text: &str) -> String {
    one_line(text, MAX_SENTENCE_LEN)
}

/// Whether a character does something to the text around it: ends a line, moves the cursor, or turns the direction of
/// writing (Unicode's bidirectional overrides and isolates), so that a name reads as another.
pub fn disturbs(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether nothing of a name can be seen.
pub fn is_blank(name: &str) -> bool {
    name.chars().all(|character| character.is_whitespace() || disturbs(character))
}

/// A regular expression (ECMA-262) that finds something in every name that is not [blank](is_blank).
pub const VISIBLE: &str =
    "[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028-\\u202f\\u205f\\u2066-\\u2069\\u3000\\ufeff]";

fn one_line(text: &str, most: usize) -> String {
    let kept: String = text.chars().filter(|character| !disturbs(*character)).collect();
    let kept = kept.trim();
    let ends = kept.char_indices().map(|(start, character)| start + character.len_utf8());
    let end = ends.take_while(|end| *end <= most).last().unwrap_or(0);
    kept[..end].trim_end().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ids::RoomIndex;

    #[test]
    fn a_newer_peer_may_append_fields_types_and_values() {
        let mut frame =
            Message::from(StreamStop { stream: crate::wire::ids::StreamId(4), room: RoomIndex(1) }).to_frame();
        let plain = Message::from_frame(&frame).unwrap();
        frame.body.extend_from_slice(b"a field of tomorrow");
        assert_eq!(Message::from_frame(&frame).unwrap(), plain);
        assert_eq!(Message::from_frame(&Frame { kind: 999, body: vec![1, 2, 3] }), Ok(None));
        assert_eq!(RefuseReason::from(200), RefuseReason::Other(200));
        assert_eq!(u8::from(RefuseReason::Other(200)), 200);
    }

    #[test]
    fn a_body_that_ends_early_is_an_error_and_not_a_panic() {
        let whole = Message::from(Refuse { reason: RefuseReason::NotAMember, text: "who are you?".into() }).to_frame();
        for length in 0..whole.body.len() {
            let cut = Frame { kind: whole.kind, body: whole.body[..length].to_vec() };
            assert_eq!(Message::from_frame(&cut), Err(Error::Body { kind: 65 }));
        }
    }

    #[test]
    fn names_from_outside_are_made_presentable() {
        assert_eq!(presentable("  Küche\n\u{7}"), "Küche");
        assert_eq!(presentable("\u{1b}[2J"), "[2J");
        assert_eq!(presentable("\u{202e}nehctik\u{2066}\u{2028}"), "nehctik");
        assert_eq!(sentence("\u{1b}[2Jgone;\ntry again\n"), "[2Jgone;try again");
        assert_eq!(sentence(&"x".repeat(1_000)).len(), MAX_SENTENCE_LEN);
        assert_eq!(presentable(" \t "), "unnamed");
        assert_eq!(presentable(&"ü".repeat(100)).len(), MAX_NAME_LEN);
        assert_eq!(presentable(&"€".repeat(100)).len(), MAX_NAME_LEN - 1);
    }

    #[test]
    fn what_can_be_seen_of_a_name_is_one_thing_for_us_and_for_whoever_reads_the_pattern() {
        let code = |text: &str| char::from_u32(u32::from_str_radix(text, 16).unwrap()).unwrap();
        let within = VISIBLE.strip_prefix("[^").and_then(|rest| rest.strip_suffix(']')).unwrap();
        let ranges: Vec<_> = within.split("\\u").skip(1).collect();
        // `a-` is followed by the end of its range.
        let mut unseen = Vec::new();
        let mut ranges = ranges.into_iter();
        while let Some(first) = ranges.next() {
            let first_code = code(first.trim_end_matches('-'));
            let last = if first.ends_with('-') { code(ranges.next().unwrap()) } else { first_code };
            unseen.push(first_code..=last);
        }
        assert_eq!(unseen.len(), 9);
        for character in '\0'..=char::MAX {
            let is_unseen = unseen.iter().any(|range| range.contains(&character));
            assert_eq!(is_blank(&character.to_string()), is_unseen, "{character:?}");
        }
    }

    #[test]
    fn a_presentable_name_stays_as_it_is() {
        assert_eq!(presentable("x \u{7}"), "x");
        assert_eq!(presentable("\u{7} x"), "x");
        let long = "n".repeat(MAX_NAME_LEN - 1);
        assert_eq!(presentable(&format!("{long} more")), long);
        for name in ["\u{0} \u{1b}", "\u{a0}\u{85}Küche\u{85}\u{2003}\u{7}", &format!("{long}\u{2003}")] {
            let once = presentable(name);
            assert_eq!(presentable(&once), once, "{name:?}");
        }
    }
}
