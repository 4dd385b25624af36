import { backoffMs, MillraceError, toError, type Clock, type Logger } from '@millrace/core'
import { RuntimeError } from './errors.ts'
import { ServicePhase, type Readiness } from './readiness.ts'

type StartHook = (signal: AbortSignal) => void | Promise<void>

/** The work between listening and serving. It owns the move STARTING → RUNNING or FAILED. */
export class StartHooks {
  readonly #readiness: Readiness
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #hooks: { readonly name: string; readonly fn: StartHook }[] = []
  readonly #abort = new AbortController()
  #running: Promise<void> | undefined

  constructor(parts: {
    readonly readiness: Readiness
    readonly logger: Logger
    readonly clock: Clock
  }) {
    this.#readiness = parts.readiness
    this.#logger = parts.logger
    this.#clock = parts.clock
  }

  /** Aborted when the service closes. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  add(fn: StartHook, name = `step ${this.#hooks.length + 1}`): void {
    this.#hooks.push({ name, fn })
  }

  /** Runs all hooks in order. @throws RuntimeError `MR_RUNTIME_START_FAILED`, `MR_RUNTIME_CLOSED` */
  run(): Promise<void> {
    this.#running = this.#runAll()
    return this.#running
  }

  async #runAll(): Promise<void> {
    for (const { name, fn } of this.#hooks) await this.#runUntilDone(name, fn)
    this.signal.throwIfAborted()
    this.#readiness.setPhase(ServicePhase.RUNNING)
  }

  async #runUntilDone(name: string, fn: StartHook): Promise<void> {
    this.#readiness.setPhase(ServicePhase.STARTING, name)
    for (let attempt = 1; ; attempt++) {
      this.signal.throwIfAborted()
      try {
        await fn(this.signal)
        return
      } catch (thrown) {
        this.signal.throwIfAborted()
        const error = toError(thrown)
        if (!(error instanceof MillraceError) || !error.retryable) throw this.#fail(name, error)
        if (attempt === 1 || attempt % 10 === 0)
          this.#logger.warn('start waits', { step: name, attempt, error })
        this.#readiness.setPhase(ServicePhase.STARTING, `${name}: ${error.message}`)
        await this.#clock.sleep(backoffMs(attempt, { baseMs: 100, maxMs: 2000 }), this.signal)
      }
    }
  }

  #fail(name: string, error: Error): RuntimeError {
    this.#readiness.setPhase(ServicePhase.FAILED, `${name}: ${error.message}`)
    this.#logger.error('start failed', { step: name, error })
    return new RuntimeError(
      'MR_RUNTIME_START_FAILED',
      `The start stopped at "${name}": ${error.message}. The service answers 503 until it is restarted.`,
      { step: name },
      { cause: error },
    )
  }

  /** Calls off what runs and waits until it has stopped. */
  async close(): Promise<void> {
    this.#abort.abort(
      new RuntimeError('MR_RUNTIME_CLOSED', 'The service was closed before it was ready.'),
    )
    await this.#running?.catch(() => {})
  }
}
