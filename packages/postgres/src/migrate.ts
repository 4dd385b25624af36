import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { openSession, type Connection } from './connection.ts'
import { PostgresError } from './errors.ts'
import type { Database } from './types.ts'
import { quoteIdentifier } from './url.ts'

export interface MigrateOptions {
  /** Folder of `NNNN_what.sql` files, such as `new URL('../migrations/', import.meta.url)`. Other files in it are ignored. */
  readonly directory: URL
  /** Whose migrations they are: several packages may share one schema. */
  readonly name: string
  /** Where unqualified names of the files go; made when missing. Default 'public'. */
  readonly schema?: string
}

interface Migration {
  readonly number: number
  readonly file: string
  readonly text: string
  readonly checksum: string
  /** Code that does not know it must not run: says `breaking: yes` in its header. */
  readonly isBreaking: boolean
}

interface AppliedRow {
  readonly number: number
  readonly file: string
  readonly checksum: string
  readonly is_breaking: boolean
}

const filePattern = /^(\d{4})_[a-z0-9_]+\.sql$/
/** One lock for all migrations of a database: they are rare, and two of one schema must not run at once. */
const migrateLock = 7_265_133_022

/**
 * Brings a schema up to the newest of its migrations: each in a transaction of its own together with its row in
 * `millrace_migration`, under an advisory lock, so any number of processes may start at once and a crash leaves whole steps.
 * @throws PostgresError `MR_POSTGRES_MIGRATION_MISMATCH` when an applied file was edited or is missing, or the database holds a
 * breaking migration that this code does not know; `MR_POSTGRES_MIGRATION_INVALID` for wrongly named files; what the server says otherwise
 */
export async function migrate(
  database: Database,
  options: MigrateOptions,
): Promise<{ readonly applied: number }> {
  const migrations = await readMigrations(options.directory)
  await using connection = await openSession(database, `millrace-migrate-${options.name}`)
  const schema = options.schema ?? 'public'
  if (
    pendingOf(migrations, await readApplied(connection, schema, options.name), options).length === 0
  )
    return { applied: 0 }
  await connection.query('select pg_advisory_lock($1::bigint)', [migrateLock])
  await createTable(connection, schema)
  const pending = pendingOf(
    migrations,
    await readApplied(connection, schema, options.name),
    options,
  )
  for (const migration of pending) await apply(connection, schema, options.name, migration)
  return { applied: pending.length }
}

async function readMigrations(directory: URL): Promise<readonly Migration[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.sql')).toSorted()
  const migrations: Migration[] = []
  for (const file of files) {
    const number = Number(filePattern.exec(file)?.[1] ?? Number.NaN)
    const before = migrations.at(-1)?.number ?? 0
    // A number that is missing later on is one kept for work that is not merged yet; a missing first one is a wrong folder.
    if (!(number > before) || (before === 0 && number !== 1)) {
      throw new PostgresError(
        'MR_POSTGRES_MIGRATION_INVALID',
        `Migration ${file} in ${fileURLToPath(directory)} must be named NNNN_what.sql, with 0001 first and each number once. Nothing was applied.`,
        { file, numberBefore: before },
      )
    }
    // Line ends may differ between checkouts of one file.
    const text = (await readFile(new URL(file, withSlash(directory)), 'utf8')).replaceAll(
      '\r\n',
      '\n',
    )
    migrations.push({
      number,
      file,
      text,
      checksum: createHash('sha256').update(text).digest('hex'),
      isBreaking: /^--.*\bbreaking:\s*yes\b/im.test(text),
    })
  }
  return migrations
}

function withSlash(directory: URL): URL {
  return directory.href.endsWith('/') ? directory : new URL(`${directory.href}/`)
}

async function readApplied(
  connection: Connection,
  schema: string,
  name: string,
): Promise<readonly AppliedRow[]> {
  const table = `${quoteIdentifier(schema)}.millrace_migration`
  const found = await connection.query('select 1 where to_regclass($1) is not null', [table])
  if (found.rowCount === 0) return []
  const applied = await connection.query<AppliedRow>(
    `select number, file, checksum, is_breaking
     from ${table}
     where name = $1
     order by number`,
    [name],
  )
  return applied.rows
}

async function createTable(connection: Connection, schema: string): Promise<void> {
  const quoted = quoteIdentifier(schema)
  // "if not exists" asks for the right to create schemas even where there is nothing to create.
  const found = await connection.query('select 1 where to_regnamespace($1) is not null', [quoted])
  if (found.rowCount === 0) await connection.query(`create schema ${quoted}`)
  await connection.query(`
    create table if not exists ${quoted}.millrace_migration (
      name text not null,
      number integer not null check (number > 0),
      file text not null,
      checksum text not null,
      is_breaking boolean not null,
      applied_at timestamptz not null default now(),
      duration_ms integer not null,
      primary key (name, number)
    )`)
}

/** What is still to be applied. @throws PostgresError `MR_POSTGRES_MIGRATION_MISMATCH` */
function pendingOf(
  migrations: readonly Migration[],
  applied: readonly AppliedRow[],
  options: MigrateOptions,
): readonly Migration[] {
  const byNumber = new Map(migrations.map((migration) => [migration.number, migration]))
  for (const row of applied) {
    const migration = byNumber.get(row.number)
    byNumber.delete(row.number)
    if (migration?.checksum === row.checksum) continue
    if (!migration && !row.is_breaking) continue
    throw new PostgresError(
      'MR_POSTGRES_MIGRATION_MISMATCH',
      migration
        ? `Migration ${row.file} of ${options.name} was changed after it had been applied. Restore the file and put the change into a new one; nothing was applied.`
        : `The database holds the breaking migration ${row.file} of ${options.name}, which this older code does not know. Run newer code; nothing was applied.`,
      { name: options.name, file: row.file },
    )
  }
  return [...byNumber.values()]
}

async function apply(
  connection: Connection,
  schema: string,
  name: string,
  migration: Migration,
): Promise<void> {
  const startMs = performance.now()
  const quoted = quoteIdentifier(schema)
  try {
    await connection.query(`begin; set local search_path to ${quoted}`)
    await connection.query(migration.text)
    await connection.query(
      `insert into ${quoted}.millrace_migration (name, number, file, checksum, is_breaking, duration_ms)
       values ($1, $2, $3, $4, $5, $6)`,
      [
        name,
        migration.number,
        migration.file,
        migration.checksum,
        migration.isBreaking,
        Math.round(performance.now() - startMs),
      ],
    )
    await connection.query('commit')
  } catch (error) {
    // The connection is closed by the caller, which rolls back; the migrations before this one stay.
    if (!(error instanceof PostgresError)) throw error
    throw new PostgresError(
      error.code,
      `Migration ${migration.file} of ${name} failed and was rolled back; those before it stay applied. ${error.message}`,
      { ...error.details, file: migration.file, name },
      { cause: error },
    )
  }
}
