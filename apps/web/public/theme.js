// Runs before the first paint. Keep in step with lib/theme.ts.
try {
  const chosen = localStorage.getItem('millrace.theme')
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
} catch {
  // Storage may be blocked; then the system's theme stands.
}
