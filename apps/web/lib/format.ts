const integers = new Intl.NumberFormat('en')
const times = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })

/** An absent value, which is never shown as zero. */
export const absent = '–'

/** `1,234 views`, `1 view`, `– views` when unknown. */
export function count(value: number | null, one: string, many = `${one}s`): string {
  return `${integer(value)} ${value === 1 ? one : many}`
}

export function integer(value: number | null): string {
  return value === null ? absent : integers.format(value)
}

/** Events per second with the precision that still means something. */
export function rate(perSecond: number | null): string {
  if (perSecond === null) return absent
  if (perSecond === 0) return '0 /s'
  if (perSecond < 0.1) return '< 0.1 /s'
  return `${perSecond < 10 ? perSecond.toFixed(1) : integers.format(Math.round(perSecond))} /s`
}

/** A span of time in one unit: `0.4 ms`, `38 ms`, `2.1 s`, `4 min`, `3 h`, `12 d`. */
export function duration(ms: number | null): string {
  if (ms === null) return absent
  if (ms < 0) return `−${duration(-ms)}`
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`
  return `${integers.format(Math.round(ms / 86_400_000))} d`
}

/** How long ago: tenths of a second at first, so that a live figure shows it is alive. */
export function age(ms: number): string {
  if (ms < 0) return 'just now'
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s ago`
  return `${duration(ms)} ago`
}

/** Relative below a day, absolute above. */
export function when(timeMs: number, nowMs: number): string {
  const agoMs = nowMs - timeMs
  if (agoMs < 10_000) return 'just now'
  return agoMs < 86_400_000 ? `${duration(agoMs)} ago` : times.format(timeMs)
}

/** For hover and copying: exact, in UTC. */
export function exactTime(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

/** Clock time with milliseconds in the reader's zone, for steps that lie milliseconds apart. */
export function clockTime(timeMs: number): string {
  const date = new Date(timeMs)
  const two = (value: number) => String(value).padStart(2, '0')
  const ms = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`
}

/** Middle-cut id: `019c3f…7a21`. */
export function shortId(id: string): string {
  return id.length <= 13 ? id : `${id.slice(0, 6)}…${id.slice(-4)}`
}
