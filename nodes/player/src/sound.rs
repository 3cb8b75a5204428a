//! How rooms shape their sound is kept, so that they sound the same while there is no hub, after a restart too.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::watch, task::spawn_blocking, time::sleep};
use tracing::warn;
use unisono_core::sound::RoomSound;
use unisono_household::files;

/// Where, in the state folder: a list of every room's sound, as JSON.
const KEPT: &str = "sound.json";

/// That of 256 rooms is shorter, in bytes.
const LIMIT: u64 = 512 * 1024;

/// What was changed is kept after so long: a hand on a slider is not to wear out a memory card.
const PAUSE: Duration = Duration::from_secs(1);

/// What was kept of the first so many rooms; nothing where nothing was, or nothing that can be read.
pub(crate) fn read(folder: &Path, rooms: usize) -> Vec<RoomSound> {
    let path = folder.join(KEPT);
    let kept = files::read(&path, LIMIT).map_err(|error| error.to_string()).and_then(|bytes| match bytes {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display())),
        None => Ok(Vec::new()),
    });
    let mut kept: Vec<RoomSound> = kept.unwrap_or_else(|error| {
        warn!("{error}; rooms play what they are sent as it is until their hub says otherwise");
        Vec::new()
    });
    kept.truncate(rooms);
    kept
}

/// Keeps it whenever it changes, until nobody can change it any more.
pub(crate) async fn keep(folder: PathBuf, mut sounds: watch::Receiver<Vec<RoomSound>>) {
    while sounds.changed().await.is_ok() {
        sleep(PAUSE).await;
        let (path, kept) = (folder.join(KEPT), sounds.borrow_and_update().clone());
        let write = move || {
            let bytes = serde_json::to_vec(&kept).expect("sounds have no failing serializer");
            if let Err(error) = files::write_atomically(&path, &bytes) {
                warn!("{error}; after a restart rooms sound as before until their hub says otherwise");
            }
        };
        // A task that panicked has said so.
        let _ = spawn_blocking(write).await;
    }
}

#[cfg(test)]
mod tests {
    use unisono_core::sound::{Band, BandKind, Bands, ChannelMap, Decibels, Equaliser, Frequency, Quality};

    use super::*;

    fn shaped() -> RoomSound {
        let (frequency, gain) = (Frequency::new(105.5).unwrap(), Decibels::new(-4.25).unwrap());
        let band = Band { kind: BandKind::LowShelf, frequency, gain, q: Quality::BUTTERWORTH };
        let equaliser = Equaliser { enabled: true, preamp: Decibels::ZERO, bands: Bands::new(&[band]).unwrap() };
        RoomSound { channels: ChannelMap::Left, equaliser }
    }

    #[tokio::test]
    async fn what_a_room_sounds_like_outlives_the_program() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), 2), []);
        let sounds = watch::Sender::new(vec![RoomSound::default(); 2]);
        let keeping = tokio::spawn(keep(folder.path().into(), sounds.subscribe()));
        sounds.send_modify(|sounds| sounds[1] = shaped());
        while read(folder.path(), 2).is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(read(folder.path(), 2), [RoomSound::default(), shaped()]);
        assert_eq!(read(folder.path(), 1), [RoomSound::default()], "a node with a room less");
        drop(sounds);
        keeping.await.unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_as_if_nothing_had_been_kept() {
        let folder = tempfile::tempdir().unwrap();
        let whole = serde_json::to_string(&[shaped()]).unwrap();
        std::fs::write(folder.path().join(KEPT), &whole).unwrap();
        assert_eq!(read(folder.path(), 1), [shaped()]);
        for broken in ["", "[", "noise", &whole[..20], &whole.replace("1055", "5")] {
            std::fs::write(folder.path().join(KEPT), broken).unwrap();
            assert_eq!(read(folder.path(), 1), [], "{broken}");
        }
    }
}
