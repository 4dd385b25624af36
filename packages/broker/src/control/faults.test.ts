import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  apiVersionsApi,
  errorCodes,
  fetchApi,
  heartbeatApi,
  listOffsetsApi,
  metadataApi,
  produceApi,
} from '@millrace/protocol'
import { recordBatch, recordsOf } from '../../test/batches.ts'
import { testBroker } from '../../test/broker.ts'
import type { WireClient } from '../../test/wire-client.ts'
import { BrokerError, startBroker, type FaultRule } from '../index.ts'

const topics = [{ name: 't', partitions: 3 }]
const names = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }

function produceRequest(values: readonly string[], partitions: readonly number[] = [0], acks = -1) {
  const records = recordBatch({ values, timestampsMs: values.map(() => systemClock.now()) })
  const partitionData = partitions.map((index) => ({ index, records: Buffer.from(records) }))
  return { acks, timeoutMs: 1000, topicData: [{ name: 't', partitionData }] }
}

async function produce(client: WireClient, value: string, partitions: readonly number[] = [0]) {
  const { responses } = await client.call(produceApi, 9, produceRequest([value], partitions))
  return responses[0]!.partitionResponses
}

async function read(client: WireClient, partition = 0): Promise<readonly string[]> {
  const { responses } = await client.call(fetchApi, 11, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [
      { topic: 't', partitions: [{ partition, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }] },
    ],
  })
  return recordsOf(responses[0]!.partitions[0]!.records!).map(([, value]) => value)
}

test('fault: an error before the request takes effect refuses the partitions it names and no other', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  const fault = await at.broker.faults.add({
    match: { api: 'Produce', topic: 't', partition: 1 },
    action: { type: 'error', error: 'NOT_ENOUGH_REPLICAS' },
    count: 1,
  })
  const answers = await produce(client, 'a', [0, 1, 2])
  assert.deepEqual(
    answers.toSorted((a, b) => a.index - b.index).map(({ index, errorCode }) => [index, errorCode]),
    [
      [0, 0],
      [1, errorCodes.NOT_ENOUGH_REPLICAS],
      [2, 0],
    ],
  )
  assert.deepEqual(await read(client, 1), [], 'the refused one was not written')
  assert.deepEqual(await read(client, 2), ['a'])
  assert.equal((await produce(client, 'b', [1]))[0]!.errorCode, 0, 'the rule has had its count')
  const { hits, matched, isActive } = await fault.status()
  assert.deepEqual({ hits, matched, isActive }, { hits: 1, matched: 1, isActive: false })
})

test('fault: an error after the request took effect is a success that the client does not hear of', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  const fault = await at.broker.faults.add({
    match: { api: 'Produce' },
    action: { type: 'error', error: 7, when: 'after' },
  })
  assert.equal((await produce(client, 'a'))[0]!.errorCode, errorCodes.REQUEST_TIMED_OUT)
  await fault.remove()
  assert.deepEqual(await read(client), ['a'])
})

test('fault: an error on one partition of a fetch leaves the others readable', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  await produce(client, 'a', [0, 1])
  await at.broker.faults.add({
    match: { api: 'Fetch', topic: 't', partition: 0 },
    action: { type: 'error', error: 'KAFKA_STORAGE_ERROR' },
  })
  const partitions = [0, 1].map((partition) => ({
    partition,
    fetchOffset: 0n,
    partitionMaxBytes: 100_000,
  }))
  const { responses } = await client.call(fetchApi, 12, {
    maxWaitMs: 10_000,
    minBytes: 1,
    topics: [{ topic: 't', partitions }],
  })
  assert.deepEqual(
    responses[0]!.partitions.map(({ errorCode }) => errorCode),
    [errorCodes.KAFKA_STORAGE_ERROR, 0],
  )
})

const lost: readonly { name: string; rule: FaultRule; isClosed: boolean; isWritten: boolean }[] = [
  {
    name: 'a request that is dropped',
    rule: { match: { api: 'Produce' }, action: { type: 'drop' } },
    isClosed: false,
    isWritten: false,
  },
  {
    name: 'an answer that is dropped',
    rule: { match: { api: 'Produce' }, action: { type: 'drop', when: 'after' } },
    isClosed: false,
    isWritten: true,
  },
  {
    name: 'a connection that closes before',
    rule: { match: { api: 'Produce' }, action: { type: 'disconnect' } },
    isClosed: true,
    isWritten: false,
  },
  {
    name: 'a connection that closes after',
    rule: { match: { api: 'Produce' }, action: { type: 'disconnect', when: 'after' } },
    isClosed: true,
    isWritten: true,
  },
]
for (const { name, rule, isClosed, isWritten } of lost) {
  test(`fault: ${name} is heard of no more, and nobody else notices`, async () => {
    await using at = await testBroker({ topics })
    await using other = await at.connect()
    await using client = await at.connect()
    const fault = await at.broker.faults.add({ ...rule, count: 1 })
    client.send(produceApi, 9, produceRequest(['a']))
    client.send(apiVersionsApi, 3, names)
    await fault.waitForHits()
    if (isClosed) await client.closed()
    assert.deepEqual(await read(other), isWritten ? ['a'] : [])
    assert.equal(client.isClosed, isClosed)
    assert.equal(client.receivedBytes, 0, 'neither that answer nor a later one')
  })
}

test('fault: a torn answer ends after so many bytes', async () => {
  await using at = await testBroker({ topics })
  for (const bytes of [0, 3, 7]) {
    await using client = await at.connect()
    const fault = await at.broker.faults.add({
      match: { api: 'Metadata' },
      action: { type: 'tear', bytes },
    })
    client.send(metadataApi, 9, { topics: null })
    await client.closed()
    assert.equal(client.receivedBytes, bytes)
    await fault.remove()
  }
})

test('fault: a delayed produce is not overtaken by the next one of its connection', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  await at.broker.faults.add({
    match: { api: 'Produce' },
    action: { type: 'delay', ms: 50 },
    count: 1,
  })
  client.send(produceApi, 9, produceRequest(['first']))
  client.send(produceApi, 9, produceRequest(['second']))
  await client.receive(produceApi, 9)
  await client.receive(produceApi, 9)
  assert.deepEqual(await read(client), ['first', 'second'])
})

test('fault: a hold lets requests of different connections overtake each other', async () => {
  await using at = await testBroker({ topics })
  await using slow = await at.connect()
  await using quick = await at.connect()
  const fault = await at.broker.faults.add({
    match: { api: 'Produce', maxBytes: 120 },
    action: { type: 'hold', until: { api: 'Produce', minBytes: 121 } },
  })
  slow.send(produceApi, 9, produceRequest(['1']))
  await eventually('it is held', async () => (await fault.status()).holding === 1)
  await produce(quick, 'a longer second one'.repeat(5))
  await slow.receive(produceApi, 9)
  assert.deepEqual(
    (await read(quick)).map((value) => value[0]),
    ['a', '1'],
  )
  slow.send(produceApi, 9, produceRequest(['2']))
  await eventually('it is held', async () => (await fault.status()).holding === 1)
  assert.equal(await fault.release(), 1)
  await slow.receive(produceApi, 9)
})

test('fault: a request that the network delivers twice is appended twice without idempotence', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  await at.broker.faults.add({
    match: { api: 0 },
    action: { type: 'duplicate', times: 2 },
    count: 1,
  })
  assert.equal((await produce(client, 'a'))[0]!.baseOffset, 0n)
  assert.deepEqual(await read(client), ['a', 'a', 'a'])
})

test('fault: a throttled answer tells the time and the connection is muted for it', async () => {
  await using at = await testBroker({ topics, clock: 'virtual' })
  await using client = await at.connect()
  await at.broker.faults.add({
    match: { api: 'Metadata' },
    action: { type: 'throttle', ms: 2_000 },
    count: 1,
  })
  const { throttleTimeMs } = await client.call(metadataApi, 9, { topics: [] })
  assert.equal(throttleTimeMs, 2_000)
  client.send(metadataApi, 9, { topics: [] })
  await at.broker.clock.advance(1_999)
  assert.equal(client.receivedBytes, 0)
  await at.broker.clock.advance(1)
  assert.equal((await client.receive(metadataApi, 9)).body.throttleTimeMs, 0)
})

test('fault: a version cap shows less, takes less, and ends when it is removed', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  const cap = await at.broker.faults.add({
    match: { api: ['Produce', 'Fetch'] },
    action: { type: 'versionCap', maxVersion: 7 },
  })
  await at.broker.faults.add({
    match: { api: 'DescribeCluster', clientId: 'wire' },
    action: { type: 'versionCap', maxVersion: -1 },
  })
  const shown = async () =>
    new Map(
      (await client.call(apiVersionsApi, 3, names)).apiKeys.map((row) => [
        row.apiKey,
        [row.minVersion, row.maxVersion],
      ]),
    )
  const capped = await shown()
  assert.deepEqual([capped.get(0), capped.get(1), capped.has(60)], [[0, 7], [4, 7], false])
  await using hasty = await at.connect()
  hasty.send(produceApi, 9, produceRequest(['a']))
  await hasty.closed()
  await cap.remove()
  assert.deepEqual((await shown()).get(1), [4, 17])
})

test('fault: the same seed and requests give the same faults', async () => {
  const runs: string[] = []
  for (const seed of [7, 7, 8]) {
    await using at = await testBroker({ topics })
    await using client = await at.connect()
    await at.broker.faults.add({
      match: { api: 'Heartbeat' },
      action: { type: 'error', error: 'UNKNOWN_SERVER_ERROR' },
      probability: 0.5,
      seed,
      skip: 1,
    })
    let run = ''
    for (let n = 0; n < 40; n++) {
      const { errorCode } = await client.call(heartbeatApi, 4, {
        groupId: 'g',
        generationId: 1,
        memberId: 'm',
      })
      run += errorCode === -1 ? 'x' : '.'
    }
    runs.push(run)
  }
  assert.equal(runs[0], runs[1])
  assert.notEqual(runs[0], runs[2])
  assert.match(runs[0]!, /^\..*x/, 'the first one passes')
})

test('fault: rules match by field, group, client and version', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  const rows: readonly { match: FaultRule['match']; hits: boolean }[] = [
    { match: { api: 'Heartbeat', group: ['x', 'g'] }, hits: true },
    { match: { api: 'Heartbeat', group: 'h' }, hits: false },
    { match: { fields: { memberId: 'm', generationId: 1 } }, hits: true },
    { match: { fields: { memberId: 'n' } }, hits: false },
    { match: { clientId: 'wire', version: 4, node: 1 }, hits: true },
    { match: { version: 3 }, hits: false },
    { match: { topic: 't' }, hits: false },
    { match: {}, hits: true },
  ]
  for (const { match, hits } of rows) {
    const fault = await at.broker.faults.add({
      ...(match === undefined ? {} : { match }),
      action: { type: 'jump', ms: 0 },
    })
    await client.call(heartbeatApi, 4, { groupId: 'g', generationId: 1, memberId: 'm' })
    assert.equal((await fault.remove()).hits === 1, hits, JSON.stringify(match))
  }
})

test('fault: acks 0 hears of a refusal by its connection closing', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  await at.broker.faults.add({
    match: { topic: 't' },
    action: { type: 'error', error: 'NOT_LEADER_OR_FOLLOWER' },
  })
  client.send(produceApi, 9, produceRequest(['a'], [0], 0))
  await client.closed()
})

test('fault: every fault stands in the request journal', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  const { id } = await at.broker.faults.add({
    name: 'slow disk',
    match: { api: 'Produce' },
    action: { type: 'error', error: 'KAFKA_STORAGE_ERROR' },
    count: 1,
  })
  await produce(client, 'a')
  await produce(client, 'b')
  const entries = await at.broker.requests({ api: 'produce' })
  assert.deepEqual(
    entries.map(({ faults, errorCodes: codes, clientId, version }) => [
      faults,
      codes,
      clientId,
      version,
    ]),
    [
      [[`${id} error slow disk`], [errorCodes.KAFKA_STORAGE_ERROR], 'wire', 9],
      [[], [], 'wire', 9],
    ],
  )
  assert.ok(entries.every(({ durationMs, answerBytes }) => durationMs >= 0 && answerBytes > 20))
  assert.equal((await at.broker.requests({ withFaults: true })).length, 1)
  assert.equal((await at.broker.requests({ limit: 1 }))[0]!.sequence, 2)
})

const badRules: readonly { rule: unknown; says: RegExp }[] = [
  { rule: {}, says: /action is missing/ },
  { rule: { action: { type: 'explode' } }, says: /type "explode", not one of delay, hold/ },
  { rule: { action: { type: 'delay', ms: -1 }, match: {} }, says: /ms is not a whole number/ },
  { rule: { action: { type: 'delay', ms: 1, m: 2 }, match: {} }, says: /no field "m"/ },
  { rule: { action: { type: 'error', error: 'NOPE' }, match: {} }, says: /no error of Kafka/ },
  { rule: { action: { type: 'drop' } }, says: /"drop" needs match/ },
  { rule: { action: { type: 'drop' }, match: { api: 'Prduce' } }, says: /api is no API/ },
  { rule: { action: { type: 'drop' }, match: { topics: 't' } }, says: /no field "topics"/ },
  { rule: { action: { type: 'drop' }, match: {}, probability: 2 }, says: /from 0 to 1/ },
  { rule: { action: { type: 'drop', when: 'now' }, match: {} }, says: /not "before" or "after"/ },
  { rule: { action: { type: 'versionCap', maxVersion: 3 }, match: {} }, says: /needs match.api/ },
]
test('fault: a rule that makes no sense is refused with what is wrong', async () => {
  await using at = await testBroker()
  for (const { rule, says } of badRules)
    await assert.rejects(
      at.broker.faults.add(rule as FaultRule),
      (error: BrokerError) => error.code === 'MR_BROKER_BAD_FAULT' && says.test(error.message),
      JSON.stringify(rule),
    )
  assert.deepEqual(await at.broker.faults.list(), [])
  await assert.rejects(
    startBroker({ dir: at.dir, faults: [{ action: { type: 'drop' } }] }),
    /"drop" needs match/,
  )
})

test('fault: waiting for a hit that does not come says what was seen', async () => {
  await using at = await testBroker({ topics })
  const fault = await at.broker.faults.add({ match: { api: 'EndTxn' }, action: { type: 'drop' } })
  await assert.rejects(fault.waitForHits(1, { timeoutMs: 20 }), /hit 0 times of 1 when 20 ms/)
  const waiting = fault.waitForHits()
  await fault.remove()
  await assert.rejects(waiting, /the rule was removed/)
  await assert.rejects(fault.status(), /No fault has id/)
})

test('fault: rules work the same through the worker thread', async () => {
  await using at = await testBroker({ topics, worker: true })
  await using client = await at.connect()
  const fault = await at.broker.faults.add({
    match: { api: 'ListOffsets', partition: [1, 2] },
    action: { type: 'error', error: 'LEADER_NOT_AVAILABLE' },
  })
  const { topics: answers } = await client.call(listOffsetsApi, 5, {
    replicaId: -1,
    topics: [
      {
        name: 't',
        partitions: [0, 1].map((partitionIndex) => ({ partitionIndex, timestamp: -1n })),
      },
    ],
  })
  assert.deepEqual(
    answers[0]!.partitions.map(({ errorCode }) => errorCode),
    [0, errorCodes.LEADER_NOT_AVAILABLE],
  )
  assert.equal((await fault.waitForHits()).hits, 1)
  await assert.rejects(
    at.broker.faults.add({ action: { type: 'drop' } }),
    (error: BrokerError) => error instanceof BrokerError && error.code === 'MR_BROKER_BAD_FAULT',
  )
})
