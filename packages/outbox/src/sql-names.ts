import { createHash } from 'node:crypto'
import { quoteIdentifier } from '@millrace/postgres'

/** Prepared once per connection. */
export interface NamedStatement {
  readonly name: string
  readonly text: string
}

/** Where this outbox lives, and how its statements and channel are named. */
export interface SqlNames {
  readonly schema: string
  /** Quoted, with the dot: `"outbox".` */
  readonly prefix: string
  /** LISTEN channel that wakes relays. */
  readonly channel: string
  /** A statement prepared once per connection; `what` is unique within this package. */
  statement(what: string, text: string): NamedStatement
}

export function sqlNames(schema: string): SqlNames {
  // Two outboxes may share a pool, and a prepared statement's name stands for one text: so the schema is part of it, as a hash,
  // because Postgres cuts names at 63 bytes.
  const suffix = createHash('sha256').update(schema).digest('hex').slice(0, 8)
  return {
    schema,
    prefix: `${quoteIdentifier(schema)}.`,
    channel: `mr_outbox_${suffix}`,
    statement: (what, text) => ({ name: `mr_outbox_${what}_${suffix}`, text }),
  }
}

/** A Postgres array literal of values that need no quoting: uuids and numbers. Cheaper than the driver's way, which quotes each. */
export function plainArray(
  values: readonly (string | number | bigint)[] | ArrayLike<number>,
): string {
  return `{${Array.prototype.join.call(values, ',')}}`
}
