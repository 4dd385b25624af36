import assert from 'node:assert/strict'
import { eventually } from '@millrace/core/testing'
import { checkFigures, checkTopics, type Ending } from './shop-checker.ts'
import type { Shop } from './shop-under-test.ts'

const limit = { timeoutMs: 300_000, everyMs: 500 }

/** Waits until every order has ended and all that follows from it is done; at the end says what is wrong. */
export async function settled(shop: Shop): Promise<ReadonlyMap<string, Ending>> {
  let faults: readonly string[] = []
  try {
    return await eventually(
      'each order ended and all is accounted for',
      async () => {
        const found = checkTopics(shop.record, await shop.topics())
        faults = found.faults
        if (faults.length > 0) return undefined
        faults = checkFigures(shop.record, found.endings, await shop.figures())
        return faults.length === 0 ? found.endings : undefined
      },
      limit,
    )
  } catch (error) {
    assert.deepEqual(faults.slice(0, 50), [], `the first of ${faults.length} faults in the end`)
    throw error
  }
}

/** How many orders ended so; `ROLLBACK TIMEOUT` asks for the source as well. */
export function counted(endings: ReadonlyMap<string, Ending>, ending: string): number {
  return [...endings.values()].filter(
    ({ status, source }) => ending === status || ending === `${status} ${source}`,
  ).length
}
