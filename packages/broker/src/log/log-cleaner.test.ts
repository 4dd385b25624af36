import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { SimulatedClock } from '@millrace/core/testing'
import {
  batchAttributeBits,
  batchAttributes,
  batchLastOffset,
  batchProducerId,
  batchRecordCount,
  isBatchControl,
  nextBatch,
  RecordBatchBuilder,
  RecordColumns,
} from '@millrace/protocol'
import * as fc from 'fast-check'
import { testTimeMs } from '../../test/batches.ts'
import { CrashingDisk } from '../../test/crashing-disk.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { settingsOf, type TopicSettings } from '../topics/topic-configs.ts'
import { checkBatch } from './batch-checks.ts'
import type { Disk } from './disk.ts'
import { LogCleaner, type CleanResult } from './log-cleaner.ts'
import { PartitionLog, type FsyncMode } from './partition-log.ts'
import { firstRecordAtTime } from './record-times.ts'

const directory = 'data/t/0'
const compacted = settingsOf(
  new Map([
    ['cleanup.policy', 'compact'],
    ['segment.bytes', '4096'],
  ]),
)

/** A value of null is a tombstone. */
type Entry = readonly [key: string, value: string | null]

interface Shape {
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly codec?: number
  readonly timestampMs?: number
}

interface Found {
  readonly offset: number
  readonly key: string
  readonly value: string | null
  readonly timestampMs: number
}

class Bench {
  readonly memory = new MemoryDisk()
  readonly clock = new SimulatedClock(testTimeMs)
  settings: TopicSettings
  readonly fsync: FsyncMode
  disk: Disk = this.memory
  log: PartitionLog
  cleaner: LogCleaner

  constructor(settings: Partial<TopicSettings> = {}, fsync: FsyncMode = 'os') {
    this.settings = { ...compacted, ...settings }
    this.fsync = fsync
    this.log = this.#open()
    this.cleaner = this.#cleaner()
  }

  /** As after a crash of the process. */
  reopen(disk: Disk = this.memory): void {
    this.disk = disk
    this.log = this.#open()
    this.cleaner = this.#cleaner()
  }

  append(entries: readonly Entry[], shape: Shape = {}): number {
    const builder = new RecordBatchBuilder()
    for (const [key, value] of entries)
      builder.add(key, value, [['h', key]], shape.timestampMs ?? this.clock.now())
    const bytes = Buffer.from(builder.build(shape))
    const checked = checkBatch(bytes, this.settings, 11, this.clock.now())
    if ('errorCode' in checked) assert.fail(checked.text)
    const verdict = this.log.append(checked)
    if (verdict.kind !== 'appended') assert.fail(verdict.kind)
    return verdict.baseOffset
  }

  end(producerId: number, isCommit: boolean, producerEpoch = 0): number {
    return this.log.appendMarker({ producerId, producerEpoch, isCommit })
  }

  /** Closes the active segment and compacts all that may be. */
  async compact(signal = new AbortController().signal): Promise<CleanResult | undefined> {
    this.log.roll()
    const plan = this.cleaner.plan(this.settings)
    return plan && this.cleaner.clean(plan, this.settings, signal)
  }

  #open(): PartitionLog {
    const { disk, clock, fsync } = this
    return PartitionLog.open(directory, this.settings, { disk, clock, logger: silentLogger, fsync })
  }

  #cleaner(): LogCleaner {
    const { disk, clock } = this
    return new LogCleaner(this.log, { disk, clock, logger: silentLogger })
  }
}

/** Every batch of the log, checked in full, fetched part by part as a consumer does. */
function batchesOf(log: PartitionLog): Buffer[] {
  const batches: Buffer[] = []
  for (let offset = log.logStartOffset; offset < log.highWatermark;) {
    const part = log.read(offset, 3_000, true)!
    assert.ok(part.length > 0, `a reader is stuck at ${offset} of ${log.highWatermark}`)
    let at = 0
    for (let next; (next = nextBatch(part, at)) !== -1; at = next)
      batches.push(part.subarray(at, next))
    assert.equal(at, part.length)
    offset = batchLastOffset(batches.at(-1)!, 0) + 1
  }
  return batches
}

function recordsIn(batches: readonly Buffer[]): Found[] {
  const columns = new RecordColumns()
  const found: Found[] = []
  for (const batch of batches) {
    if (isBatchControl(batch, 0)) continue
    columns.read(batch, 0)
    for (let index = 0; index < columns.count; index++) {
      const key = String(columns.key(index))
      const value = columns.value(index)
      assert.deepEqual(
        columns.headers(index).map(([name, header]) => [name, String(header)]),
        [['h', key]],
      )
      found.push({
        offset: columns.offset(index),
        key,
        value: value && String(value),
        timestampMs: columns.timestampMs(index),
      })
    }
  }
  return found
}

function records(log: PartitionLog): Found[] {
  return recordsIn(batchesOf(log))
}

/** What a reader who keeps the last value of each key ends with. */
function tableOf(found: readonly Found[]): Map<string, string> {
  const table = new Map<string, string>()
  for (const { key, value } of found) {
    if (value === null) table.delete(key)
    else table.set(key, value)
  }
  return table
}

function short(found: readonly Found[]): (readonly [number, string, string | null])[] {
  return found.map(({ offset, key, value }) => [offset, key, value])
}

test('cleaner: the last value of each key stays, at its offset, with its time and headers', async () => {
  const bench = new Bench()
  bench.append([
    ['a', '1'],
    ['b', '1'],
    ['a', '2'],
  ])
  bench.append([['c', '1']])
  bench.append(
    [
      ['b', '2'],
      ['d', '1'],
    ],
    { codec: 4, timestampMs: testTimeMs + 7 },
  )
  const before = records(bench.log)
  const result = await bench.compact()
  assert.ok(result !== undefined && result.bytesAfter < result.bytesBefore)
  const after = records(bench.log)
  assert.deepEqual(short(after), [
    [2, 'a', '2'],
    [3, 'c', '1'],
    [4, 'b', '2'],
    [5, 'd', '1'],
  ])
  assert.deepEqual(
    after,
    before.filter(({ offset }) => offset >= 2),
  )
  assert.equal(bench.log.endOffset, 6)
})

test('cleaner: the active segment, and what is above an open transaction, stay as they are', async () => {
  const bench = new Bench()
  bench.append([['a', '1']])
  bench.append([['a', '2']])
  assert.equal(bench.cleaner.plan(bench.settings), undefined)
  bench.log.roll()
  bench.append([['t', '1']], {
    producerId: 7,
    producerEpoch: 0,
    baseSequence: 0,
    transactional: true,
  })
  bench.append([['a', '3']])
  await bench.compact()
  assert.deepEqual(short(records(bench.log)), [
    [1, 'a', '2'],
    [2, 't', '1'],
    [3, 'a', '3'],
  ])
  bench.end(7, true)
  await bench.compact()
  assert.deepEqual(short(records(bench.log)), [
    [2, 't', '1'],
    [3, 'a', '3'],
  ])
})

for (const codec of [0, 1, 2, 3, 4]) {
  test(`cleaner: inside batches of codec ${codec} single records go, and the codec stays`, async () => {
    const bench = new Bench()
    const long = 'x'.repeat(300)
    bench.append(
      [
        ['a', long],
        ['b', long],
        ['c', long],
      ],
      { codec },
    )
    bench.append([['b', 'new']], { codec })
    await bench.compact()
    assert.deepEqual(
      records(bench.log).map(({ offset, key }) => [offset, key]),
      [
        [0, 'a'],
        [2, 'c'],
        [3, 'b'],
      ],
    )
    for (const batch of batchesOf(bench.log))
      assert.equal(batchAttributeBits(batch, 0) & batchAttributes.codecMask, codec)
  })
}

test('cleaner: a tombstone stays delete.retention.ms from its first compaction on, with its own time', async () => {
  const bench = new Bench({ deleteRetentionMs: 1_000 })
  bench.append([
    ['a', '1'],
    ['b', '1'],
  ])
  bench.append(
    [
      ['a', null],
      ['c', '1'],
    ],
    { timestampMs: testTimeMs - 5_000 },
  )
  await bench.compact()
  const expected = [
    [1, 'b', '1'],
    [2, 'a', null],
    [3, 'c', '1'],
  ]
  assert.deepEqual(short(records(bench.log)), expected)
  assert.equal(records(bench.log)[1]!.timestampMs, testTimeMs - 5_000)
  await bench.clock.advance(999)
  await bench.compact()
  assert.deepEqual(short(records(bench.log)), expected)
  await bench.clock.advance(1)
  bench.reopen()
  await bench.compact()
  assert.deepEqual(short(records(bench.log)), [
    [1, 'b', '1'],
    [3, 'c', '1'],
  ])
})

test('cleaner: records of aborted transactions go at once; markers later; readers are told of no transaction without marker', async () => {
  const bench = new Bench({ deleteRetentionMs: 1_000 })
  const transactional = { producerId: 7, producerEpoch: 0, transactional: true }
  bench.append([['a', 'kept']])
  bench.append(
    [
      ['a', 'aborted'],
      ['b', 'aborted'],
    ],
    { ...transactional, baseSequence: 0 },
  )
  const abortMarker = bench.end(7, false)
  bench.append([['c', 'committed']], { ...transactional, baseSequence: 2 })
  const commitMarker = bench.end(7, true)
  bench.append([['d', '1']])
  assert.equal(bench.log.abortedTransactions.length, 1)
  const markers = (): number[] =>
    batchesOf(bench.log)
      .filter((batch) => isBatchControl(batch, 0))
      .map((batch) => batchLastOffset(batch, 0))
  await bench.compact()
  const expected = [
    [0, 'a', 'kept'],
    [4, 'c', 'committed'],
    [6, 'd', '1'],
  ]
  assert.deepEqual(short(records(bench.log)), expected)
  assert.deepEqual(markers(), [abortMarker, commitMarker])
  assert.equal(bench.log.abortedTransactions.length, 0)
  await bench.clock.advance(1_000)
  await bench.compact()
  assert.deepEqual(short(records(bench.log)), expected)
  // The committed one still has a record.
  assert.deepEqual(markers(), [commitMarker])
  bench.append([['c', 'later']])
  await bench.compact()
  // Its batch is the producer's last and stays without records, so the marker stays.
  assert.deepEqual(markers(), [commitMarker])
  bench.reopen()
  assert.equal(bench.log.lastStableOffset, bench.log.highWatermark)
})

test('cleaner: a restart from an old checkpoint lists an aborted transaction again, and its marker waits for that', async () => {
  const bench = new Bench({ deleteRetentionMs: 0 })
  const transactional = { producerId: 7, producerEpoch: 0, transactional: true }
  bench.append([['a', 'aborted']], { ...transactional, baseSequence: 0 })
  bench.end(7, false)
  bench.append([['b', '1']], { ...transactional, baseSequence: 1 })
  bench.end(7, true)
  await bench.compact()
  // The process dies before another checkpoint is taken.
  bench.reopen()
  for (let round = 0; round < 3; round++) {
    for (const { lastOffset } of bench.log.abortedTransactions)
      assert.ok(batchesOf(bench.log).some((batch) => batchLastOffset(batch, 0) === lastOffset))
    await bench.compact()
    await bench.clock.advance(1)
  }
  assert.deepEqual(bench.log.abortedTransactions, [])
  assert.deepEqual(short(records(bench.log)), [[2, 'b', '1']])
})

test('cleaner: the last batch of a producer stays without records, so that its duplicates are known without a checkpoint', async () => {
  const bench = new Bench()
  bench.append([['a', '1']], { producerId: 7, producerEpoch: 3, baseSequence: 0 })
  bench.append(
    [
      ['a', '2'],
      ['a', '3'],
    ],
    { producerId: 7, producerEpoch: 3, baseSequence: 1 },
  )
  bench.append([['a', '4']])
  await bench.compact()
  const [empty] = batchesOf(bench.log)
  assert.deepEqual([batchRecordCount(empty!, 0), batchProducerId(empty!, 0)], [0, 7])
  bench.memory.remove(`${directory}/checkpoint`)
  bench.reopen()
  const builder = new RecordBatchBuilder()
  builder.add('a', '2', [], testTimeMs)
  builder.add('a', '3', [], testTimeMs)
  const again = builder.build({ producerId: 7, producerEpoch: 3, baseSequence: 1 })
  const checked = checkBatch(Buffer.from(again), bench.settings, 11, testTimeMs)
  assert.ok(!('errorCode' in checked))
  const verdict = bench.log.append(checked)
  assert.ok(verdict.kind === 'duplicate' && verdict.batch.firstOffset === 1)
})

test('cleaner: readers get past offsets that are gone, also at the end of the log', async () => {
  const bench = new Bench({ deleteRetentionMs: 0 })
  bench.append([['a', '1']])
  bench.append([['b', '1']])
  bench.append([['b', null]])
  await bench.compact()
  await bench.clock.advance(1)
  await bench.compact()
  assert.deepEqual(short(records(bench.log)), [[0, 'a', '1']])
  for (const offset of [0, 1, 2]) assert.ok(bench.log.read(offset, 100, true)!.length > 0)
  assert.equal(bench.append([['c', '1']]), 3)
  bench.reopen()
  assert.equal(bench.log.endOffset, 4)
})

test('cleaner: an emptied batch is no answer to a search by time', async () => {
  const bench = new Bench({ deleteRetentionMs: 0 })
  bench.append([['a', '1']], { timestampMs: testTimeMs - 10 })
  bench.append([['b', '1']], {
    timestampMs: testTimeMs,
    producerId: 7,
    producerEpoch: 0,
    baseSequence: 0,
  })
  bench.append([['b', '2']], { timestampMs: testTimeMs - 5 })
  await bench.compact()
  const batch = bench.log.readAtTime(testTimeMs - 9)!
  assert.equal(firstRecordAtTime(batch, testTimeMs - 9, 0).offset, 2)
  assert.equal(bench.log.readAtTime(testTimeMs), undefined)
  assert.equal(bench.log.maxTimestampMs(), testTimeMs - 5)
})

test('cleaner: small segments are joined up to segment.bytes', async () => {
  const bench = new Bench({ segmentBytes: 2_000 })
  for (let n = 0; n < 200; n++) bench.append([[`key ${n % 10}`, `${n}`.padEnd(100)]])
  assert.ok(bench.log.segmentCount > 10)
  // Joining goes by the sizes before, so the first compaction makes them small and the next joins them.
  for (let round = 0; round < 5; round++) await bench.compact()
  assert.equal(bench.log.segmentCount, 2)
  assert.equal(records(bench.log).length, 10)
})

test('cleaner: the plan counts dirty bytes, and keeps what is younger than min.compaction.lag.ms', async () => {
  const bench = new Bench({ minCompactionLagMs: 1_000 })
  bench.append([['a', '1']])
  bench.log.roll()
  assert.equal(bench.cleaner.plan(bench.settings), undefined)
  await bench.clock.advance(1_001)
  assert.equal(bench.cleaner.plan(bench.settings)?.dirtyRatio, 1)
  await bench.compact()
  assert.equal(bench.cleaner.plan(bench.settings)?.dirtyRatio, 0)
  bench.append([['a', '2']])
  bench.log.roll()
  assert.equal(bench.cleaner.plan(bench.settings)?.dirtyRatio, 0)
  await bench.clock.advance(1_001)
  const ratio = bench.cleaner.plan(bench.settings)!.dirtyRatio
  assert.ok(ratio > 0.4 && ratio < 0.6)
  // How far it came survives a restart.
  bench.reopen()
  assert.equal(bench.cleaner.plan(bench.settings)!.dirtyRatio, ratio)
})

test('cleaner: a dirty record older than max.compaction.lag.ms makes it overdue', async () => {
  const bench = new Bench({ maxCompactionLagMs: 1_000 })
  bench.append([['a', '1']])
  bench.log.roll()
  assert.equal(bench.cleaner.plan(bench.settings)?.isOverdue, false)
  await bench.clock.advance(1_001)
  assert.equal(bench.cleaner.plan(bench.settings)?.isOverdue, true)
  await bench.compact()
  assert.equal(bench.cleaner.plan(bench.settings)?.isOverdue, false)
})

test('cleaner: retention, deletion and the signal end a compaction between two slices, with nothing lost', async () => {
  const fill = (bench: Bench): void => {
    const incompressible = 'x'.repeat(4_000)
    for (let n = 0; n < 400; n++) bench.append([[`key ${n % 50}`, `${n} ${incompressible}`]])
  }
  const retained = new Bench({ segmentBytes: 500_000, deletesOld: true, retentionBytes: 600_000 })
  fill(retained)
  const table = tableOf(records(retained.log))
  const cleaning = retained.compact()
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(retained.log.applyRetention() > 0)
  assert.equal(await cleaning, undefined)
  assert.deepEqual(tableOf(records(retained.log)), table)

  const stopped = new Bench({ segmentBytes: 500_000 })
  fill(stopped)
  const controller = new AbortController()
  const stopping = stopped.compact(controller.signal)
  await new Promise((resolve) => setImmediate(resolve))
  controller.abort()
  assert.equal(await stopping, undefined)
  assert.equal(records(stopped.log).length, 400)

  const deleted = new Bench({ segmentBytes: 500_000 })
  fill(deleted)
  const deleting = deleted.compact()
  await new Promise((resolve) => setImmediate(resolve))
  deleted.log.abandon()
  deleted.memory.remove(directory)
  assert.equal(await deleting, undefined)
  assert.deepEqual(deleted.memory.list(directory), [])
})

test('cleaner: delete and compact together: old segments go by retention, the rest is compacted', async () => {
  const bench = new Bench({ deletesOld: true, retentionMs: 1_000 })
  bench.append([['old', '1']])
  await bench.compact()
  await bench.clock.advance(2_000)
  bench.append([['a', '1']])
  bench.append([['a', '2']])
  bench.log.roll()
  assert.equal(bench.log.applyRetention(), 1)
  await bench.compact()
  assert.deepEqual(short(records(bench.log)), [[2, 'a', '2']])
})

const keyArbitrary = fc.constantFrom('a', 'b', 'c', 'd', 'a key of more than fifteen bytes')
const batchArbitrary = fc.record({
  entries: fc.array(fc.tuple(keyArbitrary, fc.option(fc.string({ maxLength: 40 }), { freq: 4 })), {
    minLength: 1,
    maxLength: 6,
  }),
  codec: fc.constantFrom(0, 0, 1, 2, 3, 4),
  producer: fc.constantFrom(-1, -1, 1, 2),
  isTransactional: fc.boolean(),
})
const actionArbitrary = fc.oneof(
  { weight: 8, arbitrary: batchArbitrary.map((batch) => ({ kind: 'append', batch }) as const) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(1, 2), fc.boolean())
      .map(([producer, isCommit]) => ({ kind: 'end', producer, isCommit }) as const),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'compact' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'wait' } as const) },
)

test('cleaner: whatever is appended, aborted and compacted, a committed reader ends with the same table', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(actionArbitrary, { maxLength: 40 }), async (actions) => {
      const bench = new Bench({ segmentBytes: 1_024, deleteRetentionMs: 100 })
      const sequences = new Map<number, number>()
      /** Committed and plain records, by offset; those of open transactions wait with their producer. */
      const committed: Found[] = []
      const open = new Map<number, Found[]>()
      for (const action of actions) {
        if (action.kind === 'append') {
          const { entries, codec, producer } = action.batch
          // Within a transaction a producer may only write to it.
          const transactional = producer > 0 && (action.batch.isTransactional || open.has(producer))
          const baseSequence = sequences.get(producer) ?? 0
          if (producer > 0) sequences.set(producer, baseSequence + entries.length)
          const identity = { producerId: producer, producerEpoch: 0, baseSequence, transactional }
          const base = bench.append(entries, { codec, ...(producer > 0 ? identity : {}) })
          const found = entries.map(([key, value], index) => ({
            offset: base + index,
            key,
            value,
            timestampMs: bench.clock.now(),
          }))
          if (transactional) open.set(producer, [...(open.get(producer) ?? []), ...found])
          else committed.push(...found)
        } else if (action.kind === 'end') {
          bench.end(action.producer, action.isCommit)
          if (action.isCommit) committed.push(...(open.get(action.producer) ?? []))
          open.delete(action.producer)
        } else if (action.kind === 'compact') await bench.compact()
        else if (action.kind === 'reopen') bench.reopen()
        else await bench.clock.advance(60)
      }
      for (const producer of open.keys()) bench.end(producer, false)
      await bench.compact()
      committed.sort((a, b) => a.offset - b.offset)
      const read = committedRecords(bench.log)
      const known = new Map(committed.map((record) => [record.offset, record]))
      for (const record of read) assert.deepEqual(record, known.get(record.offset))
      for (let index = 1; index < read.length; index++)
        assert.ok(read[index]!.offset > read[index - 1]!.offset)
      assert.deepEqual(tableOf(read), tableOf(committed))
      // Fully compacted: a key stands once.
      assert.equal(new Set(read.map(({ key }) => key)).size, read.length)
      for (let offset = 0; offset < bench.log.highWatermark; offset++) {
        const part = bench.log.read(offset, 1, true)!
        assert.ok(batchLastOffset(part, 0) >= offset)
      }
    }),
    { numRuns: 150 },
  )
})

/** A read_committed consumer (broker.md 2.4): with the aborted list of each fetch, and the markers it meets. */
function committedRecords(log: PartitionLog): Found[] {
  const found: Found[] = []
  for (let offset = log.logStartOffset; offset < log.lastStableOffset;) {
    const part = log.read(offset, 2_000, true, true)!
    assert.ok(part.length > 0)
    const batches: Buffer[] = []
    for (let at = 0, next; (next = nextBatch(part, at)) !== -1; at = next)
      batches.push(part.subarray(at, next))
    const end = batchLastOffset(batches.at(-1)!, 0) + 1
    const waiting = log.abortedIn(offset, end).toSorted((a, b) => a.firstOffset - b.firstOffset)
    const aborting = new Set<number>()
    const columns = new RecordColumns()
    for (const batch of batches) {
      const producerId = batchProducerId(batch, 0)
      while (waiting[0] !== undefined && waiting[0].firstOffset <= batchLastOffset(batch, 0))
        aborting.add(waiting.shift()!.producerId)
      if (isBatchControl(batch, 0)) {
        columns.read(batch, 0)
        if (columns.count > 0 && columns.key(0)!.readInt16BE(2) === 0) aborting.delete(producerId)
        continue
      }
      const isTransactional = (batchAttributeBits(batch, 0) & batchAttributes.transactional) !== 0
      if (isTransactional && aborting.has(producerId)) continue
      found.push(...recordsIn([batch]).filter((record) => record.offset >= offset))
    }
    offset = end
  }
  return found
}

for (const fsync of ['os', 'group'] as const) {
  test(`cleaner: dead at any disk step, each range of offsets is all old or all new (${fsync})`, async () => {
    const build = async (): Promise<Bench> => {
      const bench = new Bench({ segmentBytes: 1_500, deleteRetentionMs: 0 }, fsync)
      for (let n = 0; n < 60; n++) {
        bench.append([
          [`key ${n % 7}`, `${n}`.padEnd(60)],
          [`gone ${n}`, n % 2 === 0 ? null : 'x'],
        ])
        if (n % 10 === 0) {
          const identity = { producerId: 5, producerEpoch: 0, transactional: true }
          bench.append([['t', `${n}`]], { ...identity, baseSequence: n / 10 })
          bench.end(5, n % 20 === 0)
        }
      }
      bench.log.roll()
      bench.append([['last', '1']])
      await bench.log.sync()
      // The tombstones' horizons are set by a first compaction.
      await bench.compact()
      for (let n = 0; n < 30; n++) bench.append([[`key ${n % 7}`, `again ${n}`.padEnd(60)]])
      bench.log.roll()
      bench.append([['last', '2']])
      await bench.log.checkpoint()
      await bench.clock.advance(1)
      return bench
    }
    const whole = await build()
    const old = records(whole.log)
    const ranges = whole.log.segments.map(({ baseOffset }) => baseOffset)
    const counting = new CrashingDisk(whole.memory)
    whole.reopen(counting)
    counting.steps = 0
    assert.ok((await whole.compact()) !== undefined)
    const stepCount = counting.steps
    const fresh = short(records(whole.log))
    assert.ok(fresh.length < old.length && stepCount > 10)
    for (let step = 1; step <= stepCount; step++) {
      for (const isPowerCut of fsync === 'os' ? [false] : [false, true]) {
        const bench = await build()
        const disk = new CrashingDisk(bench.memory)
        bench.reopen(disk)
        disk.steps = 0
        disk.crashAt = step
        await bench.compact().catch(() => {})
        assert.ok(disk.isDead)
        if (isPowerCut) bench.memory.cutPower()
        bench.reopen()
        const what = `${isPowerCut ? 'power cut' : 'killed'} at step ${step} of ${stepCount}`
        assert.deepEqual(tableOf(records(bench.log)), tableOf(old), what)
        assert.equal(bench.log.endOffset, whole.log.endOffset, what)
        const left = short(records(bench.log))
        for (const [index, from] of ranges.entries()) {
          const inRange = (found: ReturnType<typeof short>): typeof found =>
            found.filter(([at]) => at >= from && at < (ranges[index + 1] ?? Infinity))
          const now = JSON.stringify(inRange(left))
          assert.ok(
            now === JSON.stringify(inRange(short(old))) || now === JSON.stringify(inRange(fresh)),
            `${what}: the range from ${from} is torn`,
          )
        }
        const leftovers = bench.memory
          .list(directory)
          .filter((name) => /\.(cleaned|swap)$/.test(name))
        assert.deepEqual(leftovers, [], what)
        await bench.compact()
        assert.deepEqual(short(records(bench.log)), fresh, what)
      }
    }
  })
}
