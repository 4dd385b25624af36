import type { Clock, Logger, Meter } from '@millrace/core'

/** Somebody's wish, as the audit has it. */
export interface PauseAct {
  readonly act: 'pause' | 'resume'
  readonly by: string
  readonly reason: string
  readonly atMs: number
  /** Of the request: what several instances did for one wish has the same. */
  readonly correlationId: string
}

/** What somebody wants of this instance, and who. */
export type PauseWish = Omit<PauseAct, 'atMs'>

export interface PausingOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
  readonly meter: Meter
  /** Has the stream app pause or go on, where there is one. */
  readonly apply: (isPaused: boolean) => void
}

/** Acts that are remembered; the log has all of them. */
const maxActs = 20

/** Whether this instance is paused, and who wanted that. Holds for every stream app that is started here; ends with the process. Owner: the service. */
export class Pausing {
  readonly #options: PausingOptions
  #acts: readonly PauseAct[] = []

  constructor(options: PausingOptions) {
    this.#options = options
    options.meter.gauge({
      name: 'mr_order_saga_paused',
      help: '1 while somebody has paused this instance: its orders wait, and their time-outs too.',
      collect: (gauge) => gauge.set(this.isPaused ? 1 : 0),
    })
  }

  /** The newest first. */
  get acts(): readonly PauseAct[] {
    return this.#acts
  }

  get isPaused(): boolean {
    return this.#acts[0]?.act === 'pause'
  }

  /** Writes a line to the log, where it changes something. */
  want(wish: PauseWish): void {
    const { act, by, reason, correlationId } = wish
    if (this.isPaused === (act === 'pause')) return
    const { clock, logger, apply } = this.#options
    this.#acts = [{ ...wish, atMs: clock.now() }, ...this.#acts].slice(0, maxActs)
    const words = act === 'pause' ? 'The saga was paused' : 'The saga was resumed'
    logger.warn(words, { by, reason, correlationId })
    apply(this.isPaused)
  }
}
