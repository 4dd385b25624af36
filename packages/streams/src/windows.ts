import { StreamsError } from './errors.ts'

/**
 * Windows of one size whose starts are the multiples of `advanceMs` from the epoch; the end is exclusive. Made by `tumblingWindows` and
 * `hoppingWindows`.
 */
export interface TimeWindows {
  readonly kind: 'time'
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
}

/** Windows `[t - differenceMs, t]` and `[t + 1, t + 1 + differenceMs]` of each record's time t, both ends inclusive. Made by `slidingWindows`. */
export interface SlidingWindows {
  readonly kind: 'sliding'
  readonly differenceMs: number
  readonly graceMs: number
}

/** Windows from a first to a last record with no pause of more than `gapMs` between, both ends inclusive. Made by `sessionWindows`. */
export interface SessionWindows {
  readonly kind: 'session'
  readonly gapMs: number
  readonly graceMs: number
}

/**
 * Windows of one fixed size, one beside the other, aligned to the epoch; the end is exclusive.
 * A record is late for a window once the step has seen the time `endMs + graceMs`; it is left out there and counted.
 * @param options.sizeMs length, ms, integer >= 1
 * @param options.graceMs how long past the end records out of order are still taken, ms, integer >= 0
 * @throws StreamsError `MR_STREAMS_BAD_WINDOW` where a bound is broken
 * @see Kafka Streams `TimeWindows.ofSizeAndGrace`; KIP-633 (grace has no default)
 */
export function tumblingWindows(options: {
  readonly sizeMs: number
  readonly graceMs: number
}): TimeWindows {
  return hoppingWindows({ ...options, advanceMs: options.sizeMs })
}

/**
 * Windows of one fixed size, a new one every `advanceMs`: a record belongs to `sizeMs / advanceMs` of them, and each decides for itself
 * whether the record is late.
 * @param options.sizeMs length, ms, integer >= 1
 * @param options.advanceMs from one start to the next, ms, integer from 1 to `sizeMs`
 * @param options.graceMs how long past the end records out of order are still taken, ms, integer >= 0
 * @throws StreamsError `MR_STREAMS_BAD_WINDOW` where a bound is broken
 * @see Kafka Streams `TimeWindows.advanceBy`
 */
export function hoppingWindows(options: {
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
}): TimeWindows {
  const { sizeMs, advanceMs, graceMs } = options
  check('sizeMs', sizeMs, 1)
  check('advanceMs', advanceMs, 1)
  check('graceMs', graceMs, 0)
  if (advanceMs > sizeMs)
    throw bad(
      `advanceMs is ${advanceMs} ms and sizeMs ${sizeMs} ms: records between two windows would belong to none. The advance must not be longer than the window.`,
    )
  return { kind: 'time', sizeMs, advanceMs, graceMs }
}

/**
 * Windows of records that lie at most `differenceMs` from each other; a window exists for each different set of such records of a key.
 * @param options.differenceMs between the first and the last instant, ms, integer >= 1 (Java takes 0 and fails at the first record)
 * @param options.graceMs how long past the end records out of order are still taken, ms, integer >= 0
 * @throws StreamsError `MR_STREAMS_BAD_WINDOW` where a bound is broken
 * @see Kafka Streams `SlidingWindows.ofTimeDifferenceAndGrace`; KIP-450
 */
export function slidingWindows(options: {
  readonly differenceMs: number
  readonly graceMs: number
}): SlidingWindows {
  const { differenceMs, graceMs } = options
  check('differenceMs', differenceMs, 1)
  check('graceMs', graceMs, 0)
  return { kind: 'sliding', differenceMs, graceMs }
}

/**
 * Windows of activity: records of a key belong together while no two neighbours are more than `gapMs` apart. A record between two
 * sessions makes them one.
 * @param options.gapMs longest pause within a session, ms, integer >= 0
 * @param options.graceMs how long past `endMs + gapMs` records out of order are still taken, ms, integer >= 0
 * @throws StreamsError `MR_STREAMS_BAD_WINDOW` where a bound is broken
 * @see Kafka Streams `SessionWindows.ofInactivityGapAndGrace`
 */
export function sessionWindows(options: {
  readonly gapMs: number
  readonly graceMs: number
}): SessionWindows {
  const { gapMs, graceMs } = options
  check('gapMs', gapMs, 0)
  check('graceMs', graceMs, 0)
  return { kind: 'session', gapMs, graceMs }
}

/** Start of the first of the windows that a time belongs to; never negative. The others follow by `advanceMs`, up to the time itself. */
export function firstStartMs({ sizeMs, advanceMs }: TimeWindows, timeMs: number): number {
  const earliest = timeMs - sizeMs + advanceMs
  return earliest <= 0 ? 0 : earliest - (earliest % advanceMs)
}

/** How long a store has to keep windows for their step to be right, ms of stream time: the least retention it may have. */
export function neededRetentionMs(windows: TimeWindows | SlidingWindows | SessionWindows): number {
  switch (windows.kind) {
    case 'time':
      return windows.sizeMs + windows.graceMs
    case 'sliding':
      // The right window of a record 2 differences ago may still have to be made.
      return 2 * windows.differenceMs + windows.graceMs
    case 'session':
      return windows.gapMs + windows.graceMs
  }
}

function check(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  throw bad(`${name} is ${value}; it must be a whole number of ms, at least ${least}.`)
}

function bad(message: string): StreamsError {
  return new StreamsError('MR_STREAMS_BAD_WINDOW', message)
}
