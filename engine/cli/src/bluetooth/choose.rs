//! Lets a person choose a speaker from those that a scan finds, as soon as it is in the list.

use std::{
    io::{BufRead, IsTerminal, stdin},
    sync::mpsc::{self, Sender},
    thread,
};

use anyhow::{bail, ensure};
use unisono_api::bluetooth::{FoundView, ScanLine};

use super::{Speakers, query, show};

enum Heard {
    Scan(ScanLine),
    /// The scan goes on.
    Alive,
    Broken(anyhow::Error),
    Typed(String),
}

/// What is in the list, by its number less one.
#[derive(Default)]
struct Candidates(Vec<FoundView>);

impl Candidates {
    /// Takes a device in; gives its number when there is something to show.
    fn take(&mut self, found: FoundView) -> Option<usize> {
        match self.0.iter().position(|known| known.address == found.address) {
            Some(index) => {
                let is_news = self.0[index].name != found.name || self.0[index].standing != found.standing;
                self.0[index] = found;
                is_news.then_some(index + 1)
            }
            None => {
                self.0.push(found);
                Some(self.0.len())
            }
        }
    }

    /// The address that was meant by a number or an address.
    fn meant(&self, typed: &str) -> anyhow::Result<String> {
        let typed = typed.trim();
        if typed.contains(':') {
            return Ok(typed.to_uppercase());
        }
        let number = typed.parse::<usize>().ok().and_then(|number| self.0.get(number.checked_sub(1)?));
        let Some(found) = number else { bail!("type one of the numbers, or press Ctrl-C") };
        match &found.obstacle {
            Some(failure) => bail!("{}; {}", failure.cause, failure.remedy),
            None => Ok(found.address.clone()),
        }
    }
}

impl Speakers<'_> {
    /// The address of the speaker that a person chooses.
    pub(super) fn choose(&self, seconds: u16) -> anyhow::Result<String> {
        let may_ask = stdin().is_terminal() && !self.out.json;
        ensure!(may_ask, "name the speaker's address; `unisono bluetooth scan` shows those in reach");
        let (heard, hears) = mpsc::channel();
        let typed = heard.clone();
        thread::spawn(move || read_lines(&typed));
        // With the choice the receiver is gone, and within a second the scan.
        thread::scope(move |scope| {
            let mut candidates = Candidates::default();
            scope.spawn(move || {
                let ended = self.client.lines(&self.below(&["scan"]), &query(seconds), &(), |_, line| {
                    Ok(heard.send(line.map_or(Heard::Alive, Heard::Scan)).is_ok())
                });
                if let Err(error) = ended {
                    // Nobody may hear it any more.
                    let _ = heard.send(Heard::Broken(error));
                }
            });
            self.out.say("Type a number and press Enter:");
            let hears = hears;
            while let Ok(news) = hears.recv() {
                match news {
                    Heard::Scan(ScanLine::Found(found)) => {
                        let line = show::found(&found);
                        if let Some(number) = candidates.take(found) {
                            self.out.say(format_args!("{number:>3}  {line}"));
                        }
                    }
                    Heard::Scan(ScanLine::Over { failure: Some(failure) }) => {
                        bail!("{}; {}", failure.cause, failure.remedy)
                    }
                    Heard::Scan(ScanLine::Over { failure: None }) if candidates.0.is_empty() => {
                        bail!("no speaker was found; try again")
                    }
                    Heard::Scan(ScanLine::Over { failure: None }) => self.out.say("That is all. Which?"),
                    Heard::Alive => {}
                    Heard::Broken(error) => return Err(error),
                    Heard::Typed(text) => match candidates.meant(&text) {
                        Ok(address) => return Ok(address),
                        Err(problem) => self.out.say(problem),
                    },
                }
            }
            bail!("nothing was chosen")
        })
    }
}

fn read_lines(heard: &Sender<Heard>) {
    for line in stdin().lock().lines() {
        let Ok(line) = line else { return };
        if heard.send(Heard::Typed(line)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(last: u8, name: Option<&str>) -> FoundView {
        FoundView {
            address: format!("AA:BB:CC:DD:EE:{last:02X}"),
            name: name.map(String::from),
            signal: None,
            model: None,
            standing: "new".into(),
            obstacle: None,
        }
    }

    #[test]
    fn numbers_stay_with_the_devices_that_have_them() {
        let mut candidates = Candidates::default();
        assert_eq!(candidates.take(device(1, None)), Some(1));
        assert_eq!(candidates.take(device(2, Some("Flip"))), Some(2));
        assert_eq!(candidates.take(device(1, Some("Motion"))), Some(1));
        assert_eq!(candidates.take(device(1, Some("Motion"))), None);
        assert_eq!(candidates.meant(" 2\n").unwrap(), "AA:BB:CC:DD:EE:02");
        assert_eq!(candidates.meant("aa:bb:cc:dd:ee:09").unwrap(), "AA:BB:CC:DD:EE:09");
        for wrong in ["0", "3", "", "Flip", "-1"] {
            assert!(candidates.meant(wrong).is_err(), "{wrong:?}");
        }
    }
}
