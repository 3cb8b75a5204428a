// What an equaliser does to each frequency: the formulas of the Audio EQ Cookbook (R. Bristow-Johnson), at 48 kHz.

const RATE = 48_000;

function coefficients({ kind, frequency_hz: frequency, gain_db: gain, q }) {
  const omega = (2 * Math.PI * Math.min(frequency, RATE * 0.49)) / RATE;
  const [sin, cos] = [Math.sin(omega), Math.cos(omega)];
  const alpha = sin / (2 * q);
  const a = 10 ** (gain / 40);
  const root = 2 * Math.sqrt(a) * alpha;
  switch (kind) {
    case 'low_shelf':
      return [a * (a + 1 - (a - 1) * cos + root), 2 * a * (a - 1 - (a + 1) * cos), a * (a + 1 - (a - 1) * cos - root),
        a + 1 + (a - 1) * cos + root, -2 * (a - 1 + (a + 1) * cos), a + 1 + (a - 1) * cos - root];
    case 'high_shelf':
      return [a * (a + 1 + (a - 1) * cos + root), -2 * a * (a - 1 + (a + 1) * cos), a * (a + 1 + (a - 1) * cos - root),
        a + 1 - (a - 1) * cos + root, 2 * (a - 1 - (a + 1) * cos), a + 1 - (a - 1) * cos - root];
    case 'low_pass':
      return [(1 - cos) / 2, 1 - cos, (1 - cos) / 2, 1 + alpha, -2 * cos, 1 - alpha];
    case 'high_pass':
      return [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2, 1 + alpha, -2 * cos, 1 - alpha];
    case 'notch':
      return [1, -2 * cos, 1, 1 + alpha, -2 * cos, 1 - alpha];
    default:
      return [1 + alpha * a, -2 * cos, 1 - alpha * a, 1 + alpha / a, -2 * cos, 1 - alpha / a];
  }
}

/** The gain of a whole equaliser at a frequency, in decibels. */
export function response({ preamp_db: preamp, bands }, frequency) {
  const phi = (2 * Math.PI * frequency) / RATE;
  const size = (zero, one, two) => {
    const real = zero + one * Math.cos(phi) + two * Math.cos(2 * phi);
    const imaginary = one * Math.sin(phi) + two * Math.sin(2 * phi);
    return Math.max(1e-9, Math.hypot(real, imaginary));
  };
  return bands.reduce((sum, band) => {
    const [b0, b1, b2, a0, a1, a2] = coefficients(band);
    return sum + 20 * Math.log10(size(b0, b1, b2) / size(a0, a1, a2));
  }, preamp);
}
