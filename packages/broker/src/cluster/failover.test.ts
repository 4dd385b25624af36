import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { errorCodes } from '@millrace/protocol'
import { Kafka, logLevel } from 'kafkajs'
import { testBroker } from '../../test/broker.ts'

const SEED = 11
const ROUNDS = 12

/**
 * A client that nobody here wrote, while leaders and coordinators move and nodes stop and start under it: it must find its way by the errors
 * and metadata alone, and nothing acknowledged may be lost.
 */
test('failover: kafkajs goes on while leaders, coordinators and nodes come and go', async (t) => {
  t.diagnostic(`seed ${SEED}`)
  await using at = await testBroker({ topics: [{ name: 't', partitions: 6 }], nodes: 3 })
  const kafka = new Kafka({
    clientId: 'failover',
    brokers: at.broker.nodes.map(({ host, port }) => `${host}:${port}`),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 30 },
  })
  const producer = kafka.producer()
  const consumer = kafka.consumer({
    groupId: 'g',
    sessionTimeout: 10_000,
    heartbeatInterval: 200,
    maxWaitTimeInMs: 100,
  })
  const read = new Set<string>()
  const sent: string[] = []
  try {
    await producer.connect()
    await consumer.connect()
    await consumer.subscribe({ topic: 't', fromBeginning: true })
    await consumer.run({
      eachMessage: ({ message }) => Promise.resolve(void read.add(String(message.value))),
    })
    const random = seededRandom(SEED)
    let stopped: number | undefined
    for (let round = 0; round < ROUNDS; round++) {
      const isUp = (node: number) => node !== stopped
      const node = [1, 2, 3].filter(isUp)[randomInt(random, stopped === undefined ? 3 : 2)]!
      if (round % 4 === 1) await at.broker.stopNode((stopped = node))
      else if (round % 4 === 3 && stopped !== undefined) {
        await at.broker.startNode(stopped)
        stopped = undefined
      } else {
        await at.broker.moveLeader('t', randomInt(random, 6), node)
        await at.broker.moveCoordinator({ group: 'g' }, node)
      }
      const values = Array.from({ length: 12 }, (_, n) => `${round}-${n}`)
      // One by one: kafkajs 2.2.4 loses records of a send to several partitions when one of them moves to a node that has answered already.
      for (const value of values)
        await producer.send({ topic: 't', acks: -1, messages: [{ key: value, value }] })
      sent.push(...values)
    }
    await eventually('everything sent is read', () => sent.every((value) => read.has(value)), {
      timeoutMs: 60_000,
    })
    const moved = await at.broker.partitions('t')
    assert.ok(moved.some(({ leaderEpoch }) => leaderEpoch > 0))
    const refused = await at.broker.requests({ api: 'Produce', limit: 1_000 })
    assert.ok(
      refused.some(({ errorCodes: codes }) => codes.includes(errorCodes.NOT_LEADER_OR_FOLLOWER)),
      'the producer was told that it asked the wrong node',
    )
  } finally {
    await Promise.allSettled([consumer.disconnect(), producer.disconnect()])
  }
})
