import { silentLogger, systemClock, uuidv7 } from '@millrace/core'
import { isTransientPostgresError, quoteIdentifier } from '@millrace/postgres'
import { inBounds } from '../consume-bounds.ts'
import { HandlerCall } from '../handler-call.ts'
import type { LogPartitions } from '../partitions.ts'
import type { InboxStatements } from '../statements.ts'
import type { InboxOptions, InboxShadow, ShadowOptions } from '../types.ts'
import { OperationWorker } from './operation-worker.ts'
import { ReplayStep } from './replay-step.ts'

const day = 86_400_000

/** @throws InboxError `MR_INBOX_BAD_OPTION` */
export function buildShadow(
  inbox: InboxOptions,
  statements: InboxStatements,
  partitions: LogPartitions,
  options: ShadowOptions,
): InboxShadow {
  const { database, serviceName, groupId, contracts } = inbox
  const clock = inbox.clock ?? systemClock
  const effects = options.effects ?? 'none'
  const isTransient = options.isTransient ?? ((): boolean => false)
  const timeoutMs = inBounds('handlerTimeoutMs', options.handlerTimeoutMs ?? 300_000, 0, day)
  const worker = new OperationWorker({
    database,
    schema: quoteIdentifier(inbox.schema ?? 'inbox'),
    registration: {
      group: groupId,
      serviceName,
      topics: [],
      effects,
      isAdditive: false,
      isShadow: true,
    },
    owner: uuidv7(),
    replay: new ReplayStep({
      database,
      serviceName,
      contracts,
      partitions,
      call: new HandlerCall({
        handler: options.handler,
        timeoutMs,
        clock,
        ...(inbox.tracer && { tracing: { tracer: inbox.tracer, groupId } }),
      }),
      effects,
      maxAttempts: 1,
      recordHandled: statements.recordHandled,
      isTransient: (error) => isTransientPostgresError(error) || isTransient(error),
    }),
    // Nothing of a shadow group ever waits in the log.
    onDue: () => {},
    pollMs: inBounds('pollMs', options.pollMs ?? 1_000, 10, 60_000),
    drainTimeoutMs: inBounds('drainTimeoutMs', options.drainTimeoutMs ?? 5_000, 0, 3_600_000),
    logger: (inbox.logger ?? silentLogger).child({ groupId }),
    clock,
  })
  return {
    start: () => worker.start(),
    close: () => worker.close(),
    [Symbol.asyncDispose]: () => worker.close(),
  }
}
