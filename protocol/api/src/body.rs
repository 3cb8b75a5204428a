//! Bodies of requests. A body is an object whose fields have names; what has only an order (serde takes a list for a
//! struct) is refused, there and in every object within it.

use std::{fmt, marker::PhantomData};

use axum::{
    Json,
    extract::{FromRequest, OptionalFromRequest, Request, rejection::JsonRejection},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// The body of a request: one JSON object.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = JsonRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, JsonRejection> {
        let Json(Object(body)) = <Json<Object<T>> as FromRequest<S>>::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// A body that may be left out.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Body<T> {
    type Rejection = JsonRejection;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, JsonRejection> {
        let body = <Json<Object<T>> as OptionalFromRequest<S>>::from_request(request, state).await?;
        Ok(body.map(|Json(Object(body))| Self(body)))
    }
}

/// Something that is written as an object.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Only<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Only<T> {
            type Value = Object<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Only(PhantomData))
    }
}

/// For a field that is an object, or nothing.
///
/// # Errors
/// When it is neither.
pub fn object_or_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(it)| it))
}

/// For a field that is a list of objects.
///
/// # Errors
/// When it is something else.
pub fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Object<T>>::deserialize(deserializer)?.into_iter().map(|Object(it)| it).collect())
}

/// For a field that is a whole number, however it is written: JSON knows no other numbers than such with a fraction, and
/// programs that have 40.0 write it so.
///
/// # Errors
/// When it is something else, has a fraction, or is out of the type's range.
pub fn whole<'de, T: TryFrom<u64>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let Whole(number) = Whole::deserialize(deserializer)?;
    let expected = format!("a whole number up to {} bits", 8 * size_of::<T>());
    T::try_from(number).map_err(|_| de::Error::invalid_value(de::Unexpected::Unsigned(number), &expected.as_str()))
}

/// The same, or nothing.
///
/// # Errors
/// As those of [`whole`].
pub fn whole_or_null<'de, T: TryFrom<u64>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct Narrow<T>(T);

    impl<'de, T: TryFrom<u64>> Deserialize<'de> for Narrow<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            whole(deserializer).map(Narrow)
        }
    }

    Ok(Option::<Narrow<T>>::deserialize(deserializer)?.map(|Narrow(number)| number))
}

struct Whole(u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = Whole;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a whole number, 0 or more")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Whole, E> {
                // Up to here a float has every whole number.
                if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number) {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
                    return Ok(Whole(number as u64));
                }
                Err(E::invalid_value(de::Unexpected::Float(number), &self))
            }
        }

        deserializer.deserialize_u64(Number)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as Bytes;

    use super::*;
    use crate::sound::{BandView, EqualiserView};

    async fn read<T: DeserializeOwned>(text: &'static str) -> Result<T, String> {
        let request = Request::builder().header("content-type", "application/json").body(Bytes::from(text)).unwrap();
        <Body<T> as FromRequest<()>>::from_request(request, &())
            .await
            .map(|Body(it)| it)
            .map_err(|refused| refused.body_text())
    }

    #[derive(Debug, Deserialize)]
    struct Numbers {
        #[serde(deserialize_with = "whole")]
        one: u8,
        #[serde(default, deserialize_with = "whole_or_null")]
        other: Option<usize>,
    }

    #[tokio::test]
    async fn a_whole_number_is_one_however_it_is_written() {
        for (text, one, other) in [
            (r#"{"one": 40}"#, 40, None),
            (r#"{"one": 4e1, "other": null}"#, 40, None),
            (r#"{"one": 40.0, "other": 70000.0}"#, 40, Some(70_000)),
        ] {
            let numbers = read::<Numbers>(text).await.unwrap();
            assert_eq!((numbers.one, numbers.other), (one, other), "{text}");
        }
        for (text, names) in [
            (r#"{"one": 256}"#, "one: invalid value: integer `256`"),
            (r#"{"one": -1}"#, "one: invalid type: integer `-1`"),
            (r#"{"one": 0.5}"#, "one: invalid value: floating point `0.5`"),
            (r#"{"one": 1, "other": 1e30}"#, "other: invalid value: floating point"),
            (r#"{"one": "40"}"#, "one: invalid type: string"),
        ] {
            let refused = read::<Numbers>(text).await.unwrap_err();
            assert!(refused.contains(names), "{text}: {refused}");
        }
    }

    #[tokio::test]
    async fn a_list_is_no_object_however_deep_it_stands() {
        let whole = r#"{"enabled": true, "preamp_db": 0, "bands": [{"kind": "peak", "frequency_hz": 50}]}"#;
        assert_eq!(read::<EqualiserView>(whole).await.unwrap().bands.len(), 1);
        for list in [r#"[true, 0, []]"#, r#"{"bands": [["peak", 50, 0, 1]]}"#, "[]", "null", "1", r#""x""#] {
            let refused = read::<EqualiserView>(list).await.unwrap_err();
            assert!(refused.contains("expected an object"), "{list}: {refused}");
        }
        let unknown = read::<BandView>(r#"{"kind": "peak", "frequency_hz": 50, "width": 1}"#).await.unwrap_err();
        assert!(unknown.contains("unknown field `width`"), "{unknown}");
    }
}
