import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock, eventually } from '@millrace/core/testing'
import { systemClock } from '@millrace/core'
import {
  ByteReader,
  ByteWriter,
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  endTxnApi,
  errorCodes,
  initProducerIdApi,
  produceApi,
  txnOffsetCommitApi,
  type Api,
  type RequestInputOf,
  type ResponseInputOf,
} from '@millrace/protocol'
import { recordBatch, testTimeMs } from '../../test/batches.ts'
import { committedRecords } from '../../test/committed-records.ts'
import { CrashingDisk } from '../../test/crashing-disk.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { servedApis } from '../api/registry.ts'
import type { RequestContext } from '../api/served-api.ts'
import { BrokerState } from '../broker-state.ts'
import type { FsyncMode, PartitionLog } from '../log/partition-log.ts'

const GROUP = 'g'
const PARTITIONS = [0, 1, 2]

interface Machine {
  readonly state: BrokerState
  readonly clock: SimulatedClock
}

function start(disk: CrashingDisk, fsync: FsyncMode): Machine {
  const clock = new SimulatedClock(testTimeMs)
  const options = { directory: 'data', disk, fsync, clock, deviceClock: systemClock }
  return { state: BrokerState.open(options), clock }
}

/** A request through codec and handler, without a network. */
async function call<A extends Api>(
  broker: BrokerState,
  api: A,
  version: number,
  input: RequestInputOf<A>,
): Promise<ResponseInputOf<A>> {
  const writer = new ByteWriter()
  api.request.write(writer, version, input)
  const request = api.request.read(new ByteReader(writer.takeBuffer()), version)
  const meters = { produced: () => {}, fetched: () => {} }
  const context = { broker, version, meters } as unknown as RequestContext
  return (await servedApis.get(api.key)!.handle(request, context)) as ResponseInputOf<A>
}

/** A producer without retries: what does not succeed throws. */
class Producer {
  #broker: BrokerState
  readonly #isV2: boolean
  #producerId = -1n
  #epoch = -1
  readonly #sequences = [0, 0, 0]

  constructor(broker: BrokerState, isV2: boolean) {
    this.#broker = broker
    this.#isV2 = isV2
  }

  async init(): Promise<void> {
    const request = { transactionalId: 'id', transactionTimeoutMs: 10_000 }
    const answer = await call(this.#broker, initProducerIdApi, 4, request)
    assert.equal(answer.errorCode, 0)
    this.#become(answer.producerId ?? -1n, answer.producerEpoch)
  }

  /** One record to each partition, one offset of the group, and the end. */
  async transact(value: string, offset: number, committed: boolean): Promise<void> {
    const isV2 = this.#isV2
    const who = this.#who
    await this.begin()
    for (const partition of PARTITIONS) await this.produce(partition, value)
    if (!isV2) {
      const answer = await call(this.#broker, addOffsetsToTxnApi, 3, { ...who, groupId: GROUP })
      assert.equal(answer.errorCode, 0)
    }
    const committing = { partitionIndex: 0, committedOffset: BigInt(offset), committedMetadata: '' }
    const topics = [{ name: 't', partitions: [committing] }]
    const commit = { ...who, groupId: GROUP, topics }
    const stored = await call(this.#broker, txnOffsetCommitApi, isV2 ? 5 : 3, commit)
    assert.equal(stored.topics[0]!.partitions[0]!.errorCode, 0)
    await this.end(committed)
  }

  async end(committed: boolean): Promise<void> {
    const request = { ...this.#who, committed }
    const ended = await call(this.#broker, endTxnApi, this.#isV2 ? 5 : 4, request)
    assert.equal(ended.errorCode, 0)
    if (this.#isV2) this.#become(ended.producerId ?? -1n, ended.producerEpoch ?? -1)
  }

  get #who() {
    return {
      transactionalId: 'id',
      producerId: this.#producerId,
      producerEpoch: this.#epoch,
    }
  }

  /** Goes on with the broker after it. */
  moveTo(broker: BrokerState): void {
    this.#broker = broker
  }

  /** Version 2 needs no such request. */
  async begin(): Promise<void> {
    if (this.#isV2) return
    const answer = await call(this.#broker, addPartitionsToTxnApi, 3, {
      v3AndBelowTransactionalId: 'id',
      v3AndBelowProducerId: this.#producerId,
      v3AndBelowProducerEpoch: this.#epoch,
      v3AndBelowTopics: [{ name: 't', partitions: PARTITIONS }],
    })
    const [result] = answer.resultsByTopicV3AndBelow?.[0]?.resultsByPartition ?? []
    assert.equal(result?.partitionErrorCode, 0)
  }

  async produce(index: number, value: string): Promise<void> {
    const records = recordBatch({
      values: [value],
      producerId: Number(this.#producerId),
      producerEpoch: this.#epoch,
      baseSequence: this.#sequences[index]!,
      transactional: true,
    })
    const answer = await call(this.#broker, produceApi, this.#isV2 ? 12 : 11, {
      transactionalId: 'id',
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name: 't', partitionData: [{ index, records }] }],
    })
    const { responses } = answer
    assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
    this.#sequences[index] = this.#sequences[index]! + 1
  }

  #become(producerId: bigint, epoch: number): void {
    if (epoch !== this.#epoch) this.#sequences.fill(0)
    this.#producerId = producerId
    this.#epoch = epoch
  }
}

function logsOf(state: BrokerState): readonly PartitionLog[] {
  return state.topics.byName('t')!.partitions
}

/** What committed readers see of a partition. */
function committedIn(log: PartitionLog): string[] {
  const records = log.read(0, 1_000_000, true, true)!
  const aborted = log.abortedIn(0, log.lastStableOffset)
  return committedRecords(records, aborted).found.map(([, value]) => value)
}

/** Everything that was committed, taken together: each partition's values, and the offset of the group as the last of them. */
function outcomeOf(state: BrokerState): string[] {
  const [first, ...others] = logsOf(state).map(committedIn)
  for (const other of others) assert.deepEqual(other, first, 'torn between partitions')
  const committed = state.groups.committed(GROUP, 't', 0)
  assert.equal(committed?.offset ?? 0, first!.length, 'torn between records and offsets')
  return first!
}

interface Run {
  readonly fsync: FsyncMode
  readonly isV2: boolean
  readonly cutsPower: boolean
}

/** Two commits with an abort between; what was acknowledged before the disk died. */
async function run(state: BrokerState, isV2: boolean, acknowledged: string[]): Promise<void> {
  const producer = new Producer(state, isV2)
  await producer.init()
  await producer.transact('a', 1, true)
  acknowledged.push('a')
  await producer.transact('aborted', 77, false)
  await producer.transact('b', 2, true)
  acknowledged.push('b')
}

async function dieAt(step: number, { fsync, isV2, cutsPower }: Run): Promise<boolean> {
  const memory = new MemoryDisk()
  const disk = new CrashingDisk(memory)
  const { state } = start(disk, fsync)
  await state.topics.create('t', PARTITIONS.length, new Map())
  disk.crashAt = disk.steps + step
  const acknowledged: string[] = []
  await run(state, isV2, acknowledged).catch(() => {})
  const hasDied = disk.isDead
  if (cutsPower) memory.cutPower()
  await checkAfter(memory, { fsync, isV2, cutsPower }, acknowledged, step)
  return hasDied
}

/** Nothing is torn at any moment after the restart, acknowledged commits are there, and the next producer goes on. */
async function checkAfter(
  memory: MemoryDisk,
  { fsync, isV2 }: Run,
  acknowledged: readonly string[],
  step: number,
): Promise<void> {
  const { state, clock } = start(new CrashingDisk(memory), fsync)
  const settled = (): boolean =>
    logsOf(state).every((log) => log.lastStableOffset === log.highWatermark) &&
    [...state.transactions.all].every(({ isBusy, isEnding }) => !isBusy && !isEnding)
  if (fsync !== 'group') outcomeOf(state)
  await clock.advance(11_000)
  await eventually(`step ${step}: what was open is aborted after its time-out`, async () => {
    await clock.advance(1_000)
    return settled()
  })
  const found = outcomeOf(state)
  for (const value of acknowledged) assert.ok(found.includes(value), `step ${step}: ${value}`)
  assert.ok(!found.includes('aborted'))
  const producer = new Producer(state, isV2)
  await producer.init()
  await producer.transact('next', found.length + 1, true)
  assert.deepEqual(outcomeOf(state), [...found, 'next'], `step ${step}`)
  await state.close()
}

for (const run of [
  { fsync: 'os', isV2: false, cutsPower: false },
  { fsync: 'os', isV2: true, cutsPower: false },
  { fsync: 'always', isV2: false, cutsPower: false },
  { fsync: 'always', isV2: true, cutsPower: true },
  { fsync: 'group', isV2: false, cutsPower: false },
  { fsync: 'group', isV2: false, cutsPower: true },
  { fsync: 'group', isV2: true, cutsPower: true },
] as const) {
  const { fsync, isV2, cutsPower } = run
  test(`transactions: ${cutsPower ? 'a power cut' : 'a crash'} at each disk step (fsync ${fsync}, v${isV2 ? 2 : 1}) leaves all of each or nothing`, async (t) => {
    let step = 1
    while (await dieAt(step, run)) step++
    t.diagnostic(`${step - 1} steps`)
    assert.ok(step > 20, 'the run has more steps than that')
  })
}

test('transactions: an offset of a decided transaction is not lost when the journal is rewritten', async () => {
  const disk = new CrashingDisk(new MemoryDisk())
  const { state } = start(disk, 'os')
  await state.topics.create('t', PARTITIONS.length, new Map())
  const acknowledged: string[] = []
  await run(state, false, acknowledged)
  state.journal.compact()
  const again = start(disk, 'os')
  assert.deepEqual(outcomeOf(again.state), ['a', 'b'])
  assert.equal(again.state.transactions.find('id')?.state, 'COMPLETE_COMMIT')
})

test('transactions: an open one survives restart and journal rewrite, and its producer commits it', async () => {
  const disk = new CrashingDisk(new MemoryDisk())
  const { state } = start(disk, 'os')
  await state.topics.create('t', PARTITIONS.length, new Map())
  const claim = { transactionalId: 'id', producerId: -1, producerEpoch: -1 }
  const producer = await state.transactions.initProducer(claim, 60_000)
  const who = { ...claim, ...producer }
  const topicId = state.topics.byName('t')!.id
  assert.equal(state.transactions.addPartitions(who, [[topicId, [0]]]), 0)
  assert.equal(state.transactions.addOffsets(who, GROUP), 0)
  await state.groups.commitPending(GROUP, producer.producerId, [['t', 0, 9, -1, 'note']])
  state.journal.compact()
  const again = start(disk, 'os').state
  assert.equal(again.groups.isPending(GROUP, 't', 0), true)
  assert.equal(again.transactions.addPartitions(who, [[topicId, [1]]]), 0)
  assert.equal((await again.transactions.end(who, true)).errorCode, 0)
  assert.equal(again.groups.committed(GROUP, 't', 0)?.offset, 9)
  assert.equal(again.groups.isPending(GROUP, 't', 0), false)
  assert.equal(errorCodes.NONE, (await again.transactions.end(who, true)).errorCode)
})

for (const isV2 of [false, true])
  test(`transactions: after a power cut their producer goes on (fsync group, v${isV2 ? 2 : 1}), with all that was acknowledged or an error`, async () => {
    const memory = new MemoryDisk()
    const { state } = start(new CrashingDisk(memory), 'group')
    await state.topics.create('t', PARTITIONS.length, new Map())
    const producer = new Producer(state, isV2)
    await producer.init()
    await producer.transact('a', 1, true)
    // Without offsets, since these would sync the journal.
    await producer.begin()
    await producer.produce(0, 'b')
    memory.cutPower()
    const again = start(new CrashingDisk(memory), 'group')
    producer.moveTo(again.state)
    const { id } = again.state.transactions.find('id')!
    assert.equal(again.state.transactions.find(id)?.state, 'ONGOING')
    if (!isV2) await producer.begin()
    await producer.produce(1, 'b')
    await producer.end(true)
    assert.deepEqual(logsOf(again.state).map(committedIn), [['a', 'b'], ['a', 'b'], ['a']])
    await again.state.close()
  })
