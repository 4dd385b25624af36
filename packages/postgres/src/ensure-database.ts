import { connect } from './connection.ts'
import { PostgresError } from './errors.ts'
import type { Database } from './types.ts'
import { parseDatabaseUrl, quoteIdentifier, withDatabaseName } from './url.ts'

/** Two creators at once would race between look and create; one advisory lock of the admin database puts them in a row. */
const createLock = 7_265_133_021

/**
 * Creates the database `name` unless it exists. Safe when many processes do it at once.
 * @param adminUrl any database of the same server, with a user that may create databases
 * @throws PostgresError
 */
export async function ensureDatabase(adminUrl: string, name: string): Promise<void> {
  await using connection = await connect({
    url: adminUrl,
    applicationName: 'millrace-ensure-database',
    connectTimeoutMs: 10_000,
    statementTimeoutMs: 60_000,
  })
  const exists = async (): Promise<boolean> =>
    (await connection.query('select 1 from pg_database where datname = $1', [name])).rowCount > 0
  if (await exists()) return
  await connection.query('select pg_advisory_lock($1::bigint)', [createLock])
  if (await exists()) return
  try {
    await connection.query(`create database ${quoteIdentifier(name)}`)
  } catch (error) {
    // 42P04 duplicate_database, or 23505 on pg_database's index: somebody created it who does not know our lock.
    if (!(error instanceof PostgresError) || !/^(42P04|23505)$/.test(error.sqlState ?? ''))
      throw error
  }
}

/**
 * Creates the database that `database` points to, where the server does not have it: for a service that is started by itself.
 * @throws PostgresError
 */
export async function ensureOwnDatabase(database: Database): Promise<void> {
  try {
    await database.query('select 1')
  } catch (error) {
    const isMissing = error instanceof PostgresError && error.sqlState === '3D000'
    if (!isMissing) throw error
    const { database: name } = parseDatabaseUrl(database.url)
    await ensureDatabase(withDatabaseName(database.url, 'postgres'), name)
  }
}
