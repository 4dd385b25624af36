import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { SimulatedClock } from '@millrace/core/testing'
import { MemoryDisk } from '../test/memory-disk.ts'
import { BrokerError } from './errors.ts'
import { Journal } from './journal.ts'
import { GroupSync } from './log/group-sync.ts'
import type { FsyncMode } from './log/partition-log.ts'
import { limits } from './limits.ts'

interface SetRecord {
  readonly type: 'set'
  readonly key: string
  readonly value: number
}

function open(disk: MemoryDisk, fsync: FsyncMode = 'os', clock = new SimulatedClock()) {
  const state = new Map<string, number>()
  const journal = Journal.open<SetRecord>({
    disk,
    directory: 'data',
    logger: silentLogger,
    fsync,
    groupSync: new GroupSync(clock),
    replay: ({ key, value }) => void state.set(key, value),
    snapshot: () => [...state].map(([key, value]) => ({ type: 'set', key, value })),
  })
  const set = (...rows: readonly (readonly [string, number])[]): void => {
    journal.append(rows.map(([key, value]) => ({ type: 'set', key, value })))
    for (const [key, value] of rows) state.set(key, value)
  }
  return { journal, state, set }
}

test('journal: the state is rebuilt from its records', () => {
  const disk = new MemoryDisk()
  const { set, state } = open(disk)
  set(['a', 1])
  set(['b', 2], ['a', 3])
  assert.deepEqual(open(disk).state, state)
})

test('journal: cut at every byte, records of one append are all there or none', () => {
  const disk = new MemoryDisk()
  const first = open(disk)
  const empty = disk.readFile('data/journal')!.length
  first.set(['a', 1])
  const one = disk.readFile('data/journal')!.length
  first.set(['a', 2], ['b', 2], ['c', 2])
  const whole = disk.readFile('data/journal')!
  for (let size = empty; size <= whole.length; size++) {
    disk.tamper('data/journal', () => whole.subarray(0, size))
    const { state, set } = open(disk)
    const expected = size === whole.length ? 3 : size >= one ? 1 : 0
    assert.equal(state.size, expected, `cut at byte ${size}`)
    set(['z', 9])
    assert.equal(open(disk).state.get('z'), 9)
  }
})

test('journal: a flipped bit ends it there and what was cut is kept aside', () => {
  const disk = new MemoryDisk()
  const { set } = open(disk)
  set(['a', 1])
  const from = disk.readFile('data/journal')!.length
  set(['b', 2])
  disk.tamper('data/journal', (bytes) => {
    bytes[from + 12] = bytes[from + 12]! ^ 4
    return bytes
  })
  assert.deepEqual([...open(disk).state.keys()], ['a'])
  assert.ok(disk.readFile('data/journal.damaged')!.length > 0)
})

test('journal: a file that is none of ours, or of a later version, is refused and left alone', () => {
  const disk = new MemoryDisk()
  const { journal } = open(disk)
  const original = disk.readFile('data/journal')!
  disk.tamper('data/journal', () => Buffer.from('hello, this is a diary'))
  assert.throws(
    () => open(disk),
    (error: BrokerError) => error.code === 'MR_BROKER_DIRECTORY_UNREADABLE',
  )
  assert.equal(String(disk.readFile('data/journal')), 'hello, this is a diary')
  assert.ok(journal.sizeBytes === original.length)
})

test('journal: compaction keeps the state and shrinks the file; a cut of power in between loses nothing', () => {
  const disk = new MemoryDisk()
  const { journal, set, state } = open(disk, 'always')
  for (let n = 0; n < 500; n++) set(['key', n])
  const before = journal.sizeBytes
  journal.compact()
  assert.ok(journal.sizeBytes < before / 50)
  set(['other', 1])
  disk.cutPower()
  assert.deepEqual(open(disk).state, state)
})

test('journal: it compacts itself once it has outgrown its content', () => {
  const disk = new MemoryDisk()
  const { journal, set } = open(disk)
  const text = 'k'.repeat(1000)
  const count = Math.ceil(limits.journalCompactionBytes / 1000) + 100
  for (let n = 0; n < 10; n++) set(...Array.from({ length: count / 10 }, () => [text, n] as const))
  assert.ok(journal.sizeBytes > limits.journalCompactionBytes)
  journal.compactIfGrown()
  assert.ok(journal.sizeBytes < 2_000)
})

test('journal: in group mode waiters of one window share a sync', async () => {
  const disk = new MemoryDisk()
  const clock = new SimulatedClock()
  const { journal, set } = open(disk, 'group', clock)
  const before = disk.syncCount
  set(['a', 1])
  const waits = [journal.durable()]
  set(['b', 2])
  waits.push(journal.durable())
  await clock.advance(limits.groupSyncWindowMs)
  await Promise.all(waits)
  assert.equal(disk.syncCount - before, 1)
  disk.cutPower()
  assert.equal(open(disk).state.size, 2)
})

test('journal: a failed sync reaches every waiter', async () => {
  const disk = new MemoryDisk()
  const clock = new SimulatedClock()
  const { journal, set } = open(disk, 'group', clock)
  set(['a', 1])
  disk.syncError = new Error('EIO')
  const failed = assert.rejects(journal.durable(), {
    code: 'MR_BROKER_STORAGE_FAILED',
    cause: disk.syncError,
  })
  await clock.advance(limits.groupSyncWindowMs)
  await failed
})

test('journal: a full disk refuses the records and leaves the rest readable', () => {
  const disk = new MemoryDisk()
  const { set } = open(disk)
  set(['a', 1])
  disk.freeBytes = 10
  assert.throws(
    () => set(['b', 2]),
    (error: BrokerError) =>
      error instanceof BrokerError && error.code === 'MR_BROKER_STORAGE_FAILED',
  )
  disk.freeBytes = Infinity
  set(['c', 3])
  assert.deepEqual([...open(disk).state.keys()], ['a', 'c'])
})
