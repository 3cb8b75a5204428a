//! How numbers of things are said.

use core::fmt;

/// A number of things, by the word for one of them: 1 track, 2 tracks, 2 entries.
pub fn count(number: impl TryInto<u64> + fmt::Display + Copy, word: &str) -> String {
    let is_one = number.try_into().is_ok_and(|number: u64| number == 1);
    match word.strip_suffix('y') {
        _ if is_one => format!("{number} {word}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_thing_is_said_as_one() {
        assert_eq!(count(0_usize, "album"), "0 albums");
        assert_eq!(count(1_u32, "album"), "1 album");
        assert_eq!(count(2_u64, "album"), "2 albums");
        assert_eq!([1, 2].map(|number| count(number, "entry")), ["1 entry", "2 entries"]);
    }
}
