import { randomInt, type Random } from '@millrace/core'
import { testEvent, type OutboxFixture } from './fixture.ts'
import { insertNow, openTransaction, type OpenTransaction } from './open-transaction.ts'

const steps = 200
const maxOpen = 5

/** Transactions that write by turns, short and long, some of them in vain. Returns snapshots taken in between. */
export async function writeTangled(
  fixture: OutboxFixture,
  random: Random,
): Promise<readonly string[]> {
  const { outbox, database } = fixture
  const open: OpenTransaction[] = []
  const snapshots: string[] = []
  const look = async (): Promise<void> => {
    const { rows } = await database.query<{ text: string }>(
      'select pg_current_snapshot()::text as text',
    )
    snapshots.push(rows[0]?.text ?? '')
  }
  const end = async (index: number): Promise<void> => {
    const [ended] = open.splice(index, 1)
    if (randomInt(random, 4) > 0) await ended?.commit()
    else await ended?.rollback()
  }
  try {
    await look()
    for (let step = 0; step < steps; step++) {
      const kind = randomInt(random, 20)
      const index = randomInt(random, Math.max(1, open.length))
      const chosen = open[index]
      if (kind === 0) await look()
      else if (kind < 3 && open.length > 1) await end(index)
      else if (kind < 7 && open.length < maxOpen) {
        const begun = await openTransaction(outbox)
        open.push(begun)
        // Its id is drawn now, what it writes is written at any time later.
        await begun.tx.query('select pg_current_xact_id()')
      } else if (chosen)
        for (let count = 1 + randomInt(random, 5); count > 0; count--)
          await insertNow(chosen.tx, testEvent(), randomInt(random, 4))
    }
  } finally {
    while (open.length > 0) await end(0)
  }
  await look()
  return snapshots
}
