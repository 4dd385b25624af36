export { BackgroundConsumer, type BackgroundConsumerOptions } from './background-consumer.ts'
export { blame } from './blame.ts'
export { deadLetterTopicFor } from './dead-letters.ts'
export { InboxError, inboxErrors } from './errors.ts'
export type {
  InboxArchiveOptions,
  InboxArchiveRunner,
  InboxArchiveSchedule,
} from './archive-types.ts'
export { createInbox, forEachEvent } from './inbox.ts'
export {
  createHttpIdempotency,
  type HttpIdempotency,
  type HttpIdempotencyOptions,
  type IdempotencyClaim,
  type IdempotentRequest,
  type KeptResponse,
} from './http-idempotency/http-idempotency.ts'
export { createConsumptionLog } from './log-reader.ts'
export type {
  ConsumedEvent,
  ConsumptionCount,
  ConsumptionCounts,
  ConsumptionFilter,
  ConsumptionLog,
  ConsumptionLogOptions,
  ConsumptionPage,
  ConsumptionSummary,
  FailureGroup,
  FailureGroups,
  FailureGroupsFilter,
  GroupBacklog,
  Repeats,
} from './log-types.ts'
export { actMoves } from './operations/operation-moves.ts'
export { createOperations } from './operations/operations.ts'
export { Pace } from './operations/pace.ts'
export type {
  Act,
  AuditLine,
  EditRequest,
  EventEdit,
  CutRequest,
  ListedOperation,
  Operation,
  OperationItem,
  OperationItemState,
  KnownGroup,
  OperationPlan,
  OperationProgress,
  OperationRequest,
  Operations,
  OperationSample,
  OperationsOptions,
  OperationState,
  RedriveFilter,
  RedriveRequest,
  Refusal,
  ReplayRequest,
} from './operations/types.ts'
export type {
  BatchHandler,
  ConsumeOptions,
  ConsumptionLogRow,
  ConsumptionStatus,
  FailureContext,
  FailurePolicy,
  GroupTotals,
  HandlerContext,
  HandlerEffects,
  Inbox,
  InboxConsumer,
  InboxConsumerState,
  InboxConsumerStats,
  InboxOptions,
  InboxShadow,
  KafkaClient,
  ListEventsOptions,
  OutageDetection,
  OutageState,
  ReceivedEvent,
  ShadowOptions,
  WaitingKey,
} from './types.ts'
