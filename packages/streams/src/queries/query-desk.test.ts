import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimulatedClock } from '@millrace/core'
import { longSerde, stringSerde } from '../serde.ts'
import { timestampedKeyValueStoreBuilder } from '../state/key-value-store.ts'
import { Topology } from '../topology/topology.ts'
import { QueryDesk, type QueriedTask } from './query-desk.ts'
import type { PageRequest } from './store-read.ts'

function subject() {
  const builder = timestampedKeyValueStoreBuilder({
    name: 'counts',
    key: stringSerde,
    value: longSerde,
  })
  const store = builder.build()
  store.put('a', 1, 10)
  const positions = new Map<string, number>()
  const queue = { topic: 'in', partition: 0, nextOffset: 5n }
  const task: { -readonly [Field in keyof QueriedTask]: QueriedTask[Field] } = {
    id: '0_0',
    state: 'RUNNING',
    task: { stores: new Map([['counts', store]]) },
    queues: [queue],
    changelogs: [{ store: 'counts', partition: 0 }],
    positions,
    ends: new Map([['counts', 100]]),
  }
  const clock = new SimulatedClock()
  const state: { isCommitted: boolean; waited: number; end: bigint | undefined } = {
    isCommitted: true,
    waited: 0,
    end: undefined,
  }
  const desk = new QueryDesk({
    topology: new Topology().addStateStore(builder),
    clock,
    tasks: new Map([['0_0', task]]),
    taskIdOf: (name, partition) => (name === 'counts' ? `0_${partition}` : undefined),
    globalStores: new Map(),
    isCommitted: () => state.isCommitted,
    onWaiting: () => void state.waited++,
    inputLags:
      () =>
      ({ nextOffset }) =>
        state.end === undefined ? undefined : Number(state.end - nextOffset),
  })
  const request: PageRequest = {
    store: 'counts',
    partition: 0,
    read: { kind: 'get', key: Buffer.from('a') },
    after: undefined,
    limit: 10,
    isolation: 'uncommitted',
    bounds: [],
    maxLagRecords: undefined,
    timeoutMs: 1_000,
  }
  return { store, queue, positions, task, clock, state, desk, request }
}

const bound = (offset: bigint) => ({ topic: 'in', partition: 0, offset })

describe('queries at a stream thread', () => {
  test('a page says how far the input had come', async () => {
    const { desk, request } = subject()
    const page = await desk.page(request)
    assert.equal(page.rows.length, 1)
    assert.deepEqual(page.positions, [bound(4n)])
  })

  test('a page says how many records of the input were not in it yet, where the end is known', async () => {
    const { desk, request, state } = subject()
    state.end = 8n
    const page = await desk.page(request)
    assert.deepEqual(page.positions, [{ ...bound(4n), lagRecords: 3 }])
  })

  test('a bound that is reached does not wait; one that is ahead waits for the round that reaches it (trap 54)', async () => {
    const { desk, request, queue, state } = subject()
    await desk.page({ ...request, bounds: [bound(4n)] })
    assert.equal(state.waited, 0)
    const waiting = desk.page({ ...request, bounds: [bound(5n)] })
    desk.serve()
    queue.nextOffset = 6n
    desk.serve()
    assert.deepEqual((await waiting).positions, [bound(5n)])
  })

  test('a bound that is not reached in time says how far it is', async () => {
    const { desk, request, clock } = subject()
    const waiting = assert.rejects(desk.page({ ...request, bounds: [bound(9n)] }), {
      code: 'MR_STREAMS_POSITION_NOT_REACHED',
      retryable: true,
      message: /offset 9 of in\/0 within 1000 ms; it has come to 4/,
    })
    await clock.advance(1_000)
    await waiting
  })

  test('a bound of a partition that the task does not read does not count', async () => {
    const { desk, request } = subject()
    const other = { topic: 'in', partition: 1, offset: 99n }
    assert.equal((await desk.page({ ...request, bounds: [other] })).rows.length, 1)
  })

  test('a committed read waits until nothing has changed since the commit, and is worth one after 100 ms', async () => {
    const { desk, request, state, clock } = subject()
    state.isCommitted = false
    const waiting = desk.page({ ...request, isolation: 'committed' })
    desk.serve()
    assert.equal(desk.wantsCommit, false)
    await clock.advance(100)
    assert.equal(desk.wantsCommit, true)
    state.isCommitted = true
    desk.serve()
    assert.equal((await waiting).rows.length, 1)
    assert.equal(desk.wantsCommit, false)
  })

  test('a committed read is not answered between rounds, while a commit may be under way', async () => {
    const { desk, request, state } = subject()
    const waiting = desk.page({ ...request, isolation: 'committed' })
    assert.equal(state.waited, 1)
    desk.serve()
    assert.equal((await waiting).rows.length, 1)
  })

  for (const state of ['RESTORING', 'SUSPENDED', 'CREATED', 'CLOSED'])
    test(`a task that is ${state} gives no answer, not even that a key is absent`, async () => {
      const { desk, request, task } = subject()
      task.state = state
      await assert.rejects(desk.page(request), {
        code: 'MR_STREAMS_STORE_NOT_READY',
        retryable: true,
      })
    })

  test('what waits for a task that is given up meanwhile is told so', async () => {
    const { desk, request, task } = subject()
    const waiting = assert.rejects(desk.page({ ...request, bounds: [bound(9n)] }), {
      code: 'MR_STREAMS_STORE_NOT_READY',
    })
    task.state = 'SUSPENDED'
    desk.serve()
    await waiting
  })

  test('a partition that is with others is theirs', async () => {
    const { desk, request } = subject()
    await assert.rejects(desk.page({ ...request, partition: 7 }), {
      code: 'MR_STREAMS_NOT_OWNER',
      retryable: true,
    })
  })

  test('a copy answers whoever allows as much lag as it has, and keeps no bound', async () => {
    const { desk, request, task, positions } = subject()
    task.state = 'STANDBY'
    await assert.rejects(desk.page({ ...request, maxLagRecords: 1_000 }), {
      code: 'MR_STREAMS_STORE_NOT_READY',
    })
    assert.deepEqual(desk.lags(), [])
    positions.set('counts', 97)
    assert.deepEqual(desk.lags(), [
      {
        store: 'counts',
        partition: 0,
        role: 'standby',
        currentOffset: 97,
        endOffset: 100,
        lagRecords: 3,
      },
    ])
    await assert.rejects(desk.page(request), { code: 'MR_STREAMS_STORE_NOT_READY' })
    await assert.rejects(desk.page({ ...request, maxLagRecords: 2 }), {
      code: 'MR_STREAMS_STORE_NOT_READY',
      message: /3 records behind/,
    })
    assert.equal((await desk.page({ ...request, maxLagRecords: 3 })).rows.length, 1)
    await assert.rejects(desk.page({ ...request, maxLagRecords: 3, bounds: [bound(1n)] }), {
      code: 'MR_STREAMS_STORE_NOT_READY',
    })
  })

  test('more than 1,000 queries do not wait', async () => {
    const { desk, request } = subject()
    const waiting = Array.from({ length: 1_000 }, () =>
      desk.page({ ...request, bounds: [bound(9n)] }),
    )
    await assert.rejects(desk.page({ ...request, bounds: [bound(9n)] }), {
      code: 'MR_STREAMS_QUERIES_FULL',
      retryable: true,
    })
    assert.equal((await desk.page(request)).rows.length, 1)
    desk.close()
    const told = await Promise.allSettled(waiting)
    assert.ok(told.every(({ status }) => status === 'rejected'))
    await assert.rejects(desk.page(request), { code: 'MR_STREAMS_STORE_NOT_READY' })
  })

  for (const wrong of [
    { limit: 0 },
    { limit: 10_001 },
    { limit: 1.5 },
    { timeoutMs: -1 },
    { partition: -1 },
    { maxLagRecords: -1 },
  ])
    test(`${JSON.stringify(wrong)} is out of bounds`, async () => {
      const { desk, request } = subject()
      await assert.rejects(desk.page({ ...request, ...wrong }), { code: 'MR_STREAMS_BAD_QUERY' })
    })
})
