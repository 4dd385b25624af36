import { StreamsError } from './errors.ts'

/** How far apart in time two records may be to be joined; bounds are inclusive. */
export interface JoinWindows {
  /** How much earlier than the left record the right one may be, ms. */
  readonly beforeMs: number
  /** How much later than the left record the right one may be, ms. */
  readonly afterMs: number
  /** How long past that a left or outer join waits for a partner that comes out of order, ms of stream time. */
  readonly graceMs: number
}

/**
 * Windows of a join of two streams: a left record at `t` is joined with right ones from `t - beforeMs` to `t + afterMs`. One bound may be
 * negative, if the other is at least as large: `{ beforeMs: -5, afterMs: 10 }` asks for what comes 5 to 10 ms later.
 *
 * Grace does not make late records be left out: one that still finds partners is joined (trap 23). It says when a record without partner
 * is given up, and with the bounds how long records are kept: `beforeMs + afterMs + graceMs`.
 * @param windows `withinMs` is both bounds, >= 0; all are integers, ms; `graceMs` >= 0
 * @throws StreamsError `MR_STREAMS_BAD_WINDOW` when a bound is broken
 * @see Kafka Streams `JoinWindows.ofTimeDifferenceAndGrace`; KIP-633 (grace has no default)
 */
export function joinWindows(
  windows:
    | { readonly withinMs: number; readonly graceMs: number }
    | { readonly beforeMs: number; readonly afterMs: number; readonly graceMs: number },
): JoinWindows {
  const { beforeMs, afterMs } =
    'withinMs' in windows ? { beforeMs: windows.withinMs, afterMs: windows.withinMs } : windows
  const { graceMs } = windows
  for (const [name, value] of Object.entries(windows))
    if (!Number.isSafeInteger(value))
      throw bad(`${name} is ${value}; it must be an integer, in ms.`, windows)
  if ('withinMs' in windows && windows.withinMs < 0)
    throw bad(`withinMs is ${windows.withinMs}; it must be at least 0.`, windows)
  if (beforeMs + afterMs < 0)
    throw bad(
      `From ${-beforeMs} to ${afterMs} ms there is no time: beforeMs + afterMs must be at least 0.`,
      windows,
    )
  if (graceMs < 0) throw bad(`graceMs is ${graceMs}; it must be at least 0.`, windows)
  return { beforeMs, afterMs, graceMs }
}

function bad(message: string, windows: object): StreamsError {
  return new StreamsError('MR_STREAMS_BAD_WINDOW', `joinWindows: ${message}`, { ...windows })
}
