//! Bits into bytes and back, the most significant first.

use super::Flaw;

/// Bits on their way to bytes.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// The last `used` bits have not become bytes yet; what stands above them has.
    pending: u64,
    used: u32,
}

impl BitWriter {
    /// Writes the lowest `bits` of a value, at most 32; the value must fit.
    pub(crate) fn put(&mut self, value: u32, bits: u32) {
        self.pending = (self.pending << bits) | u64::from(value);
        self.used += bits;
        while self.used >= 8 {
            self.used -= 8;
            #[expect(clippy::cast_possible_truncation, reason = "the byte that is complete")]
            self.bytes.push((self.pending >> self.used) as u8);
        }
    }

    /// Writes a signed value in two's complement.
    pub(crate) fn put_signed(&mut self, value: i32, bits: u32) {
        self.put(value.cast_unsigned() & low_bits(bits), bits);
    }

    /// Writes so many zeros and a one.
    pub(crate) fn put_unary(&mut self, mut zeros: u32) {
        while zeros >= 31 {
            self.put(0, 31);
            zeros -= 31;
        }
        self.put(1, zeros + 1);
    }

    /// Fills the last byte with zeros.
    pub(crate) fn align(&mut self) {
        self.put(0, self.used.wrapping_neg() % 8);
    }

    /// The whole bytes so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads bits from the front of a slice.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next `left` bits, at the top; zeros below them.
    cache: u64,
    left: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, cache: 0, left: 0 }
    }

    /// The next bits, at most 32.
    pub(crate) fn take(&mut self, bits: u32) -> Result<u32, Flaw> {
        self.fill();
        if bits > self.left {
            return Err(ENDS);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are left")]
        let value = self.cache.checked_shr(64 - bits).unwrap_or(0) as u32;
        self.skip(bits);
        Ok(value)
    }

    /// The next bits as a number in two's complement, at most 32.
    pub(crate) fn take_signed(&mut self, bits: u32) -> Result<i32, Flaw> {
        let value = self.take(bits)?;
        let unused = 32 - bits.clamp(1, 32);
        Ok((value << unused).cast_signed() >> unused)
    }

    /// How many zeros come before the next one; takes the one, too.
    pub(crate) fn take_unary(&mut self) -> Result<u32, Flaw> {
        let mut zeros = 0;
        loop {
            self.fill();
            let here = self.cache.leading_zeros();
            if here < self.left {
                self.skip(here + 1);
                return Ok(zeros + here);
            }
            if self.left == 0 {
                return Err(ENDS);
            }
            zeros += self.left;
            self.skip(self.left);
        }
    }

    fn fill(&mut self) {
        while self.left <= 56
            && let Some((byte, rest)) = self.bytes.split_first()
        {
            self.cache |= u64::from(*byte) << (56 - self.left);
            self.left += 8;
            self.bytes = rest;
        }
    }

    fn skip(&mut self, bits: u32) {
        self.cache = self.cache.checked_shl(bits).unwrap_or(0);
        self.left -= bits;
    }
}

const ENDS: Flaw = Flaw("it ends early");

fn low_bits(bits: u32) -> u32 {
    u32::MAX.checked_shr(32 - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let items: Vec<(u32, u32)> = (0..10_000).map(|_| (random.u32(0..=32), random.u32(..))).collect();
        let mut writer = BitWriter::default();
        for (bits, value) in &items {
            writer.put(value & low_bits(*bits), *bits);
            writer.put_unary(value % 100);
            writer.put_signed(value.cast_signed() >> 12, 20);
        }
        writer.align();
        let bytes = writer.into_bytes();
        let mut reader = BitReader::new(&bytes);
        for (bits, value) in items {
            assert_eq!(reader.take(bits).unwrap(), value & low_bits(bits));
            assert_eq!(reader.take_unary().unwrap(), value % 100);
            assert_eq!(reader.take_signed(20).unwrap(), value.cast_signed() >> 12);
        }
    }

    #[test]
    fn the_end_is_an_error_and_stays_one() {
        let mut reader = BitReader::new(&[0b0000_0001, 0]);
        assert_eq!(reader.take_unary().unwrap(), 7);
        assert_eq!(reader.take(9), Err(ENDS));
        assert_eq!(reader.take_unary(), Err(ENDS));
        assert_eq!(reader.take(1), Err(ENDS));
    }
}
