import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gathering, type GatheringOptions } from './gathering.ts'

/** Runs that end when the test says so, and what each of them was given. */
function held(options: Partial<GatheringOptions<number, number>> = {}) {
  const runs: { readonly items: readonly number[]; readonly end: PromiseWithResolvers<void> }[] = []
  const gathering = new Gathering<number, number>({
    maxUnderWay: 1,
    maxWeight: 100,
    async run(items) {
      const end = Promise.withResolvers<void>()
      runs.push({ items, end })
      await end.promise
      return items.map((item) => item * 10)
    },
    ...options,
  })
  return { gathering, runs }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('gathering: what is asked for in one turn is one run, and what comes meanwhile the next', async () => {
  const { gathering, runs } = held()
  const first = [1, 2].map((item) => gathering.ask(item))
  await turn()
  const second = [3, 4, 5].map((item) => gathering.ask(item))
  await turn()
  assert.deepEqual(
    runs.map(({ items }) => items),
    [[1, 2]],
  )
  runs[0]?.end.resolve()
  assert.deepEqual(await Promise.all(first), [10, 20])
  await turn()
  assert.deepEqual(runs[1]?.items, [3, 4, 5])
  runs[1]?.end.resolve()
  assert.deepEqual(await Promise.all(second), [30, 40, 50])
})

test('gathering: no more runs at once than may be', async () => {
  const { gathering, runs } = held({ maxUnderWay: 2 })
  const results: Promise<number>[] = []
  for (const item of [1, 2, 3, 4]) {
    results.push(gathering.ask(item))
    await turn()
  }
  assert.deepEqual(
    runs.map(({ items }) => items),
    [[1], [2]],
  )
  runs[1]?.end.resolve()
  assert.equal(await results[1], 20)
  await turn()
  assert.deepEqual(runs[2]?.items, [3, 4])
  for (const { end } of runs) end.resolve()
  assert.deepEqual(await Promise.all(results), [10, 20, 30, 40])
})

test('gathering: a run takes what it may count, in order; an item beyond that goes alone', async () => {
  const { gathering, runs } = held({ maxWeight: 10, weightOf: (item) => item, maxUnderWay: 9 })
  const results = [4, 6, 1, 50, 2].map((item) => gathering.ask(item))
  await turn()
  assert.deepEqual(
    runs.map(({ items }) => items),
    [[4, 6], [1], [50], [2]],
  )
  for (const { end } of runs) end.resolve()
  assert.deepEqual(await Promise.all(results), [40, 60, 10, 500, 20])
})

test('gathering: each is told its own outcome; what a run throws is told to all of it, and the next one goes on', async () => {
  const gathering = new Gathering<string, string>({
    maxUnderWay: 1,
    maxWeight: 2,
    async run(items) {
      if (items.includes('throws')) throw new Error('the run')
      return items.map((item) => (item === 'bad' ? Promise.reject(new Error('its own')) : item))
    },
  })
  const outcomes = await Promise.allSettled(
    ['throws', 'with it', 'bad', 'good'].map((item) => gathering.ask(item)),
  )
  assert.deepEqual(
    outcomes.map((each) =>
      each.status === 'fulfilled' ? each.value : (each.reason as Error).message,
    ),
    ['the run', 'the run', 'its own', 'good'],
  )
})
