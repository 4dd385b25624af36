import { MillraceError } from '@millrace/core'

/** Codes of this package. `retryable` means: doing the whole call again is safe and may succeed. */
export const postgresErrors = {
  /** The server is away, starting, stopping or full, or the connection broke. Nothing of the call was committed. */
  MR_POSTGRES_UNAVAILABLE: { retryable: true },
  /** The connection broke during the commit: it may or may not have happened. Only a caller that can repeat without harm may retry. */
  MR_POSTGRES_COMMIT_UNKNOWN: { retryable: false },
  /** No connection of the pool became free in time. */
  MR_POSTGRES_BUSY: { retryable: true },
  /** Serialization failure, deadlock, or a lock that was not to be had: rolled back. */
  MR_POSTGRES_CONFLICT: { retryable: true },
  /** The statement ran longer than `statementTimeoutMs`, or was cancelled. */
  MR_POSTGRES_TIMEOUT: { retryable: true },
  /** A unique, foreign key, not null, check or exclusion constraint refused the row; `details.constraint` names it. */
  MR_POSTGRES_CONSTRAINT: { retryable: false },
  /** A value does not fit its type (SQLSTATE class 22), such as NUL characters in text. */
  MR_POSTGRES_BAD_VALUE: { retryable: false },
  /** The server refused the statement: syntax, missing objects, rights. */
  MR_POSTGRES_REFUSED: { retryable: false },
  /** The transaction was committed as a rollback, because a statement of it had failed and the failure was swallowed. */
  MR_POSTGRES_ROLLED_BACK: { retryable: false },
  /** The database was closed, or the transaction is over. */
  MR_POSTGRES_CLOSED: { retryable: false },
  /** A database URL or name cannot be used. */
  MR_POSTGRES_BAD_URL: { retryable: false },
  /** The migrations of the code and those of the database disagree. */
  MR_POSTGRES_MIGRATION_MISMATCH: { retryable: false },
  /** An archived day's file is not what was written. Nothing was changed. */
  MR_POSTGRES_ARCHIVE_CORRUPT: { retryable: false },
  /** There is no archive of a day, or its file is gone. */
  MR_POSTGRES_ARCHIVE_MISSING: { retryable: false },
  /** A file of the archive could not be read or written: disk full, no rights. No row was dropped. */
  MR_POSTGRES_ARCHIVE_FAILED: { retryable: true },
  /** An option is missing or out of bounds. */
  MR_POSTGRES_BAD_OPTION: { retryable: false },
  /** A migration file is not named or written as it must be. */
  MR_POSTGRES_MIGRATION_INVALID: { retryable: false },
} as const

export type PostgresErrorCode = keyof typeof postgresErrors

export class PostgresError extends MillraceError<PostgresErrorCode> {
  /** The server's SQLSTATE; null when the fault is not the server's answer. */
  readonly sqlState: string | null

  constructor(
    code: PostgresErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> & { readonly sqlState?: string } = {},
    options: ErrorOptions = {},
  ) {
    super(code, postgresErrors[code].retryable, message, details, options)
    this.sqlState = details.sqlState ?? null
  }
}

/** What the driver's `DatabaseError` carries; other errors of the driver have neither field. */
interface ServerFault extends Error {
  readonly severity?: string
  readonly code?: string
  readonly constraint?: string
  readonly table?: string
  readonly column?: string
  readonly position?: string
}

/**
 * SQLSTATEs of a server that is away or full, not of a wrong statement: connection loss (08), too few resources (53), operator
 * intervention (57P01 shutdown, 57P02 crash, 57P03 starting, 57P04 database dropped, 57P05 idle session), 25006 (writes at a
 * standby after a failover), 58 (disk).
 */
const unavailable = /^(08|53|57P|58)|^25006$|^25P0[34]$/
const conflict = /^(40001|40P01|55P03|55006)$/

/** The driver's error as ours. Passes on what is ours already. */
export function toPostgresError(thrown: unknown): PostgresError {
  if (thrown instanceof PostgresError) return thrown
  const fault = (thrown instanceof Error ? thrown : new Error(String(thrown))) as ServerFault
  const sqlState = sqlStateOf(fault)
  if (sqlState === undefined) return connectionError(fault)
  return new PostgresError(
    codeOf(sqlState),
    `Postgres answered: ${fault.message} (SQLSTATE ${sqlState}${fault.constraint ? `, constraint ${fault.constraint}` : ''}). ${advice[codeOf(sqlState)] ?? 'Nothing was committed.'}`,
    {
      sqlState,
      ...(fault.constraint && { constraint: fault.constraint }),
      ...(fault.table && { table: fault.table }),
      ...(fault.column && { column: fault.column }),
    },
    { cause: fault },
  )
}

function sqlStateOf(fault: ServerFault): string | undefined {
  return fault.severity !== undefined && /^[0-9A-Z]{5}$/.test(fault.code ?? '')
    ? fault.code
    : undefined
}

function codeOf(sqlState: string): PostgresErrorCode {
  if (unavailable.test(sqlState)) return 'MR_POSTGRES_UNAVAILABLE'
  if (conflict.test(sqlState)) return 'MR_POSTGRES_CONFLICT'
  if (sqlState === '57014') return 'MR_POSTGRES_TIMEOUT'
  if (sqlState.startsWith('23')) return 'MR_POSTGRES_CONSTRAINT'
  if (sqlState.startsWith('22')) return 'MR_POSTGRES_BAD_VALUE'
  return 'MR_POSTGRES_REFUSED'
}

const advice: Partial<Record<PostgresErrorCode, string>> = {
  MR_POSTGRES_UNAVAILABLE: 'Nothing was committed; retry when the server is back.',
  MR_POSTGRES_CONFLICT: 'Nothing was committed; run the transaction again.',
  MR_POSTGRES_TIMEOUT: 'Nothing was committed; look at the plan, or raise statementTimeoutMs.',
}

/** pg-pool and pg name these faults by their text alone (8.23.1); everything else without a SQLSTATE is a broken connection. */
function connectionError(fault: Error): PostgresError {
  if (fault.message === 'timeout exceeded when trying to connect') {
    return new PostgresError(
      'MR_POSTGRES_BUSY',
      'No connection of the pool became free in time; nothing was sent. Shorten transactions or raise maxConnections.',
      {},
      { cause: fault },
    )
  }
  if (fault.message.includes('after calling end on the pool')) {
    return new PostgresError('MR_POSTGRES_CLOSED', 'The database was closed.', {}, { cause: fault })
  }
  if (
    fault instanceof TypeError ||
    /^(Query values must|A query must|Prepared statements must)/.test(fault.message)
  ) {
    return new PostgresError(
      'MR_POSTGRES_REFUSED',
      `The driver refused the statement: ${fault.message}. Nothing was sent.`,
      {},
      { cause: fault },
    )
  }
  return new PostgresError(
    'MR_POSTGRES_UNAVAILABLE',
    `The connection to Postgres failed: ${describe(fault)}. Nothing was committed unless the statement was a single one outside a transaction.`,
    {},
    { cause: fault },
  )
}

/** An AggregateError (several addresses refused) has an empty message of its own. */
function describe(fault: Error): string {
  if (fault.message !== '') return fault.message
  if (fault instanceof AggregateError)
    return fault.errors
      .map((each) => (each instanceof Error ? each.message : String(each)))
      .join('; ')
  return fault.name
}

/** True when the connection cannot be used any more after this error of the driver. */
export function breaksConnection(thrown: unknown): boolean {
  const fault = thrown as Partial<ServerFault>
  if (thrown instanceof PostgresError) return false
  return fault.severity === undefined || fault.severity === 'FATAL' || fault.severity === 'PANIC'
}

/**
 * True when the database was away, overloaded or in conflict, so that the same work may succeed later: connection loss, shutdown,
 * start, too many connections, serialization failure, deadlock, also a commit whose end is unknown (repeat that only where a
 * repeat does no harm). A statement that timed out is *not* counted: it may do so for ever.
 */
export function isTransientPostgresError(error: unknown): boolean {
  return (
    error instanceof PostgresError &&
    (error.code === 'MR_POSTGRES_UNAVAILABLE' ||
      error.code === 'MR_POSTGRES_BUSY' ||
      error.code === 'MR_POSTGRES_CONFLICT' ||
      error.code === 'MR_POSTGRES_COMMIT_UNKNOWN')
  )
}
