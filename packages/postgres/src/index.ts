export type { DayTable } from './day-partitions/catalog.ts'
export {
  createDayLog,
  type ArchiveOptions,
  type ArchiveReport,
  type DayLog,
  type DayLogOptions,
  type TableOfDay,
} from './day-partitions/day-log.ts'
export type { DayRange } from './day-partitions/days.ts'
export type { ArchivedDay, ArchivedDayState } from './day-partitions/manifest.ts'
export { databaseOfPool, openDatabase } from './database.ts'
export { ensureDatabase, ensureOwnDatabase } from './ensure-database.ts'
export {
  isTransientPostgresError,
  PostgresError,
  postgresErrors,
  type PostgresErrorCode,
} from './errors.ts'
export type { ForeignPool } from './foreign-pool.ts'
export { migrate, type MigrateOptions } from './migrate.ts'
export { inSavepoint } from './savepoint.ts'
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
