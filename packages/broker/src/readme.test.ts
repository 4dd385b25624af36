import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { errorCodes, metadataApi, offsetCommitApi, produceApi } from '@millrace/protocol'
import { recordBatch } from '../test/batches.ts'
import { WireClient } from '../test/wire-client.ts'
import { operations } from './control/operations.ts'
import { startBroker } from './index.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

test('readme: names every operation of the admin port', () => {
  for (const name of Object.keys(operations)) assert.ok(readme.includes(`\`${name}\``), name)
})

/** Sends to each partition's leader until it is taken. */
async function send(ports: readonly number[], partition: number): Promise<number> {
  for (const port of ports) {
    await using client = await WireClient.connect(port)
    const records = recordBatch({ values: ['x'], timestampsMs: [systemClock.now()] })
    const { responses } = await client.call(produceApi, 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 'orders', partitionData: [{ index: partition, records }] }],
    })
    const { errorCode } = responses[0]!.partitionResponses[0]!
    if (errorCode !== errorCodes.NOT_LEADER_OR_FOLLOWER) return errorCode
  }
  throw new Error(`Nobody leads orders-${partition}`)
}

test('readme: the example of faults, clock, nodes and snapshots runs', async () => {
  const root = await mkdtemp(join(tmpdir(), 'millrace-broker-readme-'))
  try {
    await using broker = await startBroker({
      dir: join(root, 'test-data'),
      topics: [{ name: 'orders', partitions: 3 }],
      clock: 'virtual',
      nodes: 3,
      fsync: 'group',
    })
    const ports = broker.nodes.map(({ port }) => port)
    const fault = await broker.faults.add({
      match: { api: 'Produce', topic: 'orders', partition: 1 },
      action: { type: 'error', error: 'NOT_ENOUGH_REPLICAS' },
      count: 2,
    })
    const answers: number[] = []
    while (answers.at(-1) !== 0) answers.push(await send(ports, 1))
    assert.ok(answers.includes(errorCodes.NOT_ENOUGH_REPLICAS))
    await fault.waitForHits(2)
    await broker.moveCoordinator({ group: 'billing' }, 2)
    await using client = await WireClient.connect(ports[1]!)
    const partitions = [0, 1, 2].map((partitionIndex) => ({
      partitionIndex,
      committedOffset: 1n,
      committedMetadata: null,
    }))
    await client.call(offsetCommitApi, 7, {
      groupId: 'billing',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [{ name: 'orders', partitions }],
    })
    await broker.waitFor({ group: 'billing', lag: 0 })
    await broker.clock.advance(60_000)
    await broker.moveLeader('orders', 0, 2)
    await broker.crash({ loseUnsynced: true })
    await broker.restart()
    await broker.snapshot(join(root, 'seeded'))
    assert.ok((await broker.requests({ withFaults: true })).length > 0)
    await using fork = await startBroker({ dir: join(root, 'fork'), from: join(root, 'seeded') })
    await using other = await WireClient.connect(fork.port)
    const { topics } = await other.call(metadataApi, 9, { topics: null })
    assert.equal(topics[0]!.name, 'orders')
    assert.equal((await fork.dump('orders', 1)).length, 1)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})
