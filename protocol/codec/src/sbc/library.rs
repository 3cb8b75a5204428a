//! libsbc (1.4 or newer), which has kept this interface since its beginning: the only unsafe code of this crate.

use core::{
    ffi::{c_int, c_ulong, c_void},
    mem::zeroed,
    ptr::null_mut,
};

use super::{Allocation, ChannelMode, Config, Error, MAX_FRAME};

/// `sbc_t` of sbc/sbc.h.
#[repr(C)]
struct Raw {
    flags: c_ulong,
    frequency: u8,
    blocks: u8,
    subbands: u8,
    mode: u8,
    allocation: u8,
    bitpool: u8,
    endian: u8,
    private: *mut c_void,
    private_base: *mut c_void,
}

unsafe extern "C" {
    fn sbc_init(sbc: *mut Raw, flags: c_ulong) -> c_int;
    fn sbc_reinit(sbc: *mut Raw, flags: c_ulong) -> c_int;
    fn sbc_finish(sbc: *mut Raw);
    fn sbc_encode(
        sbc: *mut Raw,
        input: *const c_void,
        input_len: usize,
        output: *mut c_void,
        output_len: usize,
        written: *mut isize,
    ) -> isize;
    fn sbc_decode(
        sbc: *mut Raw,
        input: *const c_void,
        input_len: usize,
        output: *mut c_void,
        output_len: usize,
        written: *mut usize,
    ) -> isize;
}

/// An encoder or a decoder of libsbc; whoever has one uses it as one of the two.
pub(super) struct Library {
    raw: Raw,
    config: Config,
}

// SAFETY: what it points to belongs to it alone, and libsbc has no state beside.
unsafe impl Send for Library {}

impl Library {
    /// Allocates what libsbc needs; nothing is allocated after that.
    pub(super) fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        // SAFETY: zeros are values of all its fields.
        let mut raw: Raw = unsafe { zeroed() };
        // SAFETY: `sbc_init` fills the structure in and keeps no pointer to it.
        let code = unsafe { sbc_init(&raw mut raw, 0) };
        if code != 0 {
            return Err(Error::Library { code: code as isize });
        }
        let mut library = Self { raw, config };
        library.configure();
        Ok(library)
    }

    /// As it was when new.
    pub(super) fn reset(&mut self) {
        // SAFETY: the structure was made by `sbc_init`. The call fails for null pointers only.
        unsafe { sbc_reinit(&raw mut self.raw, 0) };
        self.configure();
    }

    fn configure(&mut self) {
        // `check` knows the rate to be one of the four.
        self.raw.frequency = self.config.rate_number().unwrap_or(0);
        self.raw.blocks = self.config.blocks as u8;
        self.raw.subbands = self.config.subbands as u8;
        self.raw.mode = match self.config.mode {
            ChannelMode::Mono => 0,
            ChannelMode::Dual => 1,
            ChannelMode::Stereo => 2,
            ChannelMode::Joint => 3,
        };
        self.raw.allocation = match self.config.allocation {
            Allocation::Loudness => 0,
            Allocation::Snr => 1,
        };
        self.raw.bitpool = self.config.bitpool_within(self.config.max_bitpool);
        self.raw.endian = u8::from(cfg!(target_endian = "big"));
    }

    /// Encodes one frame, as far as `frame` has room for it, and gives its length. Real-time.
    pub(super) fn encode(&mut self, samples: &[i16], bitpool: u8, frame: &mut [u8]) -> Result<usize, Error> {
        self.raw.bitpool = bitpool;
        let mut written = 0_isize;
        // SAFETY: libsbc reads one frame's samples when there are as many, and writes no more bytes than there is room.
        let code = unsafe {
            let (input, output) = (samples.as_ptr().cast(), frame.as_mut_ptr().cast());
            sbc_encode(&raw mut self.raw, input, size_of_val(samples), output, frame.len(), &raw mut written)
        };
        match usize::try_from(written) {
            Ok(length) if code > 0 && length > 0 => Ok(length),
            _ => Err(Error::Library { code: if code > 0 { written } else { code } }),
        }
    }

    /// Decodes one frame whose header was checked, and gives how many samples it has. Real-time.
    ///
    /// libsbc may look at one byte behind the frame, so there has to be one.
    pub(super) fn decode(
        &mut self,
        frame: &[u8; MAX_FRAME + 1],
        length: usize,
        samples: &mut [i16],
    ) -> Result<usize, Error> {
        let length = length.min(MAX_FRAME);
        let mut written = 0_usize;
        // SAFETY: there are more bytes than `length`, by one at least; samples are written as far as there is room.
        let code = unsafe {
            let (input, output) = (frame.as_ptr().cast(), samples.as_mut_ptr().cast());
            sbc_decode(&raw mut self.raw, input, length, output, size_of_val(samples), &raw mut written)
        };
        match code {
            -3 => Err(Error::Damaged { flaw: "its checksum is wrong" }),
            ..=0 => Err(Error::Damaged { flaw: "libsbc cannot read it" }),
            _ => Ok(written / size_of::<i16>()),
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: the structure was made by `sbc_init` and is not used afterwards.
        unsafe { sbc_finish(&raw mut self.raw) };
        self.raw.private = null_mut();
    }
}

impl core::fmt::Debug for Library {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_struct("Library").field("config", &self.config).finish_non_exhaustive()
    }
}
