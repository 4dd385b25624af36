import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOnlyTopology } from '../../test/read-only-topology.ts'
import { text } from '../../test/streams-fixture.ts'
import { planTopics } from '../runtime/topic-plan.ts'
import { PartitionedTestDriver } from '../testing/partitioned-test-driver.ts'

const topics = { prices: 'prices', input: 'in', output: 'out' }

function subject(options: { readonly standbys?: boolean; readonly commitEveryRecords?: number }) {
  const driver = new PartitionedTestDriver(readOnlyTopology(topics), { partitions: 2, ...options })
  const input = driver.input('in', text)
  return {
    driver,
    prices: driver.input('prices', text),
    ask: (key: string): string | null | undefined => {
      input.pipe(key, '?')
      return driver.output('out', text).read().at(-1)?.value
    },
  }
}

test('a read-only store has no changelog but its topic, which every start restores it from (trap 41)', () => {
  const plan = planTopics(
    readOnlyTopology(topics),
    'app',
    new Map([
      ['prices', 2],
      ['in', 2],
    ]),
  )
  assert.deepEqual(plan.internalTopics, [])
  assert.deepEqual([...(plan.subtopologies[0]?.changelogs ?? [])], [['prices', 'prices']])
})

for (const standbys of [false, true])
  test(`a read-only store is what was committed of its topic after a crash${standbys ? ', on a standby too' : ''}; the rest is processed (trap 41)`, () => {
    const { driver, prices, ask } = subject({ standbys, commitEveryRecords: Infinity })
    prices.pipe('tea', 'low')
    prices.pipe('rice', 'high')
    assert.deepEqual([ask('tea'), ask('rice'), ask('milk')], [undefined, undefined, undefined])
    driver.commit()
    assert.deepEqual(
      new Map(
        driver
          .output('out', text)
          .read()
          .map(({ key, value }) => [key, value]),
      ),
      new Map([
        ['tea', 'low'],
        ['rice', 'high'],
        ['milk', 'none'],
      ]),
    )
    // Processed, not committed: done again after the crash, by the processor.
    prices.pipe('tea', 'higher')
    prices.pipe('rice', null)
    for (const id of driver.taskIds) driver.crash(id)
    driver.restore()
    ask('tea')
    ask('rice')
    driver.commit()
    assert.deepEqual(
      new Map(
        driver
          .output('out', text)
          .read()
          .map(({ key, value }) => [key, value]),
      ),
      new Map([
        ['tea', 'higher'],
        ['rice', 'none'],
      ]),
    )
    assert.deepEqual(
      driver.take().map(({ topic }) => topic),
      [],
    )
  })

test('a read-only store needs a topic with a partition for each task', () => {
  const existing = new Map([
    ['prices', 1],
    ['in', 2],
  ])
  assert.throws(() => planTopics(readOnlyTopology(topics), 'app', existing), {
    code: 'MR_STREAMS_PARTITION_MISMATCH',
    message: /"prices" \(1 partitions\)/,
  })
})
