import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, systemClock, type LogFields } from '@millrace/core'
import {
  apiVersionsApi,
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  describeConfigsApi,
  fetchApi,
  findCoordinatorApi,
  initProducerIdApi,
  joinGroupApi,
  leaveGroupApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetFetchApi,
  produceApi,
  syncGroupApi,
  zeroUuid,
  type Api,
} from '@millrace/protocol'
import * as fc from 'fast-check'
import { recordBatch } from '../../test/batches.ts'
import { testBroker } from '../../test/broker.ts'
import { WireClient } from '../../test/wire-client.ts'

const names = { clientSoftwareName: 'a', clientSoftwareVersion: '1' }

/** One right request of each kind that has something to go wrong. */
function goodFrames(client: WireClient): Buffer[] {
  const frames: Buffer[] = []
  const add = <A extends Api>(
    api: A,
    version: number,
    request: Parameters<typeof client.frame<A>>[2],
  ): void => void frames.push(client.frame(api, version, request, frames.length))
  const records = recordBatch({ values: ['a', 'b'], timestampsMs: [systemClock.now(), 0] })
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 100 }]
  const group = { groupId: 'g', generationId: 1, memberId: 'm' }
  add(apiVersionsApi, 4, names)
  add(produceApi, 9, {
    acks: 1,
    timeoutMs: 1,
    topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
  })
  add(fetchApi, 11, { maxWaitMs: 0, minBytes: 0, topics: [{ topic: 't', partitions }] })
  add(fetchApi, 17, { maxWaitMs: 0, minBytes: 0, topics: [{ topicId: zeroUuid, partitions }] })
  add(listOffsetsApi, 7, {
    replicaId: -1,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: 5n }] }],
  })
  add(metadataApi, 12, { topics: [{ name: 't', topicId: zeroUuid }] })
  add(createTopicsApi, 7, {
    topics: [
      {
        name: 'n',
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [{ partitionIndex: 0, brokerIds: [1] }],
        configs: [{ name: 'retention.ms', value: '5' }],
      },
    ],
    validateOnly: true,
  })
  add(createPartitionsApi, 3, {
    topics: [{ name: 't', count: 2, assignments: [{ brokerIds: [1] }] }],
    timeoutMs: 1,
    validateOnly: true,
  })
  add(deleteRecordsApi, 2, {
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 0n }] }],
    timeoutMs: 1,
  })
  add(describeConfigsApi, 4, {
    resources: [{ resourceType: 2, resourceName: 't', configurationKeys: ['a'] }],
  })
  add(findCoordinatorApi, 6, { coordinatorKeys: ['g'] })
  add(initProducerIdApi, 5, { transactionalId: null, transactionTimeoutMs: 1 })
  add(joinGroupApi, 9, {
    groupId: 'g',
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 1,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('abc') }],
  })
  add(syncGroupApi, 5, {
    ...group,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [{ memberId: 'm', assignment: Buffer.from('x') }],
  })
  add(leaveGroupApi, 5, { groupId: 'g', members: [{ memberId: 'm', groupInstanceId: 'i' }] })
  add(offsetCommitApi, 9, {
    groupId: 'g',
    memberId: '',
    topics: [
      {
        name: 't',
        partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: 'x' }],
      },
    ],
  })
  add(offsetFetchApi, 9, {
    groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }],
  })
  return frames
}

test('fuzz: requests with bytes changed, cut out or put in never raise more than their own connection', async () => {
  const errors: unknown[] = []
  const logger = {
    ...silentLogger,
    error: (message: string, fields?: LogFields) => void errors.push([message, fields]),
    child: () => logger,
  }
  await using broker = await testBroker({ logger, topics: [{ name: 't', partitions: 1 }] })
  await using sane = await broker.connect()
  const frames = goodFrames(sane)
  const change = fc.record({
    frame: fc.nat(frames.length - 1),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    kind: fc.constantFrom('set', 'cut', 'insert'),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }),
  })
  await fc.assert(
    fc.asyncProperty(change, async ({ frame, at, kind, bytes }) => {
      const original = frames[frame]!
      // Key and version stay, so that the request gets as far as its handler.
      const position = 8 + Math.floor(at * (original.length - 8))
      const kept = kind === 'insert' ? 0 : bytes.length
      const changed = Buffer.concat([
        original.subarray(0, position),
        kind === 'cut' ? Buffer.alloc(0) : bytes,
        original.subarray(position + kept),
      ])
      changed.writeInt32BE(changed.length - 4)
      await using client = await WireClient.connect(broker.port)
      client.socket.write(changed)
      client.socket.write(sane.frame(apiVersionsApi, 3, names, 4711))
      await Promise.race([client.receiveFrame().catch(() => {}), client.closed()])
    }),
    { numRuns: 1_500, endOnFailure: true },
  )
  assert.equal((await sane.call(apiVersionsApi, 3, names)).errorCode, 0)
  assert.deepEqual(errors, [], 'a client can only be refused, it cannot make the broker fail')
})
