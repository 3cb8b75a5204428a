//! Partitioned Rice codes of what prediction left over (RFC 9639 section 9.2.7).

use super::{
    Flaw,
    bits::{BitReader, BitWriter},
};

/// Sixty-four partitions: 15 samples each in 20 ms, about as short as the spectrum of music changes.
const MAX_ORDER: u32 = 6;

/// The largest parameter with 4 bits; loud sound of 24 bits needs more.
const MAX_NARROW: u32 = 14;

/// The largest parameter with 5 bits.
const MAX_WIDE: u32 = 30;

/// How a residual is going to be coded.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// There are 2^order partitions.
    order: u32,
    /// One for each partition.
    parameters: Vec<u32>,
    /// What it costs.
    pub(crate) bits: u64,
}

impl Plan {
    /// Chooses partitions and parameters for the residual that follows `warm_up` samples of a block.
    pub(crate) fn new(residual: &[i32], warm_up: usize) -> Self {
        let block = residual.len() + warm_up;
        let mut order = block.trailing_zeros().min(MAX_ORDER);
        while order > 0 && block >> order <= warm_up {
            order -= 1;
        }
        let mut sums: Vec<u64> = partitions(residual, warm_up, order)
            .map(|part| part.iter().map(|value| u64::from(fold(*value))).sum())
            .collect();
        let mut best: Option<(u64, u32, Vec<u32>)> = None;
        loop {
            let lengths = (0..sums.len()).map(|i| (block >> order) - if i == 0 { warm_up } else { 0 });
            let choices: Vec<(u32, u64)> =
                lengths.zip(&sums).map(|(length, sum)| cheapest(length as u64, *sum)).collect();
            let cost = choices.iter().map(|(_, cost)| cost + 5).sum();
            if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                best = Some((cost, order, choices.iter().map(|(parameter, _)| *parameter).collect()));
            }
            if order == 0 {
                break;
            }
            order -= 1;
            sums = sums.chunks(2).map(|pair| pair.iter().sum()).collect();
        }
        let (_, order, parameters) = best.unwrap_or_default();
        let mut plan = Self { order, parameters, bits: 0 };
        plan.bits = plan.cost(residual, warm_up);
        plan
    }

    pub(crate) fn write(&self, out: &mut BitWriter, residual: &[i32], warm_up: usize) {
        let width = self.parameter_width();
        out.put(width - 4, 2);
        out.put(self.order, 4);
        for (part, parameter) in partitions(residual, warm_up, self.order).zip(&self.parameters) {
            out.put(*parameter, width);
            for value in part {
                let folded = fold(*value);
                out.put_unary(folded >> parameter);
                out.put(folded & ((1 << parameter) - 1), *parameter);
            }
        }
    }

    /// Bits, exactly.
    fn cost(&self, residual: &[i32], warm_up: usize) -> u64 {
        let parts = partitions(residual, warm_up, self.order).zip(&self.parameters).map(|(part, parameter)| {
            let quotients: u64 = part.iter().map(|value| u64::from(fold(*value) >> parameter)).sum();
            u64::from(self.parameter_width()) + part.len() as u64 * u64::from(parameter + 1) + quotients
        });
        6 + parts.sum::<u64>()
    }

    fn parameter_width(&self) -> u32 {
        if self.parameters.iter().all(|parameter| *parameter <= MAX_NARROW) { 4 } else { 5 }
    }
}

/// Reads the residual that follows `warm_up` samples of a block.
pub(crate) fn read(from: &mut BitReader<'_>, residual: &mut [i32], warm_up: usize) -> Result<(), Flaw> {
    let width = match from.take(2)? {
        0 => 4,
        1 => 5,
        _ => return Err(Flaw("its residual is coded in a reserved way")),
    };
    let order = from.take(4)?;
    let block = residual.len() + warm_up;
    let length = block >> order;
    if length << order != block || length < warm_up {
        return Err(Flaw("its partitions do not fill it"));
    }
    let (first, rest) = residual.split_at_mut_checked(length - warm_up).ok_or(Flaw("its partitions do not fill it"))?;
    for part in core::iter::once(first).chain(rest.chunks_mut(length.max(1))) {
        let parameter = from.take(width)?;
        if parameter == (1 << width) - 1 {
            let bits = from.take(5)?;
            for value in part {
                *value = if bits == 0 { 0 } else { from.take_signed(bits)? };
            }
        } else {
            for value in part {
                let quotient = from.take_unary()?;
                *value = unfold(quotient << parameter | from.take(parameter)?);
            }
        }
    }
    Ok(())
}

/// The parts of a residual in 2^order partitions of the block; the first is shorter by the warm-up.
fn partitions(residual: &[i32], warm_up: usize, order: u32) -> impl Iterator<Item = &[i32]> {
    let length = ((residual.len() + warm_up) >> order).max(1);
    let (first, rest) = residual.split_at(length.saturating_sub(warm_up).min(residual.len()));
    core::iter::once(first).chain(rest.chunks(length))
}

/// The parameter for so many values of such a sum, and about what they cost with it.
fn cheapest(length: u64, sum: u64) -> (u32, u64) {
    let mean = sum.checked_div(length).unwrap_or(0);
    // For a geometric distribution it lies within one of this.
    let guess = mean.checked_ilog2().unwrap_or(0).min(MAX_WIDE);
    let cost = |parameter: u32| {
        // What is shifted out of each value is half a step on average.
        let rounding = if parameter > 0 { length / 2 } else { 0 };
        length * u64::from(parameter + 1) + (sum >> parameter).saturating_sub(rounding)
    };
    (guess.saturating_sub(1)..=(guess + 1).min(MAX_WIDE))
        .map(|parameter| (parameter, cost(parameter)))
        .min_by_key(|(_, cost)| *cost)
        .unwrap_or((guess, u64::MAX))
}

/// 0, -1, 1, -2, 2 … become 0, 1, 2, 3, 4 …
const fn fold(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

const fn unfold(folded: u32) -> i32 {
    (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals_of_every_size_are_read_as_they_were_written() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for bits in 0..=30 {
            for (block, warm_up) in [(960, 0), (960, 12), (480, 4), (882, 8), (20, 4), (16, 12), (17, 17)] {
                let residual: Vec<i32> =
                    (warm_up..block).map(|_| random.i32(..).checked_shr(32 - bits).unwrap_or(0)).collect();
                let plan = Plan::new(&residual, warm_up);
                let mut writer = BitWriter::default();
                plan.write(&mut writer, &residual, warm_up);
                let whole_bytes = writer.bytes().len() as u64;
                assert!((whole_bytes * 8..whole_bytes * 8 + 8).contains(&plan.bits), "{bits} {block} {warm_up}");
                writer.align();
                let bytes = writer.into_bytes();
                let mut out = vec![0; residual.len()];
                read(&mut BitReader::new(&bytes), &mut out, warm_up).unwrap();
                assert_eq!(out, residual, "{bits} bits, {block} with {warm_up}");
            }
        }
    }

    #[test]
    fn escaped_partitions_are_read() {
        let mut writer = BitWriter::default();
        writer.put(0, 2);
        writer.put(1, 4);
        writer.put(15, 4);
        writer.put(0, 5);
        writer.put(15, 4);
        writer.put(3, 5);
        for value in [-4, 3, -1, 0] {
            writer.put_signed(value, 3);
        }
        writer.align();
        let bytes = writer.into_bytes();
        let mut out = [9; 7];
        read(&mut BitReader::new(&bytes), &mut out, 1).unwrap();
        assert_eq!(out, [0, 0, 0, -4, 3, -1, 0]);
    }
}
