export type { PlacementKind } from './account.ts'
export {
  startBrokerProcess,
  type BrokerProcess,
  type BrokerProcessOptions,
} from './broker-process.ts'
export type { ProcessExit } from './child.ts'
export { EmbeddedError, embeddedErrors } from './errors.ts'
export { startPostgres, type EmbeddedPostgres, type PostgresOptions } from './postgres.ts'
