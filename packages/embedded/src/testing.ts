import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uuidv7 } from '@millrace/core'
import { ensureDatabase, openDatabase, quoteIdentifier, withDatabaseName } from '@millrace/postgres'
import { startPostgres } from './postgres.ts'

/** A database of its own for one test. Disposing drops it, with whoever is still connected. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
}

let server: Promise<string> | undefined

/**
 * A fresh, empty database: on the server of `DATABASE_URL` where that is set, else on a throw-away Postgres that all tests of this
 * process share. That one starts at the first call and is gone with the process, its files too, also after a crash of the test.
 */
export async function testDatabase(): Promise<TestDatabase> {
  server ??= startServer()
  const adminUrl = await server
  const name = `test_${uuidv7().replaceAll('-', '')}`
  await ensureDatabase(adminUrl, name)
  return {
    url: withDatabaseName(adminUrl, name),
    [Symbol.asyncDispose]: async () => {
      await using admin = openDatabase({
        url: adminUrl,
        applicationName: 'millrace-test',
        maxConnections: 1,
      })
      await admin.query(`drop database if exists ${quoteIdentifier(name)} with (force)`)
    },
  }
}

async function startServer(): Promise<string> {
  if (process.env['DATABASE_URL']) return process.env['DATABASE_URL']
  const dir = mkdtempSync(join(tmpdir(), 'millrace-test-postgres-'))
  // mkdtemp makes it 0700; where we are root the server runs as somebody else and must get through.
  chmodSync(dir, 0o755)
  const postgres = await startPostgres({
    dir,
    isThrowAway: true,
    settings: { fsync: 'off', full_page_writes: 'off', max_wal_size: '256MB' },
  })
  return postgres.url
}
