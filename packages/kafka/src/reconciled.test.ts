/** Membership by the new protocol (KIP-848) where a broker fails on request: what no run on a healthy one shows. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBroker, type Broker, type BrokerOptions } from '@millrace/broker'
import { eventually } from '@millrace/core/testing'
import {
  createConsumer,
  createProducer,
  type Consumer,
  type ConsumerOptions,
  type KafkaOptions,
} from './index.ts'

const PARTITIONS = 4
const patience = { timeoutMs: 60_000 }

interface Bench extends AsyncDisposable {
  readonly broker: Broker
  readonly kafka: KafkaOptions
  member(more?: Partial<ConsumerOptions>): Promise<Consumer>
  send(count: number): Promise<void>
}

async function open(options: Partial<BrokerOptions> = {}): Promise<Bench> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-kafka-reconciled-'))
  const broker = await startBroker({
    dir,
    worker: false,
    topics: [{ name: 't', partitions: PARTITIONS }],
    consumerHeartbeatIntervalMs: 50,
    ...options,
  })
  const kafka = { brokers: [broker.address], clientId: 'c' }
  const producer = await createProducer(kafka)
  return {
    broker,
    kafka,
    member: (more) =>
      createConsumer({ ...kafka, groupId: 'g', topics: ['t'], groupProtocol: 'consumer', ...more }),
    send: async (count) => {
      const rows = Array.from({ length: count }, (_, n) => ({
        topic: 't',
        key: String(n),
        value: String(n),
      }))
      await producer.send(rows)
    },
    [Symbol.asyncDispose]: async () => {
      await producer.close()
      await broker.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function drain(consumer: Consumer): Promise<void> {
  for await (const _batch of consumer) {
    // Being handed out is enough.
  }
}

test('reconciled: options of the other protocol are refused, not ignored', async () => {
  const base = { brokers: ['127.0.0.1:1'], clientId: 'c', groupId: 'g', topics: ['t'] }
  const consumer = { ...base, groupProtocol: 'consumer' as const }
  const cases = [
    [{ ...consumer, assignors: ['range'] }, 'assignors'],
    [{ ...consumer, sessionTimeoutMs: 10_000 }, 'sessionTimeoutMs'],
    [{ ...consumer, heartbeatIntervalMs: 1_000 }, 'heartbeatIntervalMs'],
    [{ ...base, serverAssignor: 'range' }, 'serverAssignor'],
    [{ ...base, groupProtocol: 'share' }, 'groupProtocol'],
  ] as const
  for (const [options, name] of cases)
    await assert.rejects(createConsumer(options as ConsumerOptions), {
      code: 'MR_KAFKA_BAD_OPTION',
      message: new RegExp(name),
    })
})

test('reconciled: a cluster that does not offer it is named, whether it lacks the API or has it switched off', async () => {
  await using bench = await open()
  const { faults } = bench.broker
  for (const action of [
    { type: 'versionCap', maxVersion: -1 },
    { type: 'error', error: 'UNSUPPORTED_VERSION' },
  ] as const) {
    await faults.add({ match: { api: 'ConsumerGroupHeartbeat' }, action })
    await using consumer = await bench.member()
    await assert.rejects(drain(consumer), {
      code: 'MR_KAFKA_UNSUPPORTED_BROKER',
      message: /KIP-848.*groupProtocol 'classic'/,
    })
    await faults.clear()
  }
})

test('reconciled: a group of the classic protocol with members is told of', async () => {
  await using bench = await open()
  await using classic = await bench.member({ groupProtocol: 'classic' })
  const loop = drain(classic)
  await eventually('it has all', () => classic.assignment().length === PARTITIONS, patience)
  await using consumer = await bench.member()
  await assert.rejects(drain(consumer), { code: 'MR_KAFKA_REFUSED', message: /classic/ })
  await classic.close()
  await loop
})

for (const error of ['FENCED_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID'] as const)
  test(`reconciled: a member that is told ${error} gives all up as lost, and is back at once`, async () => {
    await using bench = await open()
    const calls: string[] = []
    await using consumer = await bench.member({
      onAssigned: (rows) => void calls.push(`+${rows.length}`),
      onRevoked: (rows) => void calls.push(`-${rows.length}`),
      onLost: (rows) => void calls.push(`lost ${rows.length}`),
    })
    const loop = drain(consumer)
    await eventually('it has all', () => consumer.assignment().length === PARTITIONS, patience)
    await bench.broker.faults.add({
      match: { api: 'ConsumerGroupHeartbeat' },
      action: { type: 'error', error },
      count: 1,
    })
    if (error === 'UNKNOWN_MEMBER_ID')
      await bench.broker.faults.add({
        match: { api: 'ConsumerGroupHeartbeat', fields: { memberEpoch: 0 } },
        // The coordinator does know it, in its old epoch: it says so, and the member leaves first.
        action: { type: 'error', error: 'FENCED_MEMBER_EPOCH' },
        count: 1,
      })
    await eventually('it lost them and has them back', () => calls.length === 3, patience)
    assert.deepEqual(calls, ['+4', 'lost 4', '+4'])
    await consumer.close()
    await loop
    assert.equal(calls.at(-1), '-4')
  })

test('reconciled: a commit in an epoch that has risen meanwhile is sent again in the new one', async () => {
  await using bench = await open()
  await using consumer = await bench.member()
  await bench.send(20)
  const fault = await bench.broker.faults.add({
    match: { api: 'OffsetCommit', group: 'g' },
    action: { type: 'error', error: 'STALE_MEMBER_EPOCH' },
    count: 3,
  })
  let read = 0
  for await (const { topic, partition, nextOffset: offset, length } of consumer) {
    await consumer.commit([{ topic, partition, offset }])
    if ((read += length) === 20) break
  }
  await fault.waitForHits(3)
  await bench.broker.waitFor({ group: 'g', lag: 0 })
})

test('reconciled: heartbeats go on while a handler works for longer than the session', async () => {
  await using bench = await open({ consumerSessionTimeoutMs: 6_000 })
  const lost: unknown[] = []
  await using consumer = await bench.member({ onLost: (rows) => void lost.push(rows) })
  await bench.send(1)
  for await (const { topic, partition, nextOffset: offset, signal } of consumer) {
    const untilMs = performance.now() + 9_000
    await eventually('the handler is done', () => performance.now() > untilMs, patience)
    assert.equal(signal.aborted, false)
    await consumer.commit([{ topic, partition, offset }])
    break
  }
  assert.deepEqual(lost, [])
})

test('reconciled: lost answers, refused and repeated heartbeats while members come and go: one owner each', async () => {
  await using bench = await open({
    faults: [
      {
        match: { api: 'ConsumerGroupHeartbeat' },
        action: { type: 'disconnect', when: 'after' },
        probability: 0.15,
        seed: 7,
      },
      {
        match: { api: 'ConsumerGroupHeartbeat' },
        action: { type: 'duplicate' },
        probability: 0.15,
        seed: 8,
      },
      {
        match: { api: 'ConsumerGroupHeartbeat' },
        action: { type: 'error', error: 'NOT_COORDINATOR' },
        probability: 0.1,
        seed: 9,
      },
      { match: { api: 'Metadata' }, action: { type: 'disconnect' }, probability: 0.1, seed: 10 },
    ],
  })
  const owners = new Map<number, string>()
  const problems: string[] = []
  const loops: Promise<void>[] = []
  const enter = async (name: string): Promise<Consumer> => {
    const consumer = await bench.member({
      onAssigned: (rows) => {
        for (const { partition } of rows) {
          if (owners.has(partition)) problems.push(`${name} gets ${partition}`)
          owners.set(partition, name)
        }
      },
      onRevoked: (rows) => {
        for (const { partition } of rows)
          if (owners.get(partition) === name) owners.delete(partition)
          else problems.push(`${name} gives ${partition}`)
      },
    })
    loops.push(drain(consumer))
    return consumer
  }
  const present: Consumer[] = []
  for (let turn = 0; turn < 8; turn++) {
    if (turn % 3 === 2) await present.shift()?.close()
    else present.push(await enter(`m${turn}`))
    await eventually(
      'all is dealt out',
      () => {
        const sizes = present.map((each) => each.assignment().length)
        return sizes.reduce((sum, size) => sum + size, 0) === PARTITIONS
      },
      patience,
    )
  }
  await Promise.all(present.map((each) => each.close()))
  await Promise.all(loops)
  assert.deepEqual(problems, [])
})
