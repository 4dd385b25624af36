import type { Outbox, OutboxTransaction } from '@millrace/outbox'

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
