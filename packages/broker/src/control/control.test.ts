import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join as pathOf } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  errorCodes,
  fetchApi,
  findCoordinatorApi,
  heartbeatApi,
  initProducerIdApi,
  addPartitionsToTxnApi,
  joinGroupApi,
  offsetCommitApi,
  produceApi,
  syncGroupApi,
} from '@millrace/protocol'
import { recordBatch } from '../../test/batches.ts'
import { testBroker } from '../../test/broker.ts'
import { WireClient } from '../../test/wire-client.ts'
import { startBroker, type Broker, type BrokerError } from '../index.ts'

const topics = [{ name: 't', partitions: 2 }]

async function produce(client: WireClient, value: string, timestampMs = systemClock.now()) {
  const records = recordBatch({ values: [value], timestampsMs: [timestampMs] })
  const { responses } = await client.call(produceApi, 9, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
  })
  return responses[0]!.partitionResponses[0]!
}

async function values(broker: Broker): Promise<readonly string[]> {
  const records = await broker.dump('t', 0)
  return records.map(({ value }) => Buffer.from(value!).toString())
}

async function join(client: WireClient, memberId = '') {
  return client.call(joinGroupApi, 3, {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  })
}

async function joinAndSync(client: WireClient) {
  const { memberId, generationId } = await join(client)
  await client.call(syncGroupApi, 3, {
    groupId: 'g',
    generationId,
    memberId,
    assignments: [{ memberId, assignment: Buffer.alloc(0) }],
  })
  return { memberId, generationId }
}

for (const worker of [false, true]) {
  const where = worker ? ' (in the worker)' : ''

  test(`clock: sessions end when a virtual clock is advanced past them, and not before${where}`, async () => {
    await using at = await testBroker({ topics, clock: 'virtual', worker })
    await using client = await at.connect()
    const { memberId, generationId } = await joinAndSync(client)
    await at.broker.waitFor({ group: 'g', members: 1 })
    const beat = async () =>
      (await client.call(heartbeatApi, 3, { groupId: 'g', generationId, memberId })).errorCode
    await at.broker.clock.advance(9_999)
    assert.equal(await beat(), 0)
    await at.broker.clock.advance(9_999)
    assert.equal(await beat(), 0)
    await at.broker.clock.advance(10_000)
    assert.equal(await beat(), errorCodes.UNKNOWN_MEMBER_ID)
    await at.broker.waitFor({ group: 'g', state: 'EMPTY' })
  })

  test(`clock: a long poll is over when its time has been advanced${where}`, async () => {
    await using at = await testBroker({ topics, clock: 'virtual', fsync: 'group', worker })
    await using client = await at.connect()
    client.send(fetchApi, 11, {
      maxWaitMs: 30_000,
      minBytes: 1,
      topics: [
        { topic: 't', partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 }] },
      ],
    })
    await eventually(
      'it waits',
      async () => (await at.broker.requests({ api: 'Fetch' })).length === 1,
    )
    await at.broker.clock.advance(29_999)
    assert.equal(client.receivedBytes, 0)
    await at.broker.clock.advance(1)
    assert.equal((await client.receive(fetchApi, 11)).body.errorCode, 0)
    await using other = await at.connect()
    assert.equal((await produce(other, 'a')).errorCode, 0, 'syncs do not wait for the clock')
  })
}

test('clock: retention obeys it, and it can jump', async () => {
  const configs = { 'retention.ms': '60000', 'segment.ms': '1000' }
  await using at = await testBroker({
    topics: [{ name: 't', partitions: 1, configs }],
    clock: 'virtual',
  })
  await using client = await at.connect()
  await produce(client, 'old')
  await at.broker.clock.advance(2_000)
  await produce(client, 'new', await at.broker.clock.now())
  assert.equal(await at.broker.applyRetention(), 0)
  await at.broker.clock.jump(59_000)
  assert.equal(await at.broker.applyRetention(), 1)
  assert.deepEqual(await values(at.broker), ['new'])
  await at.broker.clock.jump(-59_000)
  assert.ok(Math.abs((await at.broker.clock.now()) - systemClock.now()) < 600_000)
})

test('clock: the machine’s clock cannot be advanced', async () => {
  await using at = await testBroker()
  await assert.rejects(
    at.broker.clock.advance(1),
    (error: BrokerError) => error.code === 'MR_BROKER_CLOCK_NOT_VIRTUAL',
  )
})

test('clock: a transaction times out when the virtual clock says so', async () => {
  await using at = await testBroker({ topics, clock: 'virtual' })
  await using client = await at.connect()
  const { producerId, producerEpoch } = await client.call(initProducerIdApi, 3, {
    transactionalId: 'x',
    transactionTimeoutMs: 60_000,
  })
  await client.call(addPartitionsToTxnApi, 3, {
    v3AndBelowTransactionalId: 'x',
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: [{ name: 't', partitions: [0] }],
  })
  await assert.rejects(
    at.broker.waitFor({ transactionalId: 'x' }, { timeoutMs: 20 }),
    /seen last: state ONGOING/,
  )
  await at.broker.clock.advance(60_000)
  await at.broker.waitFor({ transactionalId: 'x' })
})

for (const worker of [false, true])
  test(`crash: the broker is back on its port with what it acknowledged${worker ? ' (in the worker)' : ''}`, async () => {
    await using at = await testBroker({ topics, worker })
    await using client = await at.connect()
    const fault = await at.broker.faults.add({
      match: { api: 'EndTxn' },
      action: { type: 'drop' },
    })
    await produce(client, 'a')
    await at.broker.crash()
    await client.closed()
    await assert.rejects(
      at.broker.partitions(),
      (error: BrokerError) => error.code === 'MR_BROKER_CRASHED',
    )
    await assert.rejects(WireClient.connect(at.port))
    await at.broker.restart()
    await at.broker.restart()
    await using again = await at.connect()
    assert.equal((await produce(again, 'b')).baseOffset, 1n)
    assert.deepEqual(await values(at.broker), ['a', 'b'])
    assert.equal((await fault.status()).isActive, true, 'faults outlive the crash')
  })

for (const fsync of ['os', 'group', 'always'] as const)
  test(`crash: a power cut takes what was not synced (fsync ${fsync})`, async () => {
    await using at = await testBroker({ topics, fsync })
    await using client = await at.connect()
    await produce(client, 'a')
    await at.broker.crash({ loseUnsynced: true })
    await at.broker.restart()
    const found = await at.broker.partitions('t')
    if (fsync === 'os')
      return assert.ok(found.length === 0 || (await values(at.broker)).length === 0)
    assert.deepEqual(await values(at.broker), ['a'], 'what was acknowledged survives')
  })

test('crash: dying at each write of a produce leaves all of the batch or nothing', async () => {
  await using at = await testBroker({ topics })
  const acknowledged: string[] = []
  for (let write = 1; write <= 6; write++) {
    for (const tornBytes of [0, 30]) {
      await using client = await at.connect()
      const fault = await at.broker.faults.add({
        match: { api: 'Produce' },
        action: { type: 'kill', atWrite: write, tornBytes },
        count: 1,
      })
      const value = `w${write} t${tornBytes}`
      const isAnswered = await produce(client, value).then(
        ({ errorCode }) => errorCode === 0,
        () => false,
      )
      if (isAnswered) acknowledged.push(value)
      await fault.remove()
      await at.broker.crash()
      await at.broker.restart()
      const found = await values(at.broker)
      assert.deepEqual(
        acknowledged.filter((one) => !found.includes(one)),
        [],
        'nothing acknowledged is lost',
      )
    }
  }
  assert.ok(acknowledged.length >= 8, 'a produce writes once, so later writes do not come')
})

for (const fsync of ['group', 'always'] as const)
  test(`crash: power cuts at any write never take what was acknowledged (fsync ${fsync})`, async () => {
    await using at = await testBroker({ topics, fsync })
    const acknowledged: string[] = []
    for (let write = 1; write <= 8; write++) {
      await using client = await at.connect()
      await at.broker.faults.add({
        action: { type: 'kill', atWrite: write, tornBytes: write % 3, loseUnsynced: true },
      })
      for (let n = 0; n < 10; n++) {
        const value = `${write}-${n}`
        const isAnswered = await produce(client, value).then(
          ({ errorCode }) => errorCode === 0,
          () => false,
        )
        if (!isAnswered) break
        acknowledged.push(value)
      }
      await client.closed()
      await at.broker.faults.clear()
      await at.broker.restart()
      const found = await values(at.broker)
      assert.deepEqual(
        acknowledged.filter((one) => !found.includes(one)),
        [],
        `after the cut at write ${write}`,
      )
      assert.ok(found.length <= acknowledged.length + write, 'at most the last of each round more')
    }
    assert.ok(acknowledged.length > 20)
  })

test('crash: dying at any write of a start loses nothing, and the next start goes on', async () => {
  await using at = await testBroker({ topics })
  await using first = await at.connect()
  await produce(first, 'a')
  let deaths = 0
  for (let write = 1; write <= 4; write++) {
    // A torn batch, which the next start has to cut off.
    await using client = await at.connect()
    const tear = await at.broker.faults.add({ action: { type: 'kill', atWrite: 1, tornBytes: 30 } })
    await assert.rejects(produce(client, 'torn'))
    await tear.remove()
    const fault = await at.broker.faults.add({ action: { type: 'kill', atWrite: write } })
    const isDead = await at.broker.restart().then(
      () => false,
      (error: BrokerError) => error.code === 'MR_BROKER_CRASHED',
    )
    if (isDead) deaths++
    assert.equal((await fault.remove()).hits, isDead ? 1 : 0)
    await at.broker.crash()
    await at.broker.restart()
    assert.deepEqual(await values(at.broker), ['a'])
  }
  assert.ok(deaths > 0, 'a start that cuts a log writes')
})

test('crash: a kill at a write can be set without a request, and counts as a hit', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  const fault = await at.broker.faults.add({ action: { type: 'kill', atWrite: 3 } })
  await produce(client, 'a')
  await produce(client, 'b')
  await assert.rejects(produce(client, 'c'))
  await fault.waitForHits()
  await at.broker.restart()
  assert.deepEqual(await values(at.broker), ['a', 'b'])
})

test('crash: a request can kill the broker after it took effect and before its answer', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  await at.broker.faults.add({
    match: { api: 'Produce' },
    action: { type: 'kill', when: 'after' },
    count: 1,
  })
  await assert.rejects(produce(client, 'a'))
  await at.broker.restart()
  assert.deepEqual(await values(at.broker), ['a'])
})

async function withDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(pathOf(tmpdir(), 'millrace-broker-snapshot-'))
  try {
    await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
test('snapshot: brokers started from one are alike and apart', () =>
  withDirectory(async (root) => {
    const dir = pathOf(root, 'seeded')
    await using at = await testBroker({ topics })
    await using client = await at.connect()
    await produce(client, 'seed')
    await commit(client, 1)
    await at.broker.snapshot(dir)
    await produce(client, 'later')
    await using one = await startBroker({ dir: pathOf(root, '1'), from: dir, worker: false })
    await using two = await startBroker({ dir: pathOf(root, '2'), from: dir, worker: false })
    await using other = await WireClient.connect(one.port)
    await produce(other, 'one')
    assert.deepEqual(await values(one), ['seed', 'one'])
    assert.deepEqual(await values(two), ['seed'])
    assert.equal((await two.groups('g'))[0]!.lag[0]!.offset, 1)
    await assert.rejects(at.broker.snapshot(dir), /is not empty/)
    await assert.rejects(
      startBroker({ dir: pathOf(root, '3'), from: pathOf(root, 'none'), worker: false }),
      (error: BrokerError) => error.code === 'MR_BROKER_BAD_SNAPSHOT',
    )
    assert.ok(!(await readdir(dir)).includes('broker.lock'))
  }))

async function commit(client: WireClient, offset: number): Promise<void> {
  const partitions = [
    { partitionIndex: 0, committedOffset: BigInt(offset), committedMetadata: null },
    { partitionIndex: 1, committedOffset: 0n, committedMetadata: null },
  ]
  await client.call(offsetCommitApi, 7, {
    groupId: 'g',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    topics: [{ name: 't', partitions }],
  })
}

test('waitFor: lag, offsets and members are waited for, and what was seen last is told', async () => {
  await using at = await testBroker({ topics })
  await using client = await at.connect()
  await assert.rejects(
    at.broker.waitFor({ group: 'g', members: 1 }, { timeoutMs: 10 }),
    /seen last: no such group/,
  )
  const offset = at.broker.waitFor({ topic: 't', partition: 0, offset: 2 })
  await produce(client, 'a')
  await produce(client, 'b')
  await offset
  await commit(client, 1)
  await assert.rejects(
    at.broker.waitFor({ group: 'g', lag: 0 }, { timeoutMs: 10 }),
    /seen last: lag 1 records \(t-0 1\/2\)/,
  )
  const done = at.broker.waitFor({ group: 'g', lag: 0, topic: 't' })
  await commit(client, 2)
  await done
  await assert.rejects(
    at.broker.waitFor({ topic: 't', partition: 7, offset: 0 }, { timeoutMs: 10 }),
    /no such partition/,
  )
  await assert.rejects(
    at.broker.waitFor({ group: 'g', lags: 0 } as never),
    (error: BrokerError) => error.code === 'MR_BROKER_BAD_CALL',
  )
})

test('requests: the ring keeps the newest, and none when it is off', async () => {
  for (const requestJournalSize of [3, 0]) {
    await using at = await testBroker({ requestJournalSize })
    await using client = await at.connect()
    for (let n = 0; n < 5; n++) await client.call(findCoordinatorApi, 2, { key: 'g', keyType: 0 })
    const entries = await at.broker.requests()
    assert.deepEqual(
      entries.map(({ sequence }) => sequence),
      requestJournalSize === 0 ? [] : [3, 4, 5],
    )
    const newer = await at.broker.requests({ after: 4 })
    assert.equal(newer.length, requestJournalSize === 0 ? 0 : 1)
  }
})

test('admin: with a token nobody without it is heard, and beyond loopback one is needed', async () => {
  const adminToken = 'a-token-of-20-letters'
  await using at = await testBroker({ topics, adminPort: 0, adminToken, adminHost: '0.0.0.0' })
  const url = `http://127.0.0.1:${at.broker.adminPort}/now`
  for (const authorization of [undefined, adminToken, 'Bearer', `Bearer ${adminToken}x`]) {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    const response = await fetch(url, { method: 'POST', headers, body: 'x'.repeat(100_000) })
    assert.equal(response.status, 401)
    assert.match(((await response.json()) as { message: string }).message, /needs its token/)
  }
  const headers = { authorization: `Bearer ${adminToken}` }
  assert.equal((await fetch(url, { method: 'POST', headers })).status, 200)
  for (const { options, says } of [
    { options: { adminHost: '0.0.0.0' }, says: /0\.0\.0\.0 is not loopback and needs adminToken/ },
    { options: { adminToken: 'short' }, says: /adminToken is not 16 or more/ },
    { options: { adminToken: 'with a space and\n more' }, says: /adminToken is not/ },
  ])
    await assert.rejects(testBroker({ adminPort: 0, ...options }), {
      code: 'MR_BROKER_BAD_OPTION',
      message: says,
    })
})

test('admin: operations over HTTP, with errors as JSON, and no web page let in', async () => {
  await using at = await testBroker({ topics, adminPort: 0, worker: true })
  const url = `http://127.0.0.1:${at.broker.adminPort}`
  const post = async (name: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/${name}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers,
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const listed = (await (await fetch(url)).json()) as { name: string }[]
  assert.ok(listed.some(({ name }) => name === 'addFault'))
  const rule = {
    match: { api: 'Produce' },
    action: { type: 'error', error: 'NOT_ENOUGH_REPLICAS' },
  }
  const added = await post('addFault', { rule })
  assert.equal(added.status, 200)
  await using client = await at.connect()
  assert.equal((await produce(client, 'a')).errorCode, errorCodes.NOT_ENOUGH_REPLICAS)
  assert.equal((await post('waitForHits', { id: added.body['id'] })).body['hits'], 1)
  await post('clearFaults', {})
  await produce(client, 'a')
  const dumped = await post('dump', { topic: 't', partition: 0 })
  assert.deepEqual((dumped.body as unknown as { value: string }[])[0]!.value, 'YQ==')
  for (const { name, body, status, code } of [
    { name: 'nothing', body: {}, status: 400, code: 'MR_BROKER_BAD_CALL' },
    { name: 'dump', body: { topic: 't' }, status: 400, code: 'MR_BROKER_BAD_CALL' },
    { name: 'dump', body: 'not json', status: 400, code: 'MR_BROKER_BAD_CALL' },
    { name: 'addFault', body: { rule: {} }, status: 400, code: 'MR_BROKER_BAD_FAULT' },
    { name: 'getFault', body: { id: 99 }, status: 404, code: 'MR_BROKER_UNKNOWN_FAULT' },
    { name: 'advanceClock', body: { ms: 1 }, status: 409, code: 'MR_BROKER_CLOCK_NOT_VIRTUAL' },
    {
      name: 'waitFor',
      body: { condition: { group: 'g' }, timeoutMs: 1 },
      status: 408,
      code: 'MR_BROKER_WAIT_TIMEOUT',
    },
  ]) {
    const answer = await post(name, body)
    assert.deepEqual([answer.status, answer.body['code']], [status, code], name)
  }
  assert.equal((await post('nodes', {}, { origin: 'http://evil.example' })).status, 400)
})
