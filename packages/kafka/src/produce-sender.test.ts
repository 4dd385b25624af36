import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, systemClock } from '@millrace/core'
import { batchBaseSequence, batchProducerId, batchRecordCount } from '@millrace/protocol'
import { code } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import type { LeaderMetadata } from './leader-metadata.ts'
import { ProduceAccumulator } from './produce-accumulator.ts'
import { ProduceSender } from './produce-sender.ts'
import { ProducerIds } from './producer-ids.ts'
import { SendCall } from './send-call.ts'
import { wire } from './wire.ts'

interface AppendedBatch {
  readonly producerId: number
  readonly baseSequence: number
  readonly count: number
  readonly offset: number
}

interface Answer {
  readonly errorCode: number
  readonly isAppended: boolean
  /** Called before the answer leaves. */
  readonly before?: () => void
}

/**
 * A broker of one partition by KIP-98: it appends a batch once, and answers a repetition (same producer id, sequence and count) with the
 * offset of the first. `script` says what becomes of its answers, one entry a request; afterwards they arrive.
 */
function scriptedBroker(script: ('cut' | Answer)[], isLeaderless = false) {
  const log: AppendedBatch[] = []
  let endOffset = 0
  let nextProducerId = 1
  const append = (bytes: Buffer): number => {
    const [producerId, baseSequence, count] = [
      batchProducerId(bytes, 0),
      batchBaseSequence(bytes, 0),
      batchRecordCount(bytes, 0),
    ]
    const known = log.find(
      (row) =>
        row.producerId === producerId && row.baseSequence === baseSequence && row.count === count,
    )
    if (known) return known.offset
    log.push({ producerId, baseSequence, count, offset: endOffset })
    endOffset += count
    return endOffset - count
  }
  const produce = async (input: {
    topicData: { partitionData: { records: Buffer }[] }[]
  }): Promise<unknown> => {
    const step: 'cut' | Answer = script.shift() ?? { errorCode: code.NONE, isAppended: true }
    const bytes = input.topicData[0]?.partitionData[0]?.records as Buffer
    const offset = step === 'cut' || step.isAppended ? append(bytes) : -1
    if (step === 'cut') throw new KafkaError('MR_KAFKA_CONNECTION_LOST', 'cut')
    step.before?.()
    const row = { index: 0, errorCode: step.errorCode, baseOffset: BigInt(offset) }
    const answer = { ...row, errorMessage: null, recordErrors: [] }
    return { responses: [{ name: 't', partitionResponses: [answer] }] }
  }
  const cluster = {
    clock: systemClock,
    logger: silentLogger,
    requestTimeoutMs: 1_000,
    request: (_node: number, _purpose: string, pinned: unknown, input: never) => {
      assert.equal(pinned, wire.produce)
      return produce(input)
    },
    requestAny: async () => ({
      errorCode: code.NONE,
      producerId: BigInt(nextProducerId++),
      producerEpoch: 0,
    }),
  }
  /** Topics whose metadata were asked for anew. */
  const wanted: string[] = []
  const accumulator = new ProduceAccumulator(100_000, () => systemClock.monotonicMs())
  const sender: ProduceSender = new ProduceSender(
    cluster as unknown as Cluster,
    {
      leaderOf: () => (isLeaderless ? undefined : 1),
      want: (topic: string) => void wanted.push(topic),
    } as unknown as LeaderMetadata,
    accumulator,
    new ProducerIds(cluster as unknown as Cluster),
    {
      codec: 0,
      acks: -1,
      requestSizeBytes: 100_000,
      maxInFlight: 5,
      lingerMs: 0,
      meter: undefined,
      onProgress: () => queueMicrotask(() => sender.pump()),
      onRefused: () => {},
    },
  )
  const begin = (): SendCall => {
    const call = new SendCall(1, systemClock.monotonicMs() + 5_000)
    accumulator.append('t', 0, call, 0, null, 'x', [], 0)
    sender.pump()
    return call
  }
  const send = async (): Promise<number | undefined> => {
    const call = begin()
    await call.settled
    return call.offsets[0]
  }
  return { begin, send, log, sender, accumulator, wanted }
}

test('producer: what follows a batch that was appended unseen and then refused is not taken for its repetition', async () => {
  const { TOPIC_AUTHORIZATION_FAILED: errorCode } = code
  const { send, log } = scriptedBroker(['cut', { errorCode, isAppended: false }])
  await assert.rejects(send(), { code: 'MR_KAFKA_RECORD_REFUSED' })
  assert.equal(await send(), 1)
  assert.equal(log.length, 2)
})

for (const name of ['NOT_ENOUGH_REPLICAS', 'CONCURRENT_TRANSACTIONS'] as const)
  test(`producer: a batch answered with ${name} was not appended: refused afterwards, it leaves its sequence to the next`, async () => {
    const { TOPIC_AUTHORIZATION_FAILED: errorCode } = code
    const { send, log } = scriptedBroker([
      { errorCode: code[name], isAppended: false },
      { errorCode, isAppended: false },
    ])
    await assert.rejects(send(), { code: 'MR_KAFKA_RECORD_REFUSED' })
    assert.equal(await send(), 0)
    assert.deepEqual(
      log.map(({ producerId, baseSequence }) => [producerId, baseSequence]),
      [[1, 0]],
    )
  })

for (const name of [
  'UNKNOWN_SERVER_ERROR',
  'NOT_LEADER_OR_FOLLOWER',
  'KAFKA_STORAGE_ERROR',
] as const) {
  test(`producer: a batch answered with ${name} may have been appended and is sent again as it was`, async () => {
    const { send, log } = scriptedBroker([{ errorCode: code[name], isAppended: true }])
    assert.equal(await send(), 0)
    assert.equal(await send(), 1)
    assert.equal(log.length, 2)
  })

  test(`producer: what follows a batch that was given up after ${name} is not taken for its repetition`, async () => {
    const givenUp = new KafkaError('MR_KAFKA_DELIVERY_FAILED', 'given up')
    const before = (): void => call.fail(givenUp)
    const { begin, send, log } = scriptedBroker([
      { errorCode: code[name], isAppended: true, before },
    ])
    const call = begin()
    await assert.rejects(call.settled, { code: 'MR_KAFKA_DELIVERY_FAILED' })
    assert.equal(await send(), 1)
    assert.equal(log.length, 2)
  })
}

for (const [name, asksMetadata] of [
  ['NOT_ENOUGH_REPLICAS', false],
  ['CONCURRENT_TRANSACTIONS', false],
  ['NOT_LEADER_OR_FOLLOWER', true],
  ['UNKNOWN_TOPIC_OR_PARTITION', true],
] as const)
  test(`producer: metadata are ${asksMetadata ? '' : 'not '}asked for after ${name}`, async () => {
    const { send, wanted } = scriptedBroker([{ errorCode: code[name], isAppended: false }])
    assert.equal(await send(), 0)
    assert.deepEqual(wanted, asksMetadata ? ['t'] : [])
  })

test('producer: metadata are asked for after a lost connection', async () => {
  const { send, wanted } = scriptedBroker(['cut'])
  assert.equal(await send(), 0)
  assert.deepEqual(wanted, ['t'])
})

test('producer: calls given up while their partition has no leader hold no room, which the other partitions need', async () => {
  const { begin, sender, accumulator } = scriptedBroker([], true)
  const call = begin()
  assert.ok(accumulator.bufferedBytes > 0)
  call.fail(new KafkaError('MR_KAFKA_DELIVERY_FAILED', 'given up'))
  sender.dropSettled()
  assert.equal(accumulator.bufferedBytes, 0)
  await assert.rejects(call.settled)
})
