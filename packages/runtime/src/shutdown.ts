import { toError, type Logger } from '@millrace/core'
import type { HttpApp } from './http-app.ts'
import { ServicePhase, type Readiness } from './readiness.ts'
import { SilentConnections } from './silent-connections.ts'
import type { StartHooks } from './start-hooks.ts'

/** How long running requests may take to finish, ms. */
const drainMs = 5000
/** How long one close hook may take, ms; then the next one runs. */
const hookMs = 10_000

type CloseHook = () => void | Promise<void>

/** The end of a service, in order: no new requests, running ones finish, start work stops, close hooks backwards. */
export class Shutdown {
  readonly #http: HttpApp
  readonly #readiness: Readiness
  readonly #startHooks: StartHooks
  readonly #logger: Logger
  readonly #hooks: CloseHook[] = []
  readonly #silentConnections: SilentConnections
  #closing: Promise<void> | undefined

  constructor(parts: {
    readonly http: HttpApp
    readonly readiness: Readiness
    readonly startHooks: StartHooks
    readonly logger: Logger
  }) {
    this.#http = parts.http
    this.#readiness = parts.readiness
    this.#startHooks = parts.startHooks
    this.#logger = parts.logger
    this.#silentConnections = new SilentConnections(parts.http.app.server)
  }

  add(hook: CloseHook): void {
    this.#hooks.push(hook)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#readiness.setPhase(ServicePhase.STOPPING)
    await this.#drainRequests()
    await this.#bounded('start hooks', () => this.#startHooks.close())
    // Only now: plugins (the proxy's connections) are needed by requests until the last one is done.
    await this.#bounded('http server', () => this.#http.app.close())
    for (const hook of this.#hooks.toReversed()) await this.#bounded('close hook', hook)
    this.#logger.info('closed')
  }

  async #drainRequests(): Promise<void> {
    const { server } = this.#http.app
    this.#http.streams.close()
    if (!server.listening) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    // Connections fall idle one by one as their requests end; `connection: close` on the answers does the most of it.
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    this.#silentConnections.close()
    const limit = setTimeout(() => {
      this.#logger.warn('requests cut off at shutdown', { afterMs: drainMs })
      server.closeAllConnections()
    }, drainMs)
    await closed
    clearInterval(sweep)
    clearTimeout(limit)
  }

  /** A hook that fails or hangs must not keep the others from running. */
  async #bounded(what: string, work: () => unknown): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<void>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done within ${hookMs} ms`)), hookMs)
    })
    try {
      await Promise.race([Promise.resolve().then(work), timeout])
    } catch (error) {
      this.#logger.error('shutdown step failed', { step: what, error: toError(error) })
    } finally {
      clearTimeout(timer)
    }
  }
}
