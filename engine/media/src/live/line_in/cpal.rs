//! Recording through cpal, where there is no ALSA or it is not wanted.

use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cpal::{
    Data, DeviceId, InputCallbackInfo, SampleFormat, Stream, StreamConfig,
    traits::{DeviceTrait, HostTrait, StreamTrait},
};
use ringbuf::{
    HeapCons, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};

use super::{BUFFER_MS, PERIOD_MS};
use crate::{
    RawFormat,
    live::port::{Got, Port},
};

/// A device has so long to begin.
const PATIENCE: Duration = Duration::from_secs(2);

struct Capture {
    _stream: Stream,
    recorded: HeapCons<u8>,
    has_failed: Arc<AtomicBool>,
    has_lost: Arc<AtomicBool>,
}

/// Opens a device by its id, or the default.
pub(super) fn open(id: Option<&str>, format: RawFormat) -> Result<Box<dyn Port>, String> {
    let name = id.unwrap_or("the default device");
    let device = match id {
        None => cpal::default_host().default_input_device(),
        Some(id) => DeviceId::from_str(id).ok().and_then(|id| cpal::host_from_id(id.host()).ok()?.device_by_id(&id)),
    };
    let device =
        device.ok_or_else(|| format!("there is no device {name} that records; plug one in, or name another"))?;
    let sample_format = match format.bits() {
        16 => SampleFormat::I16,
        32 => SampleFormat::I32,
        bits => return Err(format!("{name} is not asked for {bits} bits; set a format with 16 or 32")),
    };
    let config = StreamConfig {
        channels: format.channels().into(),
        sample_rate: format.rate().hertz(),
        buffer_size: cpal::BufferSize::Default,
    };
    let bytes = format.frame_len() * format.rate().hertz() as usize / 1_000 * BUFFER_MS as usize;
    let (mut ring, recorded) = HeapRb::<u8>::new(bytes).split();
    let (has_failed, has_lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let lost = Arc::clone(&has_lost);
    // Allocates nothing and waits for nothing: it runs on the system's audio thread.
    let callback = move |data: &Data, _: &InputCallbackInfo| {
        let bytes = data.bytes();
        if ring.vacant_len() < bytes.len() {
            lost.store(true, Ordering::Relaxed);
        } else {
            ring.push_slice(bytes);
        }
    };
    let failed = Arc::clone(&has_failed);
    let on_error = move |_| failed.store(true, Ordering::Relaxed);
    let stream = device
        .build_input_stream_raw(config, sample_format, callback, on_error, Some(PATIENCE))
        .and_then(|stream| stream.play().map(|()| stream))
        .map_err(|error| format!("{name} does not record {format} ({error}); set another format"))?;
    Ok(Box::new(Capture { _stream: stream, recorded, has_failed, has_lost }))
}

impl Port for Capture {
    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Got {
        let until = Instant::now() + wait;
        loop {
            if self.has_failed.load(Ordering::Relaxed) {
                return Got::Failed("it records no more; is it still plugged in?".into());
            }
            if self.has_lost.swap(false, Ordering::Relaxed) {
                return Got::Lost;
            }
            let count = self.recorded.pop_slice(bytes);
            if count > 0 {
                return Got::Bytes(count);
            }
            if Instant::now() >= until {
                return Got::Nothing;
            }
            thread::sleep(Duration::from_millis(u64::from(PERIOD_MS) / 4));
        }
    }

    fn has_more(&mut self) -> bool {
        !self.recorded.is_empty()
    }
}
