/** Settings of this browser. Storage may be blocked; then a setting lasts as long as the page. */
const fallback = new Map<string, string>()

export function readSetting(key: string): string | null {
  try {
    return localStorage.getItem(`millrace.${key}`) ?? fallback.get(key) ?? null
  } catch {
    return fallback.get(key) ?? null
  }
}

export function writeSetting(key: string, value: string | null): void {
  if (value === null) fallback.delete(key)
  else fallback.set(key, value)
  try {
    if (value === null) localStorage.removeItem(`millrace.${key}`)
    else localStorage.setItem(`millrace.${key}`, value)
  } catch {
    // Blocked or full: the fallback above holds it for this page.
  }
}
