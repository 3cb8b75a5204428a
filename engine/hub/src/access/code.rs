//! The one-time setup code: printed by the hub at its start with its address, typed by whoever sets it up.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
};

use qrcode::{QrCode, render::unicode::Dense1x2};
use unisono_household::config::access::GrantHash;

use super::secret::random;

/// Digits and letters that nobody takes for one another.
const LETTERS: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz@";

/// So many letters: 2^39 codes, of which nobody tries more than [`MAX_FAILURES`].
const LENGTH: usize = 8;

/// After so many wrong codes in a row the hub has to be started anew, by somebody who can.
const MAX_FAILURES: u32 = 20;

/// A code, as long as it is good.
#[derive(Clone)]
pub struct SetupCode {
    letters: Option<[u8; LENGTH]>,
    failures: u32,
}

impl SetupCode {
    /// A new code.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn draw() -> io::Result<Self> {
        let mut letters = [0; LENGTH];
        let mut drawn = 0;
        while drawn < LENGTH {
            for byte in random::<16>()? {
                let letter = LETTERS[usize::from(byte % 32)];
                // The table has one place more than there are good letters.
                if letter != b'@' && drawn < LENGTH {
                    letters[drawn] = letter;
                    drawn += 1;
                }
            }
        }
        Ok(Self { letters: Some(letters), failures: 0 })
    }

    /// No code: nobody on another machine can set up the hub.
    pub const fn none() -> Self {
        Self { letters: None, failures: 0 }
    }

    /// Whether it can still be entered.
    pub(super) const fn is_good(&self) -> bool {
        self.letters.is_some()
    }

    /// It can be entered no more.
    pub(super) const fn void(&mut self) {
        self.letters = None;
    }

    /// Whether somebody has typed the code; too many times wrong, and there is none any more.
    pub(super) fn attempt(&mut self, typed: &str) -> bool {
        let Some(letters) = self.letters else { return false };
        let typed = typed.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
        let typed: String = typed.take(LENGTH + 1).collect();
        // Of hashes nobody learns from how long it takes to compare them.
        let is_right = GrantHash::of(&typed) == GrantHash::of(&String::from_utf8_lossy(&letters));
        self.failures = if is_right { 0 } else { self.failures + 1 };
        if self.failures >= MAX_FAILURES {
            self.void();
        }
        is_right
    }
}

/// As it is printed: `abcd-efgh`.
impl fmt::Display for SetupCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(letters) = &self.letters else { return out.write_str("none") };
        let (left, right) = letters.split_at(LENGTH / 2);
        write!(out, "{}-{}", String::from_utf8_lossy(left), String::from_utf8_lossy(right))
    }
}

impl fmt::Debug for SetupCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_good() { "a setup code" } else { "no setup code" })
    }
}

/// What a person at the terminal needs, to set up the hub from a phone: addresses, the code, and both as a QR code.
pub(super) fn invitation(api: SocketAddr, hosts: &[IpAddr], code: &SetupCode) -> String {
    let urls = hosts.iter().map(|host| format!("http://{}/", SocketAddr::new(*host, api.port())));
    let urls: Vec<String> = urls.collect();
    let mut text = String::from("This hub has no administrator yet. Open one of these in a browser:\n\n");
    for url in &urls {
        text.push_str(&format!("  {url}\n"));
    }
    text.push_str(&format!("\nand type this code, which is good once: {code}\n"));
    // What follows # stays in the browser.
    let drawn = urls.first().and_then(|url| QrCode::new(format!("{url}#setup={code}")).ok());
    if let Some(drawn) = drawn {
        // Dark modules are drawn as gaps: terminals are mostly dark.
        let drawn = drawn.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        text.push_str(&format!("\n{drawn}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_as_people_type_it() {
        let mut code = SetupCode::draw().unwrap();
        let printed = code.to_string();
        assert_eq!(printed.len(), LENGTH + 1);
        assert!(code.attempt(&printed) && code.attempt(&printed.to_uppercase()));
        assert!(code.attempt(&format!(" {} ", printed.replace('-', " "))));
        assert!(!code.attempt("") && !code.attempt(&printed[1..]) && !code.attempt(&format!("{printed}2")));
        assert!(!SetupCode::none().attempt(""));
    }

    #[test]
    fn after_twenty_failures_in_a_row_the_right_code_is_wrong_too() {
        let mut code = SetupCode::draw().unwrap();
        let printed = code.to_string();
        for _ in 0..MAX_FAILURES - 1 {
            assert!(!code.attempt("0000-0000"));
        }
        assert!(code.attempt(&printed));
        for _ in 0..MAX_FAILURES {
            assert!(!code.attempt("0000-0000"));
        }
        assert!(!code.attempt(&printed) && !code.is_good());
    }

    #[test]
    fn an_invitation_has_the_address_the_code_and_a_picture_of_both() {
        let code = SetupCode::draw().unwrap();
        let text = invitation("0.0.0.0:8480".parse().unwrap(), &["192.168.1.2".parse().unwrap()], &code);
        assert!(text.contains("http://192.168.1.2:8480/") && text.contains(&code.to_string()));
        assert!(text.lines().filter(|line| line.contains('█')).count() > 10, "{text}");
    }
}
