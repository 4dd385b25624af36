import { StreamsError } from '../errors.ts'
import type { Cancellable, PunctuationType, Schedule } from '../operator.ts'

interface Entry {
  readonly node: string
  readonly intervalMs: number
  readonly punctuate: (timestamp: number) => void
  dueMs: number
  isCancelled: boolean
}

/** The functions that a task calls as its stream time, or the clock, moves. They are not kept: `init` makes them again. */
export class Punctuations {
  readonly #due: Record<PunctuationType, EarliestFirst> = {
    STREAM_TIME: new EarliestFirst(),
    WALL_CLOCK_TIME: new EarliestFirst(),
  }

  /**
   * Stream time starts on the grid of the interval from 0, the wall clock one interval from now (trap 46). With `startMs` the grid is that
   * of the start, and what lies before now is skipped.
   * @param nowMs what the clock of this type says
   * @throws StreamsError `MR_STREAMS_BAD_OPTION`
   */
  add(
    node: string,
    schedule: Schedule,
    punctuate: (timestamp: number) => void,
    nowMs: number,
  ): Cancellable {
    const { intervalMs, type, startMs } = schedule
    checkSchedule(node, schedule)
    let dueMs = startMs ?? (type === 'STREAM_TIME' ? 0 : nowMs + intervalMs)
    if (startMs !== undefined && startMs < nowMs) dueMs = nextAfter(startMs, intervalMs, nowMs)
    const entry: Entry = { node, intervalMs, punctuate, dueMs, isCancelled: false }
    this.#due[type].add(entry)
    return { cancel: () => void (entry.isCancelled = true) }
  }

  /** Calls each that is due at `timeMs`, once however many of its times have passed, the earliest due first. Returns whether one was. */
  fire(
    type: PunctuationType,
    timeMs: number,
    run: (node: string, punctuate: () => void) => void,
  ): boolean {
    const queue = this.#due[type]
    let hasFired = false
    for (let entry; (entry = queue.first) !== undefined && entry.dueMs <= timeMs;) {
      const { node, punctuate, intervalMs } = entry
      queue.takeFirst()
      if (entry.isCancelled) continue
      hasFired = true
      run(node, () => punctuate(timeMs))
      if (entry.isCancelled) continue
      entry.dueMs = nextAfter(entry.dueMs, intervalMs, timeMs)
      queue.add(entry)
    }
    return hasFired
  }
}

function checkSchedule(node: string, { intervalMs, startMs }: Schedule): void {
  if (!(Number.isSafeInteger(intervalMs) && intervalMs >= 1))
    throw new StreamsError(
      'MR_STREAMS_BAD_OPTION',
      `"${node}" schedules every ${intervalMs} ms; it must be a whole number of ms, at least 1.`,
      { node, intervalMs },
    )
  if (startMs !== undefined && !(Number.isSafeInteger(startMs) && startMs >= 0))
    throw new StreamsError(
      'MR_STREAMS_BAD_OPTION',
      `"${node}" schedules from ${startMs} ms; it must be a whole number of ms since the epoch, at least 0.`,
      { node, startMs },
    )
}

/** The first time of the grid after `timeMs`: times that were missed are skipped. */
function nextAfter(dueMs: number, intervalMs: number, timeMs: number): number {
  const next = dueMs + intervalMs
  if (next > timeMs) return next
  const missed = Math.floor((timeMs - dueMs) / intervalMs)
  return dueMs + (missed + 1) * intervalMs
}

/**
 * A binary heap. Those due at the same time come in the order that Java's `PriorityQueue` gives them, which is not that of their coming:
 * what they write is to be written in Java's order.
 */
class EarliestFirst {
  readonly #heap: Entry[] = []

  get first(): Entry | undefined {
    return this.#heap[0]
  }

  add(entry: Entry): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const above = (at - 1) >>> 1
      const parent = heap[above] as Entry
      if (entry.dueMs >= parent.dueMs) break
      heap[at] = parent
      at = above
    }
    heap[at] = entry
  }

  takeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (let below; (below = 2 * at + 1) < heap.length;) {
      const right = below + 1
      if (right < heap.length && dueOf(heap, below) > dueOf(heap, right)) below = right
      if (last.dueMs <= dueOf(heap, below)) break
      heap[at] = heap[below] as Entry
      at = below
    }
    heap[at] = last
  }
}

function dueOf(heap: readonly Entry[], at: number): number {
  return (heap[at] as Entry).dueMs
}
