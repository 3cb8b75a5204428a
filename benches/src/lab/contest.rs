//! One run: each player in a network of its own, all at the same time, so that the machine treats them alike.

use std::{
    path::Path,
    thread::{self, ScopedJoinHandle},
    time::Duration,
};

use anyhow::Result;

use super::{
    crystal::{Crystal, Reach},
    interrupt::{self, pause},
    material::Material,
    network::Network,
    profile::Profile,
    setup::{Outcome, Room, Setup, now},
    snapcast::Snapcast,
    unisono::{Options, Unisono},
};

/// Seconds from the start of the nodes to the command to play, where it is to come early.
pub const EARLY: f64 = 4.0;

/// Slow sine of an hour's period whose rate changes by 0.05 ppm a minute where it changes most.
const WANDER_PPM: f64 = 0.05 * 60.0 / core::f64::consts::TAU;

/// The hub's clock is on average true; it began at another time.
const HUB_OFFSET_S: f64 = 90_000.0;

/// What is played on what.
#[derive(Clone, Debug)]
pub struct Contest {
    /// The rooms; both players have the same.
    pub rooms: Vec<Room>,
    /// In steps of how many frames the converters' positions move.
    pub quantum: u32,
    /// The rooms' links.
    pub profile: Profile,
    /// What the links draw from; both players have the same.
    pub seed: u64,
    /// What is played.
    pub material: Material,
    /// When, counted from the start of the nodes, they are told to play, in seconds.
    pub play_at: f64,
    /// For how long nodes run, in seconds.
    pub seconds: f64,
    /// How Unisono's hub sends.
    pub options: Options,
    /// How Snapcast's server sends, if it takes part.
    pub peer_codec: Option<String>,
}

/// What a player was given and what came of it.
#[derive(Debug)]
pub struct Entry {
    /// What it was given.
    pub setup: Setup,
    /// What came of it.
    pub outcome: Outcome,
}

impl Contest {
    /// Runs it; everything is kept in `folder`. Unisono's entry is the first.
    ///
    /// # Errors
    /// When a player fails, or the program is asked to end.
    pub fn run(&self, folder: &Path) -> Result<Vec<Entry>> {
        let mut fields = vec![self.field("unisono", folder)?];
        if self.peer_codec.is_some() {
            fields.push(self.field("snapcast", folder)?);
        }
        let hub = Crystal { offset_s: HUB_OFFSET_S, wander_ppm: WANDER_PPM, ..Crystal::default() };
        let outcomes: Vec<Result<Outcome>> = thread::scope(|scope| {
            let players: Vec<_> = fields
                .iter()
                .enumerate()
                .map(|(number, (setup, network))| {
                    scope.spawn(move || {
                        let outcome = match (&self.peer_codec, number) {
                            (Some(codec), 1) => self.snapcast(setup, network, hub, codec),
                            _ => self.unisono(setup, network, hub),
                        };
                        // When one has failed the others need not go on.
                        outcome.inspect_err(|_| interrupt::raise())
                    })
                })
                .collect();
            let joined = players.into_iter().map(ScopedJoinHandle::join);
            joined
                .map(|outcome| outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("a player's thread has panicked"))))
                .collect()
        });
        let (good, bad): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        let mut errors: Vec<anyhow::Error> = bad.into_iter().filter_map(Result::err).collect();
        // The others were only told to stop.
        errors.sort_by_key(interrupt::is_it);
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(fields
                .into_iter()
                .zip(good.into_iter().flatten())
                .map(|((setup, _), outcome)| Entry { setup, outcome })
                .collect()),
        }
    }

    fn field(&self, name: &str, folder: &Path) -> Result<(Setup, Network)> {
        let setup = Setup::prepare(&self.rooms, self.quantum, self.material, folder.join(name), folder)?;
        let network = Network::lay(name, self.rooms.len(), &self.profile, self.seed, folder)?;
        Ok((setup, network))
    }

    fn unisono(&self, setup: &Setup, network: &Network, hub: Crystal) -> Result<Outcome> {
        let mut player = Unisono::start(setup, network, hub, &self.options)?;
        until(player.started() + self.play_at)?;
        player.play()?;
        until(player.started() + self.seconds)?;
        player.finish()
    }

    fn snapcast(&self, setup: &Setup, network: &Network, hub: Crystal, codec: &str) -> Result<Outcome> {
        let mut player = Snapcast::start(setup, network, hub, codec)?;
        until(player.started() + self.play_at)?;
        player.play()?;
        until(player.started() + self.seconds)?;
        player.finish()
    }
}

/// Rooms with such crystals and converters; the last of each goes for those that have none.
pub fn rooms(count: usize, clock_ppm: &[f64], dac_ppm: &[f64], blind: bool) -> Vec<Room> {
    let of = |list: &[f64], number: usize| list.get(number).or(list.last()).copied().unwrap_or(0.0);
    let room = |number: usize| {
        let shift = 1_234.5 + 4_321.0 * number as f64;
        let crystal = Crystal {
            // A thread that takes the true clock for its own can only be led astray by its rate.
            offset_s: if blind { 0.0 } else { shift },
            ppm: of(clock_ppm, number),
            // Not all in the same direction, or rooms would stay together without knowing it.
            wander_ppm: if number.is_multiple_of(2) { WANDER_PPM } else { -WANDER_PPM },
            reach: if blind { Reach::AudioThread } else { Reach::Raw },
        };
        Room { name: format!("room{}", number + 1), crystal, dac_ppm: of(dac_ppm, number) }
    };
    (0..count).map(room).collect()
}

fn until(instant: f64) -> Result<()> {
    pause(Duration::try_from_secs_f64(instant - now()).unwrap_or_default())
}
