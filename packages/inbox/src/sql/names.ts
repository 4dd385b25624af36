import { quoteIdentifier, type Statement } from '@millrace/postgres'
import { InboxError } from '../errors.ts'

/** Turns the text of a statement, written with the schema's name, into a prepared statement of that schema. */
export type Prepare = (name: string, text: (schema: string) => string) => Statement

const schemaPattern = /^[a-z_][a-z0-9_]{0,29}$/

/**
 * Statements of one schema. Two inboxes may share a connection pool, so the schema is part of the statement's name.
 * @throws InboxError `MR_INBOX_BAD_OPTION`
 */
export function prepareFor(schema: string): Prepare {
  if (!schemaPattern.test(schema)) {
    throw new InboxError(
      'MR_INBOX_BAD_OPTION',
      `schema "${schema}" is not a plain lower-case name of at most 30 characters. Nothing was started.`,
      { schema },
    )
  }
  const quoted = quoteIdentifier(schema)
  return (name, text) => ({ name: `inbox.${schema}.${name}`, text: text(quoted) })
}
