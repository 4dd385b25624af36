import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core/testing'
import { RecordBatchBuilder } from '@millrace/protocol'
import { fetchedRecords } from './fetched-records.ts'
import { OwnedPartitions } from './owned-partitions.ts'
import type { TopicPartition } from './types.ts'

const row = (partition: number): TopicPartition => ({ topic: 't', partition })

function setUp() {
  const clock = new SimulatedClock()
  const told: string[] = []
  const owned = new OwnedPartitions({
    clock,
    drainMs: 3_000,
    onGivenUp: async (partitions, isLost) => {
      const numbers = partitions.map(({ partition }) => partition).join(' ')
      told.push(`${isLost ? 'lost' : 'revoked'} ${numbers}`)
    },
  })
  const builder = new RecordBatchBuilder()
  builder.add(null, 'v', [], 0)
  const records = fetchedRecords(Buffer.from(builder.build({ baseOffset: 0 })), 0, null)
  for (const each of owned.add([row(0), row(1)], 1)) each.fill(records, 1n)
  return { clock, told, owned }
}

/** Lets what is ready go on. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('owned partitions: one that goes is handed out no more, and dropped when its batch has come back', async () => {
  const { owned, told } = setUp()
  const held = owned.hold()
  assert.equal(held?.partition, 0)
  const giving = owned.giveUp(() => owned.others([row(1)]), false)
  await turn()
  assert.deepEqual([told, held.isOver], [[], false])
  owned.release(held, false)
  assert.equal(owned.hold()?.partition, 1, 'what was put back is not handed out again')
  await giving
  assert.deepEqual([told, held.isOver, owned.all.length], [['revoked 0'], true, 1])
  assert.equal(owned.hold(), undefined)
})

test('owned partitions: a batch that does not come back in time has its signal aborted', async () => {
  const { clock, owned, told } = setUp()
  const held = owned.hold()
  const giving = owned.giveUp(() => owned.all, false)
  await turn()
  await clock.advance(2_999)
  await turn()
  assert.equal(held?.isOver, false)
  await clock.advance(1)
  await giving
  assert.deepEqual([held.isOver, told, owned.all.length], [true, ['revoked 1 0'], 0])
})

test('owned partitions: when the membership is lost, nothing is waited for any more, and all is told as lost', async () => {
  const { owned, told } = setUp()
  const held = owned.hold()
  const first = owned.giveUp(() => owned.others([row(1)]), false)
  await turn()
  const second = owned.giveUp(() => owned.all, true)
  await Promise.all([first, second])
  assert.deepEqual([held?.isOver, told, owned.all.length], [true, ['lost 0', 'lost 1'], 0])
})

test('owned partitions: what is owned already stays as it is when more is added', async () => {
  const { owned } = setUp()
  const before = owned.find(row(0))
  const added = owned.add([row(0), row(2)], 2)
  assert.deepEqual(
    added.map(({ partition }) => partition),
    [2],
  )
  assert.equal(owned.find(row(0)), before)
  assert.ok(before && owned.has(before))
})

test('owned partitions: the loop that is at work longest counts', async () => {
  const { clock, owned } = setUp()
  assert.equal(owned.heldSinceMs, undefined)
  const startMs = clock.monotonicMs()
  const first = owned.hold()
  await clock.advance(10)
  const second = owned.hold()
  assert.ok(first && second)
  assert.equal(owned.heldSinceMs, startMs)
  owned.release(first, true)
  assert.equal(owned.heldSinceMs, startMs + 10)
  owned.release(second, true)
  assert.equal(owned.heldSinceMs, undefined)
})
