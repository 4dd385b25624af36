import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBroker, type Broker, type FaultRule } from '@millrace/broker'
import { randomInt, seededRandom, type Random } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createConsumer, createProducer } from './index.ts'

const ROUNDS = 20
const PARTITIONS = 6

/** Lost answers, lost connections and errors of every kind that a cluster shows while it changes. */
const faults: readonly FaultRule[] = [
  { match: { api: 'Produce' }, action: { type: 'disconnect', when: 'after' }, probability: 0.04 },
  { match: { api: 'Produce' }, action: { type: 'disconnect' }, probability: 0.04 },
  {
    match: { api: 'Produce', partition: [0, 1] },
    action: { type: 'error', error: 'NOT_ENOUGH_REPLICAS' },
    probability: 0.05,
  },
  {
    match: { api: 'Produce' },
    action: { type: 'error', error: 'REQUEST_TIMED_OUT', when: 'after' },
    probability: 0.03,
  },
  { match: { api: 'Fetch' }, action: { type: 'tear', bytes: 60 }, probability: 0.03 },
  {
    match: { api: 'Fetch', partition: 2 },
    action: { type: 'error', error: 'KAFKA_STORAGE_ERROR' },
    probability: 0.05,
  },
  {
    match: { api: 'OffsetCommit' },
    action: { type: 'disconnect', when: 'after' },
    probability: 0.03,
  },
  {
    match: { api: ['Heartbeat', 'OffsetCommit'] },
    action: { type: 'error', error: 'COORDINATOR_LOAD_IN_PROGRESS' },
    probability: 0.03,
  },
  { match: { api: 'Metadata' }, action: { type: 'delay', ms: 30 }, probability: 0.2 },
  {
    match: { api: 'ConsumerGroupHeartbeat' },
    action: { type: 'disconnect', when: 'after' },
    probability: 0.1,
  },
  {
    match: { api: 'ConsumerGroupHeartbeat' },
    action: { type: 'error', error: 'COORDINATOR_LOAD_IN_PROGRESS' },
    probability: 0.1,
  },
]

/** One change of the cluster: a leader, a coordinator or a node goes elsewhere. */
async function disturb(broker: Broker, random: Random, down: Set<number>): Promise<void> {
  const [stopped] = down
  const live = [1, 2, 3].filter((node) => !down.has(node))
  const node = live[randomInt(random, live.length)]!
  const kind = randomInt(random, 6)
  if (kind === 0 && stopped === undefined) {
    down.add(node)
    await broker.stopNode(node)
  } else if (kind === 1 && stopped !== undefined) {
    down.delete(stopped)
    await broker.startNode(stopped)
  } else if (kind === 2) await broker.moveCoordinator({ group: 'g' }, node)
  else await broker.moveLeader('t', randomInt(random, PARTITIONS), node)
}

for (const [groupProtocol, seed] of [
  ['classic', 1],
  ['classic', 2],
  ['consumer', 1],
  ['consumer', 2],
] as const)
  test(`failover (${groupProtocol}): leaders, coordinators and nodes move, answers get lost: every record once and in order (seed ${seed})`, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-kafka-failover-'))
    const broker = await startBroker({
      dir,
      nodes: 3,
      worker: false,
      consumerHeartbeatIntervalMs: 100,
      topics: [{ name: 't', partitions: PARTITIONS }],
      faults: faults.map((rule) => ({ ...rule, seed })),
    })
    const kafka = {
      brokers: broker.nodes.map(({ host, port }) => `${host}:${port}`),
      clientId: 'f',
    }
    const producer = await createProducer(kafka)
    const consumer = await createConsumer({
      ...kafka,
      groupId: 'g',
      groupProtocol,
      topics: ['t'],
    })
    const read = new Map<string, number>()
    const reading = (async () => {
      for await (const batch of consumer) {
        for (const { value } of batch.records)
          read.set(String(value), (read.get(String(value)) ?? 0) + 1)
        const { topic, partition, nextOffset: offset } = batch
        // What a lost commit leaves undone is read again: that is at-least-once, and no fault here.
        await consumer.commit([{ topic, partition, offset }]).catch(() => {})
      }
    })()
    const sent: string[] = []
    try {
      const random = seededRandom(seed)
      const down = new Set<number>()
      for (let round = 0; round < ROUNDS; round++) {
        await disturb(broker, random, down)
        const values = Array.from({ length: 20 }, (_, key) => `${key}:${round}`)
        await producer.send(
          values.map((value) => ({ topic: 't', key: value.split(':')[0]!, value })),
        )
        sent.push(...values)
      }
      await broker.faults.clear()
      await eventually('everything sent is read', () => sent.every((value) => read.has(value)), {
        timeoutMs: 60_000,
      })
      const logged: string[] = []
      for (let partition = 0; partition < PARTITIONS; partition++)
        for (const { value } of await broker.dump('t', partition))
          logged.push(Buffer.from(value!).toString())
      assert.deepEqual(logged.toSorted(), sent.toSorted(), 'each record stands in the log once')
      const lastRound = new Map<string, number>()
      for (const value of logged) {
        const [key, round] = value.split(':') as [string, string]
        assert.ok(Number(round) > (lastRound.get(key) ?? -1), `${value} keeps the order of its key`)
        lastRound.set(key, Number(round))
      }
    } finally {
      await broker.faults.clear()
      await consumer.close()
      await producer.close()
      await reading
      await broker.close()
      await rm(dir, { recursive: true, force: true })
    }
  })
