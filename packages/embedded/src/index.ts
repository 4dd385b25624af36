export type { PlacementKind } from './account.ts'
export { EmbeddedError, embeddedErrors } from './errors.ts'
export {
  startPostgres,
  type EmbeddedPostgres,
  type PostgresOptions,
  type ProcessExit,
} from './postgres.ts'
