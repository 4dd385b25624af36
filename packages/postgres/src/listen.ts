import { backoffMs, systemClock, Wakeup, type Logger } from '@millrace/core'
import type { Connection } from './connection.ts'
import type { Listener, ListenOptions } from './types.ts'
import { quoteIdentifier } from './url.ts'

/** How often an idle connection is asked for a sign of life: a dead peer would else go unnoticed for ever, ms. */
const heartbeatMs = 15_000

/**
 * Listens until closed. Returns after the first attempt to connect, whether it succeeded or not; `onConnected` says when it did.
 */
export async function listenOn(
  open: () => Promise<Connection>,
  channel: string,
  onNotify: (payload: string) => void,
  listenOptions: ListenOptions,
  logger: Logger,
): Promise<Listener> {
  const listening = new ListenLoop(open, channel, onNotify, listenOptions, logger)
  const { promise: firstAttempt, resolve } = Promise.withResolvers<void>()
  const ended = listening.run(resolve)
  await firstAttempt
  return {
    close: async () => {
      listening.stop()
      await ended
    },
  }
}

/** Owns one connection at a time: connect, listen, wait for its end, and again with backoff. */
class ListenLoop {
  readonly #open: () => Promise<Connection>
  readonly #channel: string
  readonly #onNotify: (payload: string) => void
  readonly #listenOptions: ListenOptions
  readonly #logger: Logger
  readonly #abort = new AbortController()
  readonly #wakeup = new Wakeup()
  #failures = 0

  constructor(
    open: () => Promise<Connection>,
    channel: string,
    onNotify: (payload: string) => void,
    listenOptions: ListenOptions,
    logger: Logger,
  ) {
    this.#open = open
    this.#channel = channel
    this.#onNotify = onNotify
    this.#listenOptions = listenOptions
    this.#logger = logger
  }

  stop(): void {
    this.#abort.abort()
    this.#wakeup.signal()
  }

  async run(onAttempt: () => void): Promise<void> {
    while (!this.#abort.signal.aborted) {
      try {
        const opening = this.#open()
        await using connection = await this.#unlessStopped(opening)
        // One that is open only then is of no use any more.
        if (connection === undefined)
          void opening.then((late) => late[Symbol.asyncDispose]()).catch(() => {})
        else await this.#listen(connection, onAttempt)
      } catch (error) {
        this.#logger.warn('Listening for notifications failed, connecting again', {
          channel: this.#channel,
          error,
        })
      }
      onAttempt()
      if (this.#abort.signal.aborted) return
      await this.#wakeup.wait(
        backoffMs(++this.#failures, { baseMs: 50, maxMs: 2_000 }),
        this.#abort.signal,
      )
    }
  }

  /** Returns when the connection is over or `stop` was called. */
  async #listen(connection: Connection, onListening: () => void): Promise<void> {
    const over = new AbortController()
    connection.client.on('notification', (note) => {
      if (note.channel === this.#channel) this.#onNotify(note.payload ?? '')
    })
    const onEnd = (): void => {
      over.abort()
      this.#wakeup.signal()
    }
    connection.client.on('end', onEnd)
    connection.client.on('error', onEnd)
    await this.#unlessStopped(connection.query(`listen ${quoteIdentifier(this.#channel)}`))
    if (this.#abort.signal.aborted) return
    this.#failures = 0
    this.#listenOptions.onConnected?.()
    onListening()
    let lastSignMs = systemClock.monotonicMs()
    while (!over.signal.aborted && !this.#abort.signal.aborted) {
      await this.#wakeup.wait(heartbeatMs, this.#abort.signal)
      if (over.signal.aborted || this.#abort.signal.aborted) return
      if (systemClock.monotonicMs() - lastSignMs < heartbeatMs) continue
      await this.#unlessStopped(connection.query('select 1'))
      lastSignMs = systemClock.monotonicMs()
    }
  }

  /** The work's result; `undefined` as soon as `stop` is called: a server that says nothing does not hold a close up. */
  async #unlessStopped<T>(work: Promise<T>): Promise<T | undefined> {
    work.catch(() => {}) // Told below, unless it was stopped: then nobody needs it.
    const { signal } = this.#abort
    const stopped = Promise.withResolvers<undefined>()
    const onStop = (): void => stopped.resolve(undefined)
    signal.addEventListener('abort', onStop, { once: true })
    try {
      return await (signal.aborted ? undefined : Promise.race([work, stopped.promise]))
    } finally {
      signal.removeEventListener('abort', onStop)
    }
  }
}
