export { OutboxError, outboxErrors } from './errors.ts'
export { type PublishOptions } from './event-row.ts'
export { type OutboxTransaction } from './buffered-transaction.ts'
export {
  createOutbox,
  type EventToPublish,
  type Outbox,
  type OutboxOptions,
  type PublishTarget,
} from './outbox.ts'
export { type ArchiveRunner, type ArchiveSchedule } from './outbox-days.ts'
export { type ProductionFilter } from './log-filter.ts'
export {
  createProductionLog,
  type LogReach,
  type ProductionCounts,
  type ProductionLog,
  type ProductionLogOptions,
  type ProductionPage,
  type ProductionSummary,
} from './production-log.ts'
export { Publishing, type PublishingOptions } from './publishing.ts'
export { type Relay, type RelayOptions } from './relay.ts'
export {
  type ProducedEvent,
  type ProducedEventFilter,
  type ProductionStatus,
} from './sql/find-events.ts'
export { type ProductionCount } from './sql/count-log.ts'
export { type ProductionOutcome } from './sql/find-outcomes.ts'
export { type ProductionFailureGroup, type ProductionFailures } from './sql/group-failures.ts'
export { pendingCountLimit, type LaneStats, type OutboxStats } from './sql/read-stats.ts'
export { type LoggedEvent } from './sql/search-log.ts'
