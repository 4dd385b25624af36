import { ContractRegistry, type EventEnvelope } from '@millrace/events'
import { discussionEvents, discussionEventsTopic } from '@millrace/contracts'
import type { Clock, Logger, Meter, Tracer } from '@millrace/core'
import { BackgroundConsumer, createInbox, type BatchHandler, type Inbox } from '@millrace/inbox'
import type { Database } from '@millrace/postgres'
import { foldEvents } from './domain/fold-events.ts'
import { applyThreadChanges } from './sql/apply-changes.ts'

/** Consumer group; the view `event_processed` and the lag figures of others name it too. */
export const groupId = 'discussion-analytics'

export interface DiscussionInboxOptions {
  readonly database: Database
  readonly logger: Logger
  readonly meter: Meter
  readonly tracer?: Tracer
  readonly clock: Clock
}

export function createDiscussionInbox(options: DiscussionInboxOptions): Inbox {
  return createInbox({
    ...options,
    serviceName: 'discussion-analytics',
    groupId,
    // Where the requirement's names are found without a prefix.
    schema: 'public',
    contracts: new ContractRegistry(discussionEvents),
  })
}

/** Folds the batch in memory and adds it to the tables in two statements. */
export const aggregate: BatchHandler = async (events, { tx }) => {
  await applyThreadChanges(tx, foldEvents(events.map((each) => each.event)))
}

export interface ConsumeDiscussionsOptions {
  readonly inbox: Inbox
  readonly brokers: readonly string[]
  readonly maxBatchRecords: number
  /** Static membership (KIP-345); empty for none. */
  readonly instanceId: string
  readonly logger: Logger
  readonly meter: Meter
  readonly clock: Clock
  /** Told after each commit. */
  readonly onChanged: (
    threads: Iterable<{ readonly threadId: string; readonly courseId: string }>,
  ) => void
}

/** The consumer of `discussion.events`. It begins in the background. */
export function consumeDiscussions({
  inbox,
  brokers,
  maxBatchRecords,
  instanceId,
  logger,
  meter,
  clock,
  onChanged,
}: ConsumeDiscussionsOptions): BackgroundConsumer {
  return new BackgroundConsumer({
    inbox,
    kafka: { brokers, clientId: 'discussion-analytics', logger, meter },
    topics: [discussionEventsTopic],
    handler: aggregate,
    // Sums and counts: a replay would add to them what they hold.
    isAdditive: true,
    maxBatchRecords,
    instanceId,
    onCommitted: (events) => onChanged(threadsOf(events.map((each) => each.event))),
    clock,
  })
}

function threadsOf(
  events: readonly EventEnvelope[],
): Iterable<{ readonly threadId: string; readonly courseId: string }> {
  const threads = new Map<string, { readonly threadId: string; readonly courseId: string }>()
  for (const event of events) {
    const data = event.data as { readonly threadId: string; readonly courseId: string }
    threads.set(data.threadId, data)
  }
  return threads.values()
}
