import { PostgresError } from './errors.ts'

/** The parts of a database URL. */
export interface DatabaseAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** What stood behind the `?`, such as `sslmode`. */
  readonly parameters: URLSearchParams
}

/** @throws PostgresError `MR_POSTGRES_BAD_URL`; the message never holds the password. */
export function parseDatabaseUrl(url: string): DatabaseAddress {
  const parsed = toUrl(url)
  return {
    host: decodeURIComponent(parsed.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: parsed.port === '' ? 5432 : Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)),
    parameters: parsed.searchParams,
  }
}

/**
 * The same server, user and parameters, another database.
 * @throws PostgresError `MR_POSTGRES_BAD_URL`, also for the names "." and "..", which no URL can carry, however they are escaped.
 */
export function withDatabaseName(url: string, name: string): string {
  const parsed = toUrl(url)
  if (name === '.' || name === '..')
    throw new PostgresError(
      'MR_POSTGRES_BAD_URL',
      `A database named "${name}" cannot stand in a URL; rename it.`,
      { name },
    )
  parsed.pathname = `/${encodeURIComponent(name)}`
  return parsed.toString()
}

function toUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.hostname && /^postgres(ql)?:$/.test(parsed.protocol)) return parsed
  throw new PostgresError(
    'MR_POSTGRES_BAD_URL',
    'A database URL must look like postgres://user:password@host:port/database. The one given does not; nothing was opened.',
  )
}

/** `name` quoted for SQL text. For names only, never for values. */
export function quoteIdentifier(name: string): string {
  if (name.includes('\0') || name === '' || Buffer.byteLength(name) > 63) {
    throw new PostgresError(
      'MR_POSTGRES_BAD_URL',
      `"${name}" cannot be a name in Postgres: 1 to 63 bytes, no NUL.`,
      { name },
    )
  }
  return `"${name.replaceAll('"', '""')}"`
}
