//! Text from tags and names: what of it is shown, and how it is searched.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unisono_core::wire::control::sentence;

/// More of a text than this is not even looked at.
const MAX_READ: usize = 4_096;

/// One line of a tag as it may be shown, `None` when nothing is left: no control characters, none that turn the
/// direction of writing, and not a long one.
pub(super) fn presentable(text: &str) -> Option<String> {
    let spaced = |letter: char| if matches!(letter, '\n' | '\r' | '\t') { ' ' } else { letter };
    let some: String = text.chars().take(MAX_READ).map(spaced).collect();
    let line = sentence(&some);
    (!line.is_empty()).then_some(line)
}

/// Text as it is compared and searched: without case, without accents, wide and narrow letters alike.
pub(super) fn folded(text: &str) -> String {
    let plain = text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(text.len());
    for letter in plain {
        match letter {
            // What is a letter of its own where it comes from, and is not to be found on other keyboards.
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            'þ' => folded.push_str("th"),
            '\u{2018}' | '\u{2019}' => folded.push('\''),
            '\u{2010}'..='\u{2015}' => folded.push('-'),
            letter if letter.is_whitespace() => folded.push(' '),
            // Lower case may bring marks of its own.
            letter if is_combining_mark(letter) => {}
            letter => folded.push(letter),
        }
    }
    folded
}

/// The words of a search, folded.
pub(super) fn words(search: &str) -> Vec<String> {
    let some: String = search.chars().take(200).collect();
    folded(&some).split_whitespace().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_count() {
        for (one, other) in [
            ("Motörhead", "MOTORHEAD"),
            ("Sigur Rós", "sigur ros"),
            ("Dvořák", "dvorak"),
            ("Straße", "STRASSE"),
            ("BJO\u{308}RK", "björk"),
            ("İstanbul", "istanbul"),
            ("Ｆｕｌｌ", "full"),
            ("Don’t", "don't"),
            ("Łódź", "lodz"),
            ("Mø", "mo"),
            ("ЙОЖ", "йож"),
        ] {
            assert_eq!(folded(one), folded(other), "{one}");
        }
        assert_eq!(words("  Björk  HOMO\u{a0}genic "), ["bjork", "homo", "genic"]);
    }

    #[test]
    fn what_is_hostile_is_cleaned_and_bounded() {
        assert_eq!(presentable("a\nb\x1b[31m\0c").as_deref(), Some("a b[31mc"));
        assert_eq!(presentable("\u{202e}gnp.exe\u{2066}").as_deref(), Some("gnp.exe"));
        assert_eq!(presentable(" \u{0}\n "), None);
        assert!(presentable(&"ä".repeat(5_000_000)).unwrap().len() <= 400);
        assert_eq!(presentable("<script>alert(1)</script>").as_deref(), Some("<script>alert(1)</script>"));
    }
}
