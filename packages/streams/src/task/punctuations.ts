import { StreamsError } from '../errors.ts'
import type { Cancellable, PunctuationType } from '../operator.ts'

interface Schedule {
  readonly node: string
  readonly intervalMs: number
  readonly punctuate: (timestamp: number) => void
  nextMs: number
  isCancelled: boolean
}

/** The functions that a task calls as its stream time, or the clock, moves. */
export class Punctuations {
  readonly #schedules: Record<PunctuationType, Schedule[]> = {
    STREAM_TIME: [],
    WALL_CLOCK_TIME: [],
  }

  /** Stream time starts on the grid of the interval from 0, the wall clock one interval from now (trap 46). */
  add(
    node: string,
    intervalMs: number,
    type: PunctuationType,
    punctuate: (timestamp: number) => void,
    nowMs: number,
    startMs?: number,
  ): Cancellable {
    if (!(intervalMs >= 1))
      throw new StreamsError(
        'MR_STREAMS_BAD_OPTION',
        `"${node}" schedules every ${intervalMs} ms; the least is 1 ms.`,
      )
    const first = startMs ?? (type === 'STREAM_TIME' ? 0 : nowMs + intervalMs)
    const schedule: Schedule = { node, intervalMs, punctuate, nextMs: first, isCancelled: false }
    this.#schedules[type].push(schedule)
    return { cancel: () => void (schedule.isCancelled = true) }
  }

  /** Calls each that is due at `timeMs`, once however many of its times have passed, the earliest due first. Returns whether one was. */
  fire(
    type: PunctuationType,
    timeMs: number,
    run: (node: string, punctuate: () => void) => void,
  ): boolean {
    let hasFired = false
    for (;;) {
      const schedules = (this.#schedules[type] = this.#schedules[type].filter(
        (each) => !each.isCancelled,
      ))
      let due: Schedule | undefined
      for (const each of schedules)
        if (each.nextMs <= timeMs && (!due || each.nextMs < due.nextMs)) due = each
      if (!due) return hasFired
      const { node, punctuate, intervalMs } = due
      due.nextMs = nextAfter(due.nextMs, intervalMs, timeMs)
      hasFired = true
      run(node, () => punctuate(timeMs))
    }
  }
}

/** The first time of the grid after `timeMs`: times that were missed are skipped. */
function nextAfter(dueMs: number, intervalMs: number, timeMs: number): number {
  const next = dueMs + intervalMs
  if (next > timeMs) return next
  const missed = Math.floor((timeMs - dueMs) / intervalMs)
  return dueMs + (missed + 1) * intervalMs
}
