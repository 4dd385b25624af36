import { noopMeter, silentLogger, systemClock, uuidv7 } from '@millrace/core'
import { quoteIdentifier } from '@millrace/postgres'
import { BatchRunner } from './batch-runner.ts'
import { boundsOf } from './consume-bounds.ts'
import { KafkaInboxConsumer } from './consumer.ts'
import { DeadLetters } from './dead-letters.ts'
import { DueRunner } from './due-runner.ts'
import { DueWorker } from './due-worker.ts'
import { FailedEvents } from './failed-events.ts'
import { FailurePolicies } from './failure-policy.ts'
import { HandlerCall } from './handler-call.ts'
import { instrumentsOf, newCounts } from './instruments.ts'
import { millraceKafka } from './kafka-client.ts'
import { LagMonitor } from './lag-monitor.ts'
import { OneAtATime } from './one-at-a-time.ts'
import { OperationWorker } from './operations/operation-worker.ts'
import { ReplayStep } from './operations/replay-step.ts'
import { OutageGate } from './outage-gate.ts'
import { PartitionLedger } from './partition-ledger.ts'
import { Patience } from './patience.ts'
import type { LogPartitions } from './partitions.ts'
import type { InboxStatements } from './statements.ts'
import type { ConsumeOptions, InboxConsumer, InboxOptions, ReceivedEvent } from './types.ts'

/**
 * Puts a consumer together out of its parts.
 * @throws InboxError `MR_INBOX_BAD_OPTION`
 */
export function buildConsumer(
  inbox: InboxOptions,
  statements: InboxStatements,
  partitions: LogPartitions,
  consume: ConsumeOptions,
): InboxConsumer {
  const bounds = boundsOf(consume)
  const { database, serviceName, groupId, contracts } = inbox
  const clock = inbox.clock ?? systemClock
  const logger = (inbox.logger ?? silentLogger).child({ groupId })
  const client = consume.client ?? millraceKafka
  const instruments = instrumentsOf(inbox.meter ?? noopMeter)
  const counts = newCounts()
  const common = { database, groupId, logger, clock }
  const deadLetters = new DeadLetters({
    ...common,
    kafka: consume.kafka,
    client,
    topicFor: consume.deadLetterTopic,
  })
  const patience = (onWaiting: (key: Waiter, isWaiting: boolean) => void): Patience =>
    new Patience({
      ...common,
      position: statements.position,
      partitions,
      isTransient: consume.isTransient ?? (() => false),
      onWaiting,
      instruments,
      counts,
    })
  const gate = new OutageGate({ ...common, ...bounds.outage, gauge: instruments.outage })
  const failures = new FailedEvents({
    policies: new FailurePolicies({ ...bounds, policies: consume.policies ?? [] }),
    gate,
    deadLetters,
    instruments,
    counts,
    logger,
    onStop: (failure) => consumer.stop(failure),
  })
  const shared = {
    ...common,
    ...bounds,
    statements,
    serviceName,
    contracts,
    partitions,
    call: new HandlerCall({
      handler: consume.handler,
      timeoutMs: bounds.handlerTimeoutMs,
      ...(inbox.tracer && { tracing: { tracer: inbox.tracer, groupId } }),
      clock,
    }),
    effects: consume.effects ?? 'none',
    sharesTransactions: consume.sharesTransactions ?? false,
    isOrdered: consume.order !== 'none',
    holdsKeys: consume.order !== 'none' && consume.afterFailure === 'hold',
    failures,
    gate,
    suspects: new OneAtATime(),
    lease: { owner: uuidv7(), leaseMs: bounds.dueLeaseMs },
    onCommitted: guarded(consume.onCommitted ?? (() => {}), logger),
    onDue: (inMs: number) => due.wake(inMs),
    instruments,
    counts,
  }
  const due = new DueWorker({
    ...shared,
    topics: consume.topics,
    concurrency: bounds.maxConcurrentRetries,
    pollMs: bounds.duePollMs,
    runner: new DueRunner({ ...shared, patience: patience(() => {}) }),
  })
  const operations = new OperationWorker({
    ...shared,
    schema: quoteIdentifier(inbox.schema ?? 'inbox'),
    registration: {
      group: groupId,
      serviceName,
      topics: consume.topics,
      effects: shared.effects,
      isAdditive: consume.isAdditive ?? false,
      isShadow: false,
    },
    owner: shared.lease.owner,
    replay: new ReplayStep({
      ...shared,
      recordHandled: statements.recordHandled,
      isTransient: (error) => livePatience.isTransient(error),
    }),
    onDue: () => due.wake(0),
    pollMs: bounds.duePollMs,
  })
  const livePatience = patience((job, isWaiting) => consumer.setWaiting(job, isWaiting))
  const keepsPayload = inbox.payload !== 'onFailure'
  const consumer = new KafkaInboxConsumer({
    ...shared,
    consume,
    client,
    ledger: new PartitionLedger({ ...shared, position: statements.position }),
    runner: new BatchRunner({ ...shared, keepsPayload, patience: livePatience }),
    due,
    operations,
    patience: livePatience,
    deadLetters,
    lag: new LagMonitor({
      ...common,
      kafka: consume.kafka,
      client,
      topics: consume.topics,
      intervalMs: bounds.lagIntervalMs,
      gauge: instruments.lag,
      onMeasured: (lags) => consumer.commitIdle(lags),
    }),
  })
  return consumer
}

type Waiter = Parameters<KafkaInboxConsumer['setWaiting']>[0]

/** The events are committed by then: what the callback throws can only be told. */
function guarded(
  onCommitted: (events: readonly ReceivedEvent[]) => void,
  logger: Pick<NonNullable<InboxOptions['logger']>, 'error'>,
): (events: readonly ReceivedEvent[]) => void {
  return (events) => {
    try {
      onCommitted(events)
    } catch (error) {
      logger.error('onCommitted threw; the events are committed all the same', { error })
    }
  }
}
