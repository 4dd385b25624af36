import { createEvent, type CausationContext } from '@millrace/events'
import type { Outbox, OutboxTransaction } from '@millrace/outbox'
import type { Queryable } from '@millrace/postgres'
import type { Fact, Outcome } from './domain/fact.ts'
import { problemOfRefusal } from './errors.ts'

/** Name under which events go out. */
export const serviceName = 'discussions'

export interface Written<Resource> {
  /** Null when there was nothing to change. */
  readonly eventId: string | null
  readonly resource: Resource
}

/**
 * Runs one act in a transaction together with its event. `read` gives the resource as it is after the act; its statements leave with
 * those of the act, so a write takes two round trips: begin, act and read; event and commit.
 * @throws ProblemError when the act was refused; nothing is stored then
 */
export async function write<Resource>(
  outbox: Outbox,
  context: CausationContext,
  act: (tx: Queryable) => Promise<Outcome>,
  read: (tx: Queryable) => Promise<Resource>,
): Promise<Written<Resource>> {
  return outbox.transaction((tx) => writeIn(tx, context, act, read))
}

/** As `write`, in a transaction of the caller. */
export async function writeIn<Resource>(
  tx: OutboxTransaction,
  context: CausationContext,
  act: (tx: Queryable) => Promise<Outcome>,
  read: (tx: Queryable) => Promise<Resource>,
): Promise<Written<Resource>> {
  const [outcome, resource] = await Promise.all([act(tx), read(tx)])
  if ('refusal' in outcome) throw problemOfRefusal(outcome.refusal)
  return { eventId: outcome.fact && publish(tx, outcome.fact, context), resource }
}

/**
 * Makes the event of a fact and keeps it for the commit. The transaction holds the lock of the thread by now, so ids of one thread
 * ascend with its versions.
 */
export function publish(tx: OutboxTransaction, fact: Fact, context: CausationContext): string {
  const event = createEvent({
    contract: fact.contract,
    source: serviceName,
    aggregateId: fact.threadId,
    aggregateVersion: Number(fact.version),
    data: fact.data,
    context,
    occurredAtMs: fact.occurredAt.getTime(),
  })
  tx.publish(event, {
    topic: fact.contract.topic,
    key: fact.threadId,
    ...(context.traceparent !== undefined && { traceparent: context.traceparent }),
  })
  return event.eventId
}
