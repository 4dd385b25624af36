import type { EventEnvelope } from '@millrace/events'
import type { Outbox, OutboxTransaction } from '@millrace/outbox'
import type { Transaction } from '@millrace/postgres'
import { topic } from './fixture.ts'

/** A transaction that a test holds open and ends when it wants to. */
export interface OpenTransaction {
  readonly tx: OutboxTransaction
  commit(): Promise<void>
  rollback(): Promise<void>
}

export async function openTransaction(outbox: Outbox): Promise<OpenTransaction> {
  const begun = Promise.withResolvers<OutboxTransaction>()
  const end = Promise.withResolvers<void>()
  const rolledBack = new Error('rolled back by the test')
  const ended = outbox
    .transaction(async (tx) => {
      begun.resolve(tx)
      await end.promise
    })
    .catch((error: unknown) => {
      begun.reject(error)
      if (error !== rolledBack) throw error
    })
  return {
    tx: await begun.promise,
    commit: async () => {
      end.resolve()
      await ended
    },
    rollback: async () => {
      end.reject(rolledBack)
      await ended
    },
  }
}

/** Writes an event at this very moment, as plain SQL may; `publish` would wait for the commit. */
export async function insertNow(tx: Transaction, event: EventEnvelope, slot = 0): Promise<void> {
  await tx.query(
    `insert into outbox.event_production_data (event_id, slot, schema_version, max_retries, aggregate_version, occurred_at,
       correlation_id, service_name, topic, event_key, event_type, aggregate_type, aggregate_id, payload)
     values ($1, $8, 1, 5, $2, now(), $3, 'tests', $4, $5, $6, 'thing', $5, $7)`,
    [
      event.eventId,
      event.aggregateVersion,
      event.correlationId,
      topic,
      event.aggregateId,
      event.eventType,
      JSON.stringify(event),
      slot,
    ],
  )
}
