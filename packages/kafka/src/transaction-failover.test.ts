/** Transactions over three virtual nodes whose leaders and coordinators move, with answers lost: each one whole, once and in order. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBroker, type FaultRule } from '@millrace/broker'
import { randomInt, seededRandom } from '@millrace/core'
import { createTopic, uniqueName } from '../test/fixtures.ts'
import { readCommitted } from '../test/read-committed.ts'
import { createTransactionalProducer, KafkaError, type TransactionalProducer } from './index.ts'

const partitions = 6
const transactions = 25

const faults: readonly FaultRule[] = [
  { match: { api: 'Produce' }, action: { type: 'disconnect', when: 'after' }, probability: 0.05 },
  { match: { api: 'EndTxn' }, action: { type: 'disconnect', when: 'after' }, probability: 0.15 },
  { match: { api: 'EndTxn' }, action: { type: 'disconnect' }, probability: 0.1 },
  {
    match: { api: ['AddPartitionsToTxn', 'TxnOffsetCommit'] },
    action: { type: 'disconnect', when: 'after' },
    probability: 0.1,
  },
]

/** Tries until the transaction is committed, as a service would. */
async function commitOne(
  producer: TransactionalProducer,
  topic: string,
  groupId: string,
  number: number,
): Promise<void> {
  for (;;) {
    try {
      await producer.begin()
      for (let partition = 0; partition < partitions; partition++)
        void producer.send([{ topic, partition, key: null, value: String(number) }])
      const offset = BigInt(number + 1)
      void producer.sendOffsets([{ topic, partition: 0, offset }], { groupId })
      for (;;) {
        const error: unknown = await producer.commit().catch((reason: unknown) => reason)
        if (error === undefined) return
        if (!(error instanceof KafkaError) || !error.retryable) throw error
      }
    } catch (error) {
      assert.ok(
        error instanceof KafkaError && error.code === 'MR_KAFKA_TRANSACTION_FAILED',
        String(error),
      )
      await producer.abort()
    }
  }
}

test('transactions are whole, once and in order while leaders and coordinators move and answers are lost', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  const dir = await mkdtemp(join(tmpdir(), 'millrace-transaction-failover-'))
  const broker = await startBroker({ dir, port: 0, nodes: 3 })
  try {
    const brokers = broker.nodes.map(({ host, port }) => `${host}:${port}`)
    const options = { brokers, clientId: 'transaction-failover' }
    const topic = await createTopic(options, partitions)
    const transactionalId = uniqueName('txn')
    await using producer = await createTransactionalProducer({ ...options, transactionalId })
    const groupId = uniqueName('group')
    for (const rule of faults) await broker.faults.add({ ...rule, seed: randomInt(random, 1e9) })
    for (let number = 0; number < transactions; number++) {
      const committing = commitOne(producer, topic, groupId, number)
      const node = 1 + randomInt(random, 3)
      if (number % 3 === 0) await broker.moveLeader(topic, randomInt(random, partitions), node)
      if (number % 3 === 1) await broker.moveCoordinator({ transactionalId }, node)
      if (number % 3 === 2) await broker.moveCoordinator({ group: groupId }, node)
      await committing
    }
    await broker.faults.clear()
    const expected = Array.from({ length: transactions }, (_, number) =>
      Array.from({ length: partitions }, () => String(number)),
    )
    assert.deepEqual(await readCommitted(options, topic), expected.flat().toSorted())
  } finally {
    await broker.close()
    await rm(dir, { recursive: true, force: true })
  }
})
