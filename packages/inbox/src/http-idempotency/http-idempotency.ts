import { systemClock, type Clock } from '@millrace/core'
import { migrate, quoteIdentifier, type Database, type Transaction } from '@millrace/postgres'
import { InboxError } from '../errors.ts'
import { prepareFor } from '../sql/names.ts'
import { idempotencyStatements, type IdempotencyStatements } from './sql.ts'

export interface HttpIdempotencyOptions {
  /** The database the requests write to. */
  readonly database: Database
  /** Where the table lives. Default `inbox`. */
  readonly schema?: string
  /** How long an answer is kept, ms; 60,000 to 30 days. Default 24 hours. */
  readonly ttlMs?: number
  /** Largest body that is kept, bytes; 1 to 16 MiB. Default 1 MiB. */
  readonly maxBodyBytes?: number
  readonly clock?: Clock
}

/** A request that must take effect once. */
export interface IdempotentRequest {
  /** Whose key it is, such as method, route and user: keys of different scopes never meet. At most 500 characters. */
  readonly scope: string
  /** The client's `Idempotency-Key`, at most 255 characters. */
  readonly key: string
  /** Hash of what is asked for. */
  readonly fingerprint: string
}

/** An answer as it is kept. */
export interface KeptResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** null for none. */
  readonly body: string | null
}

export type IdempotencyClaim =
  /** Nobody asked this before, or long ago: do it, and `keep` the answer in the same transaction. */
  | { readonly kind: 'new' }
  /** It was done: give this answer again. */
  | { readonly kind: 'answered'; readonly response: KeptResponse }
  /** The first request with this key is still at work. */
  | { readonly kind: 'in-progress' }
  /** The key was used for another request. */
  | { readonly kind: 'mismatch' }

/**
 * Requests that take effect once. The key is locked, looked up and its answer written in the transaction of the effect itself: so a process
 * that dies on the way leaves nothing behind, neither effect nor lock, and what was committed is answered from the table.
 */
export interface HttpIdempotency {
  /** Makes or updates the table; safe when several processes do it at once. */
  migrate(): Promise<void>
  /** To be the first statement of the transaction. What follows belongs to the request only if it answers `new`. @throws PostgresError */
  claim(tx: Transaction, request: IdempotentRequest): Promise<IdempotencyClaim>
  /**
   * As `claim`, for requests that are done in one transaction. Of several with one key the first is claimed, and the others are in progress.
   * @returns for each in their order
   */
  claimAll(
    tx: Transaction,
    requests: readonly IdempotentRequest[],
  ): Promise<readonly IdempotencyClaim[]>
  /** Writes the answer with the commit. @throws InboxError `MR_INBOX_RESPONSE_TOO_LARGE`: roll back then */
  keep(tx: Transaction, request: IdempotentRequest, response: KeptResponse): void
}

/** @throws InboxError `MR_INBOX_BAD_OPTION` */
export function createHttpIdempotency(options: HttpIdempotencyOptions): HttpIdempotency {
  return new PostgresIdempotency(options)
}

/** An answer of the table; `place` is that of its request among those asked for, from 1. */
interface KeptRow {
  readonly place: number
  readonly fingerprint: string
  readonly status: number
  readonly headers: string
  readonly body: string | null
}

const hourMs = 3_600_000
const pruneIntervalMs = 10 * 60_000

class PostgresIdempotency implements HttpIdempotency {
  readonly #database: Database
  readonly #schema: string
  readonly #statements: IdempotencyStatements
  readonly #ttlMs: number
  readonly #maxBodyBytes: number
  readonly #clock: Clock
  #prunedMs: number

  constructor(options: HttpIdempotencyOptions) {
    this.#schema = options.schema ?? 'inbox'
    const prepare = prepareFor(this.#schema)
    this.#database = options.database
    this.#statements = idempotencyStatements(prepare)
    this.#ttlMs = within('ttlMs', options.ttlMs ?? 24 * hourMs, 60_000, 720 * hourMs)
    this.#maxBodyBytes = within('maxBodyBytes', options.maxBodyBytes ?? 2 ** 20, 1, 2 ** 24)
    this.#clock = options.clock ?? systemClock
    this.#prunedMs = this.#clock.monotonicMs()
  }

  async migrate(): Promise<void> {
    await migrate(this.#database, {
      name: 'http-idempotency',
      schema: this.#schema,
      directory: new URL('../../migrations/http/', import.meta.url),
    })
  }

  async claim(tx: Transaction, request: IdempotentRequest): Promise<IdempotencyClaim> {
    const [claim] = await this.claimAll(tx, [request])
    return claim ?? { kind: 'in-progress' }
  }

  async claimAll(
    tx: Transaction,
    requests: readonly IdempotentRequest[],
  ): Promise<readonly IdempotencyClaim[]> {
    if (requests.length === 0) return []
    this.#prune()
    const names = requests.map((request) => this.#lockNameOf(request))
    // Two statements: the look-up's snapshot must be younger than the locks, or it would miss what those before us have committed.
    const [locked, found] = await Promise.all([
      tx.query<{ readonly isLocked: boolean }>(this.#statements.lock, [names]),
      tx.query<KeptRow>(this.#statements.find, [
        requests.map(({ scope }) => scope),
        requests.map(({ key }) => key),
      ]),
    ])
    const rows = new Map(found.rows.map((row) => [row.place - 1, row]))
    const seen = new Set<string>()
    return names.map((name, index): IdempotencyClaim => {
      // A transaction gets a lock that it has already.
      const isLocked = !seen.has(name) && locked.rows[index]?.isLocked === true
      seen.add(name)
      if (!isLocked) return { kind: 'in-progress' }
      const row = rows.get(index)
      if (!row) return { kind: 'new' }
      if (row.fingerprint !== requests[index]?.fingerprint) return { kind: 'mismatch' }
      const headers = JSON.parse(row.headers) as Readonly<Record<string, string>>
      return { kind: 'answered', response: { status: row.status, headers, body: row.body } }
    })
  }

  #lockNameOf({ scope, key }: IdempotentRequest): string {
    return `${quoteIdentifier(this.#schema)} ${scope} ${key}`
  }

  keep(tx: Transaction, request: IdempotentRequest, response: KeptResponse): void {
    const { status, headers, body } = response
    const sizeBytes = body === null ? 0 : Buffer.byteLength(body)
    if (sizeBytes > this.#maxBodyBytes)
      throw new InboxError(
        'MR_INBOX_RESPONSE_TOO_LARGE',
        `The answer has ${sizeBytes} bytes, more than the ${this.#maxBodyBytes} that are kept for an Idempotency-Key; nothing was done. Answer with less, or raise maxBodyBytes.`,
        { sizeBytes, maxBodyBytes: this.#maxBodyBytes },
      )
    tx.queryLast(this.#statements.keep, [
      request.scope,
      request.key,
      request.fingerprint,
      status,
      JSON.stringify(headers),
      body,
      this.#ttlMs,
    ])
  }

  /** Drops what is over from time to time; a fault of it is nobody's business, since an answer that is over is not given. */
  #prune(): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#prunedMs < pruneIntervalMs) return
    this.#prunedMs = nowMs
    void this.#database.query(this.#statements.prune).catch(() => {})
  }
}

function within(option: string, value: number, lowest: number, highest: number): number {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value
  throw new InboxError(
    'MR_INBOX_BAD_OPTION',
    `${option} is ${value}; it must be an integer from ${lowest} to ${highest}. Nothing was started.`,
    { option, value, lowest, highest },
  )
}
