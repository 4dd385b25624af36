import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  alterConfigsApi,
  batchCodec,
  compressionCodecs,
  createTopicsApi,
  describeConfigsApi,
  errorCodes,
  fetchApi,
  incrementalAlterConfigsApi,
  listOffsetsApi,
  produceApi,
} from '@millrace/protocol'
import { recordBatch, recordsOf, type BatchShape } from '../test/batches.ts'
import type { WireClient } from '../test/wire-client.ts'
import { openWireTarget, type WireTarget } from '../test/wire-target.ts'

/**
 * Settings on the wire: changing, describing, and what they do to a produce request. Runs on the broker of this package, and with
 * `npm run test:kafka` on Apache Kafka.
 */
let target: WireTarget
let client: WireClient

before(async () => {
  target = await openWireTarget()
  client = await target.connect()
})
after(async () => {
  await client[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

const TOPIC = 2
const BROKER = 4
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3] as const

async function newTopic(configs: Record<string, string> = {}): Promise<string> {
  const name = `configs-${uuidv7()}`
  const rows = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const { topics } = await client.call(createTopicsApi, 7, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: rows }],
    timeoutMs: 10_000,
  })
  assert.equal(topics[0]!.errorCode, 0, topics[0]!.errorMessage ?? '')
  // Apache Kafka makes a topic known to its partitions' leader a moment after the answer.
  await eventually('the topic has a leader', async () => {
    const { topics: listed } = await client.call(listOffsetsApi, 5, {
      replicaId: -1,
      topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
    })
    return listed[0]!.partitions[0]!.errorCode === 0
  })
  return name
}

interface Described {
  readonly value: string | null
  readonly source: number
  readonly synonyms: readonly string[]
}

async function describe(
  name: string,
  type: number = TOPIC,
  keys: string[] | null = null,
): Promise<Map<string, Described>> {
  const { results } = await client.call(describeConfigsApi, 4, {
    resources: [{ resourceType: type, resourceName: name, configurationKeys: keys }],
    includeSynonyms: true,
  })
  return new Map(
    results[0]!.configs.map(({ name: key, value, configSource, synonyms }) => [
      key,
      {
        value,
        source: configSource,
        synonyms: synonyms.map((row) => `${row.name}=${row.value}`),
      },
    ]),
  )
}

type Change = readonly [name: string, operation: number, value: string | null]

async function alter(
  name: string,
  changes: readonly Change[],
  options: { type?: number; validateOnly?: boolean; version?: number } = {},
) {
  const { responses } = await client.call(incrementalAlterConfigsApi, options.version ?? 1, {
    resources: [
      {
        resourceType: options.type ?? TOPIC,
        resourceName: name,
        configs: changes.map(([key, configOperation, value]) => ({
          name: key,
          configOperation,
          value,
        })),
      },
    ],
    validateOnly: options.validateOnly ?? false,
  })
  assert.equal(responses.length, 1)
  assert.equal(responses[0]!.resourceName, name)
  return responses[0]!
}

/** A change is in force at once here, on Apache Kafka a moment later. */
async function becomes(
  what: string,
  name: string,
  key: string,
  value: string,
  type: number = TOPIC,
): Promise<void> {
  await eventually(what, async () => (await describe(name, type)).get(key)?.value === value)
}

async function produce(topic: string, shape: BatchShape, acks = -1) {
  const timestampsMs = shape.timestampsMs ?? shape.values.map(() => systemClock.now())
  const records = recordBatch({ ...shape, timestampsMs })
  const { responses } = await client.call(produceApi, 11, {
    acks,
    timeoutMs: 5_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  })
  return responses[0]!.partitionResponses[0]!
}

async function fetchAll(topic: string): Promise<Buffer> {
  const { responses } = await client.call(fetchApi, 11, {
    maxWaitMs: 100,
    minBytes: 0,
    topics: [
      {
        topic,
        partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }],
      },
    ],
  })
  const { records } = responses[0]!.partitions[0]!
  assert.ok(records instanceof Buffer)
  return records
}

for (const version of [0, 1]) {
  test(`configs: SET and DELETE change one setting and leave the others, v${version}`, async () => {
    const topic = await newTopic({ 'retention.bytes': '5000' })
    const set = await alter(topic, [['retention.ms', SET, '1234']], { version })
    assert.deepEqual([set.errorCode, set.errorMessage], [0, null])
    await becomes('the value is in force', topic, 'retention.ms', '1234')
    let described = await describe(topic)
    assert.equal(described.get('retention.ms')?.source, 1)
    assert.equal(described.get('retention.bytes')?.value, '5000')
    const back = await alter(topic, [['retention.ms', DELETE, null]], { version })
    assert.equal(back.errorCode, 0)
    await becomes('the default is back', topic, 'retention.ms', '604800000')
    described = await describe(topic)
    assert.equal(described.get('retention.ms')?.source, 5)
    assert.equal(described.get('retention.bytes')?.value, '5000')
  })
}

test('configs: APPEND and SUBTRACT work on lists, begin with the default, and neither repeat nor miss', async () => {
  const topic = await newTopic()
  assert.equal((await alter(topic, [['cleanup.policy', APPEND, 'compact']])).errorCode, 0)
  await becomes('both', topic, 'cleanup.policy', 'delete,compact')
  assert.equal((await alter(topic, [['cleanup.policy', APPEND, 'compact']])).errorCode, 0)
  assert.equal((await alter(topic, [['cleanup.policy', SUBTRACT, 'delete']])).errorCode, 0)
  await becomes('one', topic, 'cleanup.policy', 'compact')
})

for (const c of [
  {
    name: 'an unknown setting',
    change: ['no.such.setting', SET, '1'],
    code: errorCodes.INVALID_CONFIG,
    text: /no\.such\.setting/,
  },
  {
    name: 'a value of the wrong type',
    change: ['retention.ms', SET, 'soon'],
    code: errorCodes.INVALID_CONFIG,
    text: /retention\.ms/,
  },
  {
    name: 'a value out of range',
    change: ['min.cleanable.dirty.ratio', SET, '1.5'],
    code: errorCodes.INVALID_CONFIG,
    text: /min\.cleanable\.dirty\.ratio/,
  },
  {
    name: 'a value that is not on the list',
    change: ['cleanup.policy', APPEND, 'forget'],
    code: errorCodes.INVALID_CONFIG,
    text: /cleanup\.policy/,
  },
  {
    name: 'APPEND to a setting that is no list',
    change: ['retention.ms', APPEND, '5'],
    code: errorCodes.INVALID_CONFIG,
    text: /Can't APPEND to key retention\.ms/,
  },
  {
    name: 'SET without a value',
    change: ['retention.ms', SET, null],
    code: errorCodes.INVALID_REQUEST,
    text: /Null value not supported/,
  },
] as const) {
  test(`configs: refused with a sentence and without effect: ${c.name}`, async () => {
    const topic = await newTopic()
    const before = await describe(topic)
    const refused = await alter(topic, [['retention.bytes', SET, '77'], c.change])
    assert.equal(refused.errorCode, c.code)
    assert.match(refused.errorMessage ?? '', c.text)
    assert.deepEqual(await describe(topic), before)
  })
}

test('configs: the same setting twice, and the same resource twice, are refused', async () => {
  const topic = await newTopic()
  const twice = await alter(topic, [
    ['retention.ms', SET, '1'],
    ['retention.ms', SET, '2'],
  ])
  assert.equal(twice.errorCode, errorCodes.INVALID_REQUEST)
  const resource = {
    resourceType: TOPIC,
    resourceName: topic,
    configs: [{ name: 'retention.ms', configOperation: SET, value: '9' }],
  }
  const { responses } = await client.call(incrementalAlterConfigsApi, 1, {
    resources: [resource, resource],
    validateOnly: false,
  })
  for (const { errorCode } of responses) assert.equal(errorCode, errorCodes.INVALID_REQUEST)
  assert.equal((await describe(topic)).get('retention.ms')?.source, 5)
})

test('configs: validateOnly checks and changes nothing', async () => {
  const topic = await newTopic()
  const right = await alter(topic, [['retention.ms', SET, '1234']], { validateOnly: true })
  assert.equal(right.errorCode, 0)
  const wrong = await alter(topic, [['retention.ms', SET, 'soon']], { validateOnly: true })
  assert.equal(wrong.errorCode, errorCodes.INVALID_CONFIG)
  assert.equal((await describe(topic)).get('retention.ms')?.value, '604800000')
})

test('configs: a topic, a broker and a resource type that are not there', async () => {
  const change: Change = ['retention.ms', SET, '1']
  const noTopic = await alter(`configs-none-${uuidv7()}`, [change])
  assert.equal(noTopic.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  const noBroker = await alter('77', [['log.retention.ms', SET, '1']], { type: BROKER })
  assert.equal(noBroker.errorCode, errorCodes.INVALID_REQUEST)
  const noType = await alter('x', [change], { type: 99 })
  assert.equal(noType.errorCode, errorCodes.INVALID_REQUEST)
})

for (const version of [0, 1, 2]) {
  test(`configs: AlterConfigs replaces everything that was set, v${version}`, async () => {
    const topic = await newTopic({ 'retention.bytes': '5000', 'segment.ms': '60000' })
    const call = async (name: string, value: string, validateOnly: boolean) => {
      const { responses } = await client.call(alterConfigsApi, version, {
        resources: [{ resourceType: TOPIC, resourceName: topic, configs: [{ name, value }] }],
        validateOnly,
      })
      return responses[0]!
    }
    assert.equal((await call('retention.ms', '1', true)).errorCode, 0)
    assert.equal((await describe(topic)).get('retention.bytes')?.value, '5000')
    assert.equal((await call('nonsense', '1', false)).errorCode, errorCodes.INVALID_CONFIG)
    assert.equal((await call('retention.ms', '4321', false)).errorCode, 0)
    await becomes('the value is in force', topic, 'retention.ms', '4321')
    const described = await describe(topic)
    assert.equal(described.get('retention.bytes')?.value, '-1')
    assert.equal(described.get('segment.ms')?.source, 5)
  })
}

test('configs: a change of the broker is the default of topics at once, for the node before the cluster', async () => {
  const topic = await newTopic()
  const own = await newTopic({ 'retention.ms': '111' })
  const node = { type: BROKER }
  try {
    assert.equal((await alter('', [['log.retention.ms', SET, '222']], node)).errorCode, 0)
    await becomes('the default is in force', topic, 'retention.ms', '222')
    assert.equal((await describe(topic)).get('retention.ms')?.source, 3)
    assert.equal((await alter('1', [['log.retention.ms', SET, '333']], node)).errorCode, 0)
    await becomes('the node comes first', topic, 'retention.ms', '333')
    const { source, synonyms } = (await describe(topic)).get('retention.ms')!
    assert.equal(source, 2)
    assert.deepEqual(synonyms.slice(0, 2), ['log.retention.ms=333', 'log.retention.ms=222'])
    assert.equal((await describe(own)).get('retention.ms')?.value, '111')
    assert.equal((await describe('1', BROKER)).get('log.retention.ms')?.source, 2)
    // Only what was changed; Apache Kafka sets one of its own.
    const changed = [...(await describe('', BROKER)).keys()]
    assert.deepEqual(
      changed.filter((name) => name !== 'min.insync.replicas'),
      ['log.retention.ms'],
    )
  } finally {
    await alter('1', [['log.retention.ms', DELETE, null]], node)
    await alter('', [['log.retention.ms', DELETE, null]], node)
  }
  await becomes('the default is back', topic, 'retention.ms', '604800000')
})

test('configs: what is fixed at the start, and a wrong value, are refused for the broker', async () => {
  const node = { type: BROKER }
  const fixed = await alter('1', [['node.id', SET, '7']], node)
  assert.equal(fixed.errorCode, errorCodes.INVALID_REQUEST)
  assert.match(fixed.errorMessage ?? '', /Cannot update these configs dynamically/)
  const wrong = await alter('1', [['log.retention.ms', SET, 'soon']], node)
  assert.equal(wrong.errorCode, errorCodes.INVALID_REQUEST)
  assert.match(wrong.errorMessage ?? '', /log\.retention\.ms/)
})

test('configs: max.message.bytes decides from the change on', async () => {
  const topic = await newTopic()
  const shape = { values: ['x'.repeat(2_000)] }
  assert.equal((await produce(topic, shape)).errorCode, 0)
  await alter(topic, [['max.message.bytes', SET, '1000']])
  await eventually(
    'the large batch is refused',
    async () => (await produce(topic, shape)).errorCode === errorCodes.MESSAGE_TOO_LARGE,
  )
  await alter(topic, [['max.message.bytes', DELETE, null]])
  await eventually('it is taken again', async () => (await produce(topic, shape)).errorCode === 0)
})

test('configs: cleanup.policy=compact refuses records without key from the change on', async () => {
  const topic = await newTopic()
  assert.equal((await produce(topic, { values: ['a'] })).errorCode, 0)
  await alter(topic, [['cleanup.policy', SET, 'compact']])
  await eventually(
    'a record without key is refused',
    async () => (await produce(topic, { values: ['b'] })).errorCode === errorCodes.INVALID_RECORD,
  )
  assert.equal((await produce(topic, { values: ['b'], keys: ['k'] })).errorCode, 0)
})

test('configs: min.insync.replicas above the replication factor is capped to it, as in Kafka', async () => {
  const topic = await newTopic({ 'min.insync.replicas': '2' })
  assert.equal((await describe(topic)).get('min.insync.replicas')?.value, '2')
  const codes: number[] = []
  for (const acks of [1, -1]) codes.push((await produce(topic, { values: ['a'] }, acks)).errorCode)
  assert.deepEqual(codes, [0, 0])
})

for (const [type, codec] of [
  ['uncompressed', compressionCodecs.none],
  ['gzip', compressionCodecs.gzip],
  ['snappy', compressionCodecs.snappy],
  ['lz4', compressionCodecs.lz4],
  ['zstd', compressionCodecs.zstd],
] as const) {
  test(`configs: compression.type=${type} is what a batch is stored in, whatever it came in`, async () => {
    const topic = await newTopic({ 'compression.type': type })
    const values = ['one', 'two', 'three'.repeat(100)]
    for (const sent of [0, 1, 2, 3, 4])
      assert.equal((await produce(topic, { values, codec: sent })).errorCode, 0)
    const batches = await fetchAll(topic)
    assert.deepEqual(
      recordsOf(batches).map(([offset, value]) => [offset % 3, value]),
      [0, 1, 2, 3, 4].flatMap(() => values.map((value, index) => [index, value])),
    )
    for (let at = 0; at < batches.length; at += 12 + batches.readInt32BE(at + 8))
      assert.equal(batchCodec(batches, at), codec)
  })
}

test('configs: they survive a restart', async (t) => {
  const { ours } = target
  if (ours === undefined) return t.skip('how Apache Kafka keeps its settings is its own affair')
  const topic = await newTopic({ 'retention.bytes': '5000' })
  await alter(topic, [['cleanup.policy', APPEND, 'compact']])
  await alter('1', [['log.segment.bytes', SET, '1048576']], { type: BROKER })
  await client[Symbol.asyncDispose]()
  await ours.restart()
  client = await target.connect()
  const described = await describe(topic)
  assert.equal(described.get('cleanup.policy')?.value, 'delete,compact')
  assert.equal(described.get('retention.bytes')?.value, '5000')
  assert.deepEqual(
    [described.get('segment.bytes')?.value, described.get('segment.bytes')?.source],
    ['1048576', 2],
  )
  await alter('1', [['log.segment.bytes', DELETE, null]], { type: BROKER })
})
