//! Who holds a device that is busy.

use std::fs;

/// Who has a device open, as far as `/proc` tells. Only a hardware device has one holder that can be told.
pub(super) fn of(name: &str) -> String {
    let holder = || {
        let status = fs::read_to_string(status_path(name)?).ok()?;
        let thread = owner(&status)?;
        let program = fs::read_to_string(format!("/proc/{thread}/comm")).ok()?;
        Some(format!("{} (process {thread})", program.trim_end()))
    };
    holder().unwrap_or_else(|| String::from("another program"))
}

/// Where the kernel tells of the first substream of `hw:CARD=id,DEV=n` or `plughw:id,n`.
fn status_path(name: &str) -> Option<String> {
    let (kind, place) = name.split_once(':')?;
    if !matches!(kind, "hw" | "plughw") {
        return None;
    }
    let mut parts = place.split(',');
    let card = parts.next()?.trim_start_matches("CARD=");
    let device = parts.next().map_or("0", |device| device.trim_start_matches("DEV="));
    let number = !card.is_empty() && card.bytes().all(|byte| byte.is_ascii_digit());
    let card = if number { format!("card{card}") } else { String::from(card) };
    let plain = |text: &str| !text.is_empty() && !text.contains(['/', '.']);
    (plain(&card) && plain(device)).then(|| format!("/proc/asound/{card}/pcm{device}p/sub0/status"))
}

/// The `owner_pid` of such a file.
fn owner(status: &str) -> Option<u32> {
    status
        .lines()
        .find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == "owner_pid")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_read_from_what_the_kernel_writes() {
        let running = "state: RUNNING\nowner_pid   : 1234\ntrigger_time: 5.1\n-----\nhw_ptr      : 96000\n";
        assert_eq!(owner(running), Some(1_234));
        assert_eq!(owner("closed\n"), None);
    }

    #[test]
    fn every_spelling_of_a_hardware_device_is_found() {
        let headphones = Some(String::from("/proc/asound/Headphones/pcm0p/sub0/status"));
        for name in ["hw:CARD=Headphones,DEV=0", "plughw:CARD=Headphones", "hw:Headphones", "hw:Headphones,0,0"] {
            assert_eq!(status_path(name), headphones, "{name}");
        }
        assert_eq!(status_path("hw:1,3"), Some(String::from("/proc/asound/card1/pcm3p/sub0/status")));
        for name in ["default", "dmix:CARD=x", "hw:", "hw:../../etc,0"] {
            assert_eq!(status_path(name), None, "{name}");
        }
        assert_eq!(of("default"), "another program");
    }
}
