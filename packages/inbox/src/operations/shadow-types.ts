import type { BatchHandler, HandlerEffects } from '../types.ts'

/** A handler that sees replays only. */
export interface ShadowOptions {
  readonly handler: BatchHandler
  /** Default `none`. */
  readonly effects?: HandlerEffects
  /** How long the handler may take for one call, ms; 0 for no limit. Default 300,000. */
  readonly handlerTimeoutMs?: number
  /** How often it is asked for new operations, ms, 10 to 60,000. Default 1,000. */
  readonly pollMs?: number
  /** How long `close` lets the handler go on before its signal is aborted, ms. Default 5,000. */
  readonly drainTimeoutMs?: number
  /** Further errors of infrastructure, for which a step is done again. Those of Postgres always are. */
  readonly isTransient?: (error: unknown) => boolean
}

/**
 * A group beside another one: it never reads a topic, and gets by replays what that one has in its log. Each of its events has a row of the
 * shadow's own, so that none takes effect twice in it; the group they are taken from is left as it is.
 */
export interface InboxShadow extends AsyncDisposable {
  /** Begins to look for replays into its group. Idempotent. */
  start(): void
  close(): Promise<void>
}
