import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startBroker, type Broker, type FaultRule } from '@millrace/broker'
import { armFaults, eventually } from '@millrace/core/testing'
import {
  createAdmin,
  createProducer,
  createTransactionalProducer,
  type KafkaOptions,
} from '@millrace/kafka'
import {
  countsOf,
  createTopics,
  readCommitted,
  stateDirectory,
  text,
  uniqueName,
  wordCount,
} from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { longSerde } from '../serde.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

const words = Array.from({ length: 12 }, (_, index) => `word${index}`)
const limit = { timeoutMs: 180_000, everyMs: 50 }

/** Answers that end a session of a stream thread, or make it wait; none of them ends the application, or counts twice. */
const faults: readonly (Pick<FaultRule, 'action' | 'count' | 'match'> & { name: string })[] = [
  ...(
    ['UNKNOWN_PRODUCER_ID', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'INVALID_PRODUCER_EPOCH'] as const
  ).map((error) => ({
    name: `records answered with ${error}`,
    match: { api: 'Produce' },
    action: { type: 'error' as const, error },
    count: 2,
  })),
  {
    name: 'records answered with PRODUCER_FENCED',
    match: { api: 'Produce' },
    action: { type: 'error', error: 'PRODUCER_FENCED' },
    count: 1,
  },
  {
    name: 'offsets refused, as of a generation that is over',
    match: { api: 'TxnOffsetCommit' },
    action: { type: 'error', error: 'ILLEGAL_GENERATION' },
    count: 2,
  },
  {
    name: 'offsets refused, as of a member that is not known',
    match: { api: 'TxnOffsetCommit' },
    action: { type: 'error', error: 'UNKNOWN_MEMBER_ID' },
    count: 1,
  },
  ...(['before', 'after'] as const).map((when) => ({
    name: `commits answered with UNKNOWN_SERVER_ERROR, ${when} they were done`,
    match: { api: 'EndTxn' },
    action: { type: 'error' as const, error: 'UNKNOWN_SERVER_ERROR' as const, when },
    count: 2,
  })),
  ...(['before', 'after'] as const).map((when) => ({
    name: `commits whose connection is cut, ${when} they were done`,
    match: { api: 'EndTxn' },
    action: { type: 'disconnect' as const, when },
    count: 3,
  })),
  {
    name: 'a coordinator that is loading',
    match: { api: ['EndTxn', 'TxnOffsetCommit'] },
    action: { type: 'error', error: 'COORDINATOR_LOAD_IN_PROGRESS' },
    count: 4,
  },
]

describe('brokers that do not do as they should, under a word count with exactly-once', () => {
  let broker: Broker
  let directory: Awaited<ReturnType<typeof stateDirectory>>
  let options: KafkaOptions
  let app: StreamsApp
  let settings: StreamsAppOptions
  const [input, output] = [uniqueName('lines'), uniqueName('counts')]
  const uncaught: Error[] = []
  let written = 0

  before(async () => {
    directory = await stateDirectory()
    broker = await startBroker({ dir: join(directory.path, 'broker'), port: 0, nodes: 3 })
    const brokers = broker.nodes.map(({ host, port }) => `${host}:${port}`)
    options = { brokers, clientId: 'streams-test' }
    await createTopics(options, 3, input, output)
    settings = {
      applicationId: uniqueName('app'),
      brokers,
      topology: wordCount(input, output, 'persistent'),
      guarantee: 'exactly_once_v2',
      commitIntervalMs: 20,
      cacheMaxBytes: 0,
      threads: 2,
      sessionTimeoutMs: 6_000,
      heartbeatIntervalMs: 300,
      stateDir: directory.path,
      onUncaughtError(error) {
        uncaught.push(error)
        return 'REPLACE_THREAD'
      },
    }
    app = new StreamsApp(settings)
    await app.start()
    await eventually('running', () => app.state === 'RUNNING', limit)
  })
  after(async () => {
    await app.close()
    await broker.close()
    await directory[Symbol.asyncDispose]()
  })

  const write = async (): Promise<void> => {
    await using producer = await createProducer(options)
    await producer.sendColumns({ topic: input, values: [words.join(' ')], keys: [`k${written}`] })
    written++
  }
  /** Each word as often as it was written, each count once and in order. */
  const counted = (): Promise<boolean> =>
    eventually(
      'counted',
      async () => {
        const counts = countsOf(await readCommitted(options, output))
        const expected = Array.from({ length: written }, (_, index) => index + 1)
        for (const word of words) assert.deepEqual(counts.get(word), expected, word)
        return true
      },
      limit,
    )

  const transactionalIds = (): readonly string[] => {
    const file = join(directory.path, settings.applicationId, 'process-id')
    const processId = readFileSync(file, 'utf8').trim()
    return [0, 1].map((index) => `${settings.applicationId}-${processId}-${index}`)
  }

  for (const { name, match, action, count } of faults)
    test(`${name}: every word is counted once`, async () => {
      const fault = await broker.faults.add({
        match: { ...match, clientId: settings.applicationId },
        action,
        count: count ?? 1,
      })
      await eventually(
        'it happened',
        async () => {
          await write()
          return (await fault.status()).hits >= (count ?? 1)
        },
        limit,
      )
      await counted()
      assert.deepEqual(uncaught, [])
    })

  test('coordinators and leaders that move: every word is counted once', async () => {
    for (let node = 1; node <= 3; node++) {
      await write()
      await broker.moveCoordinator({ group: settings.applicationId }, node)
      for (const transactionalId of transactionalIds())
        await broker.moveCoordinator({ transactionalId }, node)
      await write()
      for (let partition = 0; partition < 3; partition++) {
        await broker.moveLeader(input, partition, node)
        await broker.moveLeader(`${settings.applicationId}-counts-changelog`, partition, node)
      }
      await counted()
    }
    assert.deepEqual(uncaught, [])
  })

  test('a rival that takes the transactional ids of all threads: they take them back, and every word is counted once', async () => {
    for (const transactionalId of transactionalIds()) {
      await write()
      await using rival = await createTransactionalProducer({ ...options, transactionalId })
      await rival.init()
    }
    await write()
    await counted()
    assert.deepEqual(uncaught, [])
  })

  test('work that takes longer than the transaction may: it is done again, and counts once', async () => {
    const [slowInput, slowOutput] = [uniqueName('slow'), uniqueName('slow-counts')]
    await createTopics(options, 1, slowInput, slowOutput)
    await using admin = await createAdmin(options)
    /** Whether records wait there for the end of their transaction. */
    const isOpen = async (): Promise<boolean> => {
      const ends = await Promise.all(
        (['read_committed', 'read_uncommitted'] as const).map((isolation) =>
          admin.listOffsets([{ topic: slowOutput, partition: 0 }], 'latest', isolation),
        ),
      )
      return ends[0]?.[0]?.offset !== ends[1]?.[0]?.offset
    }
    let taken = 0
    const builder = new StreamsBuilder()
    builder
      .stream(slowInput, text)
      .mapValues(
        (value) => {
          taken++
          return value
        },
        { value: text.value },
      )
      .groupByKey(text)
      .count({ store: 'counts' })
      .toStream()
      .to(slowOutput, { value: longSerde })
    await using slow = new StreamsApp({
      ...settings,
      applicationId: uniqueName('slow-app'),
      topology: builder.build(),
      threads: 1,
      transactionTimeoutMs: 4_000,
    })
    let lost = 0
    // A commit that begins when the broker has ended its transaction.
    const disarm = armFaults(async (point) => {
      if (point !== 'streams.commit.beforeOffsets' || lost >= 2 || !(await isOpen())) return
      lost++
      await eventually('the broker has ended it', async () => !(await isOpen()), limit)
    })
    try {
      await slow.start()
      await using producer = await createProducer(options)
      for (let index = 0; index < 60; index++)
        await producer.send([{ topic: slowInput, key: 'k', value: 'x' }])
      await eventually(
        'counted',
        async () => {
          const counts = countsOf(await readCommitted(options, slowOutput)).get('k')
          assert.deepEqual(
            counts,
            Array.from({ length: 60 }, (_, index) => index + 1),
          )
          return true
        },
        limit,
      )
    } finally {
      disarm()
    }
    assert.equal(lost, 2)
    assert.ok(taken >= 62, `${taken} records were taken, those of two lost transactions again`)
    assert.deepEqual(uncaught, [])
  })
})
