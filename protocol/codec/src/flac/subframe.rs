//! One channel of a frame (RFC 9639 section 9.2).

use std::borrow::Cow;

use super::{
    Flaw,
    bits::{BitReader, BitWriter},
    predict::{Analysis, Predictor},
    rice,
};

/// The cheapest way found to write one channel.
#[derive(Debug)]
pub(crate) struct Subframe<'a> {
    /// Without the low bits that no sample uses.
    samples: Cow<'a, [i32]>,
    /// Bits in a sample, without those.
    depth: u32,
    unused: u32,
    model: Model,
    /// What it costs, at most.
    pub(crate) bits: u64,
}

#[derive(Debug)]
enum Model {
    /// All samples are the same.
    Constant,
    /// As they are.
    Verbatim,
    /// What a predictor leaves. The precision is that of its coefficients; a fixed one has none to write.
    Predicted { predictor: Predictor, precision: Option<u32>, residual: Vec<i32>, plan: rice::Plan },
}

impl<'a> Subframe<'a> {
    /// Tries what there is.
    pub(crate) fn cheapest(samples: &'a [i32], depth: u32, analysis: &mut Analysis) -> Self {
        let used = samples.iter().fold(0, |used, sample| used | sample);
        if used == 0 || samples.windows(2).all(|pair| pair[0] == pair[1]) {
            let bits = u64::from(8 + depth);
            return Self { samples: samples.into(), depth, unused: 0, model: Model::Constant, bits };
        }
        let unused = used.trailing_zeros();
        let depth = depth - unused;
        let samples: Cow<'_, [i32]> =
            if unused == 0 { samples.into() } else { samples.iter().map(|sample| sample >> unused).collect() };
        let verbatim = (Model::Verbatim, samples.len() as u64 * u64::from(depth));
        // As many as libFLAC takes for blocks of this length.
        let precision = if depth > 17 { 15 } else { 13 };
        let linear = analysis.predictor(&samples, depth, precision).map(|predictor| (predictor, Some(precision)));
        let fixed = best_fixed(&samples).map(|predictor| (predictor, None));
        let predicted = fixed.into_iter().chain(linear).filter_map(|(predictor, precision)| {
            let residual = predictor.residual(&samples)?;
            let order = predictor.order();
            let plan = rice::Plan::new(&residual, order);
            let coefficients = precision.map_or(0, |precision| 9 + order as u64 * u64::from(precision));
            let bits = plan.bits + coefficients + order as u64 * u64::from(depth);
            Some((Model::Predicted { predictor, precision, residual, plan }, bits))
        });
        let (model, bits) = predicted.fold(verbatim, |best, next| if next.1 < best.1 { next } else { best });
        Self { samples, depth, unused, model, bits: bits + u64::from(8 + unused) }
    }

    pub(crate) fn write(&self, out: &mut BitWriter) {
        let begin = |out: &mut BitWriter, code: u32| {
            out.put(code << 1 | u32::from(self.unused > 0), 8);
            if self.unused > 0 {
                out.put_unary(self.unused - 1);
            }
        };
        match &self.model {
            Model::Constant => {
                begin(out, 0);
                out.put_signed(self.samples.first().copied().unwrap_or(0), self.depth);
            }
            Model::Verbatim => {
                begin(out, 1);
                self.samples.iter().for_each(|sample| out.put_signed(*sample, self.depth));
            }
            Model::Predicted { predictor, precision, residual, plan } => {
                let order = predictor.order();
                #[expect(clippy::cast_possible_truncation, reason = "at most 12")]
                begin(out, if precision.is_some() { 31 + order as u32 } else { 8 + order as u32 });
                self.samples.iter().take(order).for_each(|sample| out.put_signed(*sample, self.depth));
                if let Some(precision) = precision {
                    out.put(precision - 1, 4);
                    out.put(predictor.shift, 5);
                    predictor.coefficients.iter().for_each(|weight| out.put_signed(*weight, *precision));
                }
                plan.write(out, residual, order);
            }
        }
    }
}

/// Reads one channel of samples of `depth` bits.
pub(crate) fn read(from: &mut BitReader<'_>, depth: u32, samples: &mut [i32]) -> Result<(), Flaw> {
    if from.take(1)? != 0 {
        return Err(Flaw("it holds what is no channel"));
    }
    let code = from.take(6)?;
    let unused = if from.take(1)? == 1 { from.take_unary()? + 1 } else { 0 };
    let depth = depth.checked_sub(unused).filter(|depth| *depth > 0).ok_or(Flaw("its samples have no bits"))?;
    match code {
        0 => samples.fill(from.take_signed(depth)?),
        1 => read_samples(from, depth, samples)?,
        8..=12 | 32..=63 => {
            let order = if code < 32 { code - 8 } else { code - 31 } as usize;
            let warm_up = samples.get_mut(..order).ok_or(Flaw("it is shorter than its predictor"))?;
            read_samples(from, depth, warm_up)?;
            let predictor = if code < 32 { Predictor::fixed(order) } else { Some(read_predictor(from, order)?) };
            rice::read(from, &mut samples[order..], order)?;
            predictor.ok_or(RESERVED)?.restore(samples);
        }
        _ => return Err(RESERVED),
    }
    if unused > 0 {
        samples.iter_mut().for_each(|sample| *sample <<= unused);
    }
    Ok(())
}

fn read_samples(from: &mut BitReader<'_>, depth: u32, samples: &mut [i32]) -> Result<(), Flaw> {
    for sample in samples {
        *sample = from.take_signed(depth)?;
    }
    Ok(())
}

fn read_predictor(from: &mut BitReader<'_>, order: usize) -> Result<Predictor, Flaw> {
    let precision = from.take(4)? + 1;
    let shift = from.take(5)?;
    // A shift is signed, and must not be negative.
    if precision == 16 || shift >= 16 {
        return Err(RESERVED);
    }
    let coefficients = (0..order).map(|_| from.take_signed(precision)).collect::<Result<_, _>>()?;
    Ok(Predictor { coefficients, shift })
}

/// The fixed predictor that leaves least.
fn best_fixed(samples: &[i32]) -> Option<Predictor> {
    let mut left = samples.to_vec();
    let mut best = (u64::MAX, 0);
    for order in 0..=4 {
        if order > 0 {
            for i in (order..left.len()).rev() {
                left[i] -= left[i - 1];
            }
        }
        // All orders are compared over the same samples.
        let sum = left.iter().skip(4).map(|left| u64::from(left.unsigned_abs())).sum();
        if sum < best.0 {
            best = (sum, order);
        }
    }
    Predictor::fixed(best.1)
}

const RESERVED: Flaw = Flaw("its predictor is reserved");
