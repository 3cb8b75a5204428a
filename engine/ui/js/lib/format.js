// Figures and times for people.

/** 3:07, or 1:02:03. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds ?? 0));
  const two = (number) => String(number).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** 3 minutes 7 seconds, to be read out. */
export function spoken(seconds) {
  const whole = Math.max(0, Math.floor(seconds ?? 0));
  const minutes = Math.floor(whole / 60);
  return [minutes && count(minutes, 'minute'), count(whole % 60, 'second')].filter(Boolean).join(' ');
}

/** For so long, roughly: 40 s, 21 min, 3 h, 2 days. */
export function span(seconds) {
  if (seconds < 100) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** The time since an instant of the calendar. */
export function since(unix) {
  return span(Date.now() / 1000 - unix);
}

/** A short time in the unit that suits it: 18 µs, 1.4 ms, 0.48 s. */
export function short(seconds) {
  const size = Math.abs(seconds);
  if (size < 0.0009995) return `${digits(seconds * 1e6)} µs`;
  if (size < 0.9995) return `${digits(seconds * 1e3)} ms`;
  return `${digits(seconds)} s`;
}

function digits(value) {
  const size = Math.abs(value);
  return value.toFixed(size < 9.95 && size !== 0 ? 1 : 0).replace('-', '−').replace(/\.0$/, '');
}

/** 1 room, 2 rooms. */
export function count(number, word) {
  return `${number.toLocaleString('en')} ${word}${number === 1 ? '' : 's'}`;
}

/** Kitchen; Kitchen and Study; Kitchen, Study and Hall. */
export function listed(names) {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** What there is of it, with dots between. */
export function dotted(...parts) {
  return parts.filter((part) => part !== null && part !== undefined && part !== '').join(' · ');
}

/** 110 Hz, 2.4 kHz. */
export function hertz(frequency) {
  return frequency < 1000 ? `${Math.round(frequency)} Hz` : `${digits(frequency / 1000)} kHz`;
}

/** +3 dB. */
export function decibel(gain) {
  return `${gain > 0 ? '+' : ''}${gain.toFixed(1).replace('-', '−').replace(/\.0$/, '')} dB`;
}

/** 3 Nov 2026. */
export function day(unix) {
  return new Date(unix * 1000).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}
