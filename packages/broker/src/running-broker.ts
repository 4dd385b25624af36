/** A running broker. */
export interface Broker extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** `host:port`, as clients take it. */
  readonly address: string
  /** Stops in order: connections, checkpoints, files. Idempotent. */
  close(): Promise<void>
}
