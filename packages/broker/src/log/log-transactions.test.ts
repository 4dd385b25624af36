import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { SimulatedClock } from '@millrace/core/testing'
import * as fc from 'fast-check'
import { checkedBatch, testTimeMs } from '../../test/batches.ts'
import { committedRecords } from '../../test/committed-records.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { settingsOf } from '../topics/topic-configs.ts'
import { LogTransactions } from './log-transactions.ts'
import { PartitionLog, type FsyncMode } from './partition-log.ts'

const directory = 'data/t/0'

function opener(fsync: FsyncMode = 'os', segmentBytes = 1_000_000): () => PartitionLog {
  const disk = new MemoryDisk()
  const clock = new SimulatedClock(testTimeMs)
  const settings = { ...settingsOf(new Map()), segmentBytes }
  return () => PartitionLog.open(directory, settings, { disk, clock, logger: silentLogger, fsync })
}

/** Appends the producer's next record, inside its transaction. */
function append(log: PartitionLog, producerId: number, sequence: number, value = 'x'): void {
  const producer = { producerId, producerEpoch: 0, baseSequence: sequence, transactional: true }
  assert.equal(log.append(checkedBatch({ values: [value], ...producer })).kind, 'appended')
}

function end(log: PartitionLog, producerId: number, isCommit: boolean): void {
  log.appendMarker({ producerId, producerEpoch: 0, isCommit })
}

test('log transactions: the last stable offset is where the first open one begins', () => {
  const log = opener()()
  append(log, 1, 0)
  append(log, 2, 0)
  assert.equal(log.lastStableOffset, 0)
  end(log, 1, true)
  assert.equal(log.lastStableOffset, 1)
  end(log, 2, false)
  assert.equal(log.lastStableOffset, 4)
  assert.deepEqual(log.abortedIn(0, 4), [{ producerId: 2, firstOffset: 1, lastOffset: 3 }])
})

test('log transactions: a marker without records is no aborted transaction, but fences', () => {
  const log = opener()()
  log.appendMarker({ producerId: 1, producerEpoch: 3, isCommit: false })
  assert.equal(log.lastStableOffset, 1)
  assert.equal(log.abortedTransactions.length, 0)
  const batch = { values: ['x'], producerId: 1, baseSequence: 0, transactional: true }
  assert.equal(log.append(checkedBatch({ ...batch, producerEpoch: 2 })).kind, 'staleEpoch')
  assert.equal(log.append(checkedBatch({ ...batch, producerEpoch: 3 })).kind, 'appended')
})

test('log transactions: in group mode what a marker decides is stable when the marker is synced', async () => {
  const log = opener('group')()
  append(log, 1, 0)
  await log.sync()
  end(log, 1, true)
  assert.deepEqual([log.lastStableOffset, log.highWatermark], [0, 1])
  await log.sync()
  assert.deepEqual([log.lastStableOffset, log.highWatermark], [2, 2])
})

test('log transactions: committed readers are told of all bytes that an end made stable', () => {
  const log = opener()()
  const told: (number | null)[] = []
  const stable: (number | null)[] = []
  log.listen((bytes) => told.push(bytes))
  log.listen((bytes) => stable.push(bytes), true)
  append(log, 1, 0)
  append(log, 1, 1)
  assert.equal(told.length, 2)
  assert.deepEqual(stable, [])
  end(log, 1, true)
  assert.deepEqual(stable, [told.reduce((sum: number, bytes) => sum + (bytes ?? 0), 0)])
})

test('log transactions: the bytes of one that was open before the start wake readers when it ends', () => {
  const open = opener()
  append(open(), 1, 0)
  const log = open()
  const stable: (number | null)[] = []
  log.listen((bytes) => stable.push(bytes), true)
  end(log, 1, true)
  assert.equal(stable.length, 1)
  assert.ok(stable[0]! >= 60)
})

test('log transactions: producers with an open transaction are not forgotten', async () => {
  const disk = new MemoryDisk()
  const clock = new SimulatedClock(testTimeMs)
  const context = { disk, clock, logger: silentLogger, fsync: 'os' } as const
  const log = PartitionLog.open(directory, settingsOf(new Map()), context)
  append(log, 1, 0)
  append(log, 2, 0)
  end(log, 2, true)
  await clock.advance(86_400_001)
  log.expireProducers()
  assert.deepEqual([log.knowsProducer(1), log.knowsProducer(2)], [true, false])
})

test('log transactions: aborted ones before the log start are forgotten, and those whose marker compaction took', () => {
  const log = opener()()
  for (let n = 0; n < 3; n++) {
    append(log, 1, n)
    end(log, 1, false)
  }
  log.advanceLogStart(2)
  assert.deepEqual(
    log.abortedTransactions.map(({ lastOffset }) => lastOffset),
    [3, 5],
  )
  log.forgetAbortMarkers(new Set([3]))
  assert.deepEqual(
    log.abortedTransactions.map(({ lastOffset }) => lastOffset),
    [5],
  )
})

test('log transactions: a snapshot of them restores them', () => {
  const transactions = new LogTransactions()
  transactions.noteBatch({ producerId: 1, producerEpoch: 2, firstOffset: 3, bytesBefore: 9 })
  transactions.noteBatch({ producerId: 4, producerEpoch: 0, firstOffset: 5, bytesBefore: 20 })
  transactions.noteMarker(4, 6, false)
  const text = JSON.stringify(transactions.snapshot())
  const again = LogTransactions.restore(JSON.parse(text))
  assert.deepEqual(again.snapshot(), transactions.snapshot())
  assert.equal(again.of(1)?.producerEpoch, 2)
})

type Step =
  | { readonly kind: 'append'; readonly producerId: number }
  | { readonly kind: 'end'; readonly producerId: number; readonly isCommit: boolean }
  | { readonly kind: 'plain' | 'crash' | 'checkpoint' | 'close' }

const producerId = fc.integer({ min: 1, max: 4 })
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), producerId }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      producerId,
      isCommit: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'plain' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'checkpoint' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'close' as const }) },
)

/** What the log should say: the records in order, and the fate of each. */
class Model {
  readonly #records: { value: string; producerId: number; fate: 'open' | 'shown' | 'hidden' }[] = []
  endOffset = 0
  readonly #offsets: number[] = []

  add(producer: number, value: string): void {
    const fate = producer < 0 ? 'shown' : 'open'
    this.#records.push({ value, producerId: producer, fate })
    this.#offsets.push(this.endOffset++)
  }

  end(producer: number, isCommit: boolean): void {
    for (const record of this.#records)
      if (record.producerId === producer && record.fate === 'open')
        record.fate = isCommit ? 'shown' : 'hidden'
    this.endOffset++
  }

  get lastStableOffset(): number {
    const first = this.#records.findIndex(({ fate }) => fate === 'open')
    return first === -1 ? this.endOffset : this.#offsets[first]!
  }

  committedFrom(offset: number): (readonly [number, string])[] {
    return this.#records
      .map(({ value, fate }, index) => [this.#offsets[index]!, value, fate] as const)
      .filter(([at, , fate]) => at >= offset && at < this.lastStableOffset && fate === 'shown')
      .map(([at, value]) => [at, value])
  }
}

function committedFrom(log: PartitionLog, fromOffset: number): (readonly [number, string])[] {
  const all: (readonly [number, string])[] = []
  for (let offset = fromOffset; offset < log.lastStableOffset;) {
    const batches = log.read(offset, 300, true, true)!
    const endOffset = committedRecords(batches, []).nextOffset
    const { found } = committedRecords(batches, log.abortedIn(offset, endOffset))
    all.push(...found.filter(([at]) => at >= offset))
    offset = endOffset
  }
  return all
}

test('log transactions: any mix of transactions, crashes and checkpoints shows committed readers what a model says, from every offset', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 60 }), async (steps) => {
      const open = opener('os', 600)
      let log = open()
      const model = new Model()
      const sequences = [0, 0, 0, 0, 0]
      for (const [index, step] of steps.entries()) {
        if (step.kind === 'append') {
          append(log, step.producerId, sequences[step.producerId]!++, `v${index}`)
          model.add(step.producerId, `v${index}`)
        } else if (step.kind === 'end') {
          end(log, step.producerId, step.isCommit)
          model.end(step.producerId, step.isCommit)
        } else if (step.kind === 'plain') {
          log.append(checkedBatch({ values: [`v${index}`] }))
          model.add(-1, `v${index}`)
        } else if (step.kind === 'checkpoint') await log.checkpoint()
        else {
          if (step.kind === 'close') await log.close()
          log = open()
        }
        assert.equal(log.endOffset, model.endOffset)
        assert.equal(log.lastStableOffset, model.lastStableOffset)
      }
      for (let offset = 0; offset <= model.endOffset; offset++)
        assert.deepEqual(committedFrom(log, offset), model.committedFrom(offset), `from ${offset}`)
    }),
    { numRuns: 150 },
  )
})
