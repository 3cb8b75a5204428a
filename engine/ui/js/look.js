// Before the page is drawn, so that it does not flash in the other colours.
try {
  const look = localStorage.getItem('unisono-look');
  if (look === 'light' || look === 'dark') document.documentElement.dataset.look = look;
} catch { /* As the system is. */ }
