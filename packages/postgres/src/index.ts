export { openDatabase } from './database.ts'
export { ensureDatabase } from './ensure-database.ts'
export {
  isTransientPostgresError,
  PostgresError,
  postgresErrors,
  type PostgresErrorCode,
} from './errors.ts'
export { migrate, type MigrateOptions } from './migrate.ts'
export type {
  Database,
  DatabaseOptions,
  Listener,
  ListenOptions,
  Queryable,
  QueryResult,
  Statement,
  Transaction,
  TransactionOptions,
} from './types.ts'
export { parseDatabaseUrl, quoteIdentifier, withDatabaseName, type DatabaseAddress } from './url.ts'
