// Light, dark, or as the system is.

const KEY = 'unisono-look';

/** What was chosen. */
export function look() {
  try {
    return localStorage.getItem(KEY) ?? 'system';
  } catch {
    return 'system';
  }
}

/** Chooses, for this browser. */
export function setLook(value) {
  try {
    localStorage.setItem(KEY, value);
  } catch { /* It holds until the page is closed. */ }
  wear(value);
}

/** Has the page look so. */
export function wear(value = look()) {
  if (value === 'system') delete document.documentElement.dataset.look;
  else document.documentElement.dataset.look = value;
}
