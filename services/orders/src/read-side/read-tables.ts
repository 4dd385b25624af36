import { backoffMs, toError, type Clock, type Logger } from '@millrace/core'

export interface ReadTablesOptions {
  /** Makes or updates the tables; repeated until it works. */
  readonly make: () => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}

const backoff = { baseMs: 200, maxMs: 5_000 }

/** The read model's tables, made in the background: while only its database is away, orders are taken all the same. */
export class ReadTables {
  readonly #options: ReadTablesOptions
  readonly #closing = new AbortController()
  #started: Promise<boolean> | undefined
  #isMade = false

  constructor(options: ReadTablesOptions) {
    this.#options = options
  }

  /** True once they are there. */
  get isMade(): boolean {
    return this.#isMade
  }

  /** Resolves when the tables are there: true; or when this was closed before. Idempotent. */
  start(): Promise<boolean> {
    this.#started ??= this.#start()
    return this.#started
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#started
  }

  async #start(): Promise<boolean> {
    const { make, clock, logger } = this.#options
    const { signal } = this.#closing
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await make()
        this.#isMade = true
        return true
      } catch (error) {
        logger.warn('The read model of orders could not be made ready yet; it is tried again', {
          attempt,
          error: toError(error),
        })
        await clock.sleep(backoffMs(attempt, backoff), signal).catch(() => {})
      }
    }
    return false
  }
}
