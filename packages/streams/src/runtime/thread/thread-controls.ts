/** What may change while a stream thread runs. The thread's handle writes it, a session reads it. */
export interface ThreadControls {
  /** Nothing is processed and no punctuator fires; membership, fetching, restoring and commits go on. */
  isPaused: boolean
  /** The thread's share of the application's `cacheMaxBytes`. */
  cacheMaxBytes: number
}
