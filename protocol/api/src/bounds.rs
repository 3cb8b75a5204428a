//! What values may be, for the description of an API: from the constants that they are checked against.

use unisono_core::{
    sound::{BandKind, ChannelMap, Decibels, Frequency, Quality},
    units::Volume,
    wire::control::VISIBLE,
};
use utoipa::openapi::{
    RefOr, Schema,
    schema::{ObjectBuilder, SchemaType, Type},
};

/// Defines types that stand for what a field may be where the type that it has says less.
#[macro_export]
macro_rules! bounds {
    ($($(#[$meta:meta])* $visibility:vis $name:ident = $schema:expr;)+) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        $visibility struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $schema
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

bounds! {
    /// A volume in percent.
    pub Percent = whole(0, Volume::FULL.percent().into());
    /// A gain in decibels.
    pub Gain = number(Decibels::RANGE);
    /// A frequency in hertz.
    pub Hertz = number(Frequency::RANGE);
    /// How narrow a band of an equaliser is.
    pub Narrowness = number(Quality::RANGE);
    /// What a band of an equaliser does.
    pub Kind = one_of(BandKind::ALL.map(BandKind::name));
    /// Which channels a room plays.
    pub Channels = one_of(ChannelMap::ALL.map(ChannelMap::name));
    /// A name that people give: it has something in it that can be seen.
    pub Name = text(VISIBLE);
    /// The same, or nothing.
    pub NameOrNothing = text(&format!("^$|{VISIBLE}"));
}

/// A whole number from one to another.
pub fn whole(least: u64, most: u64) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most)).into()
}

/// A number from one to another.
pub fn number((least, most): (f64, f64)) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Number).minimum(Some(least)).maximum(Some(most)).into()
}

/// One of some words.
pub fn one_of(words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(words)).into()
}

/// A text in which a regular expression (ECMA-262) finds something.
pub fn text(pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}
