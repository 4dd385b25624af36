export { deadLetterTopicFor } from './dead-letters.ts'
export { InboxError, inboxErrors } from './errors.ts'
export { createInbox, forEachEvent } from './inbox.ts'
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
} from './log-types.ts'
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
  KafkaClient,
  ListEventsOptions,
  OutageDetection,
  OutageState,
  ReceivedEvent,
} from './types.ts'
