import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { stringSerde } from '../serde.ts'
import { Topology } from '../topology/topology.ts'
import { planTopics } from './topic-plan.ts'

const text = { key: stringSerde, value: stringSerde }

function wordCount(): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream('lines', text)
    .groupBy((word) => word, { name: 'words', ...text })
    .count({ store: { name: 'counts', logging: { 'segment.ms': '1000' } } })
  return builder.build()
}

test('topics: a repartition topic has as many partitions as what it repartitions, and the tasks behind it too (traps 34, 48)', () => {
  const plan = planTopics(wordCount(), 'app', new Map([['lines', 6]]))
  assert.deepEqual(
    plan.subtopologies.map(({ id, sourceTopics, taskCount, changelogs }) => [
      id,
      sourceTopics,
      taskCount,
      [...changelogs],
    ]),
    [
      [0, ['lines'], 6, []],
      [1, ['app-words-repartition'], 6, [['counts', 'app-counts-changelog']]],
    ],
  )
})

test('topics: internal ones get the settings of Java, and those of the store (trap 35)', () => {
  const { internalTopics } = planTopics(wordCount(), 'app', new Map([['lines', 2]]))
  assert.deepEqual(internalTopics, [
    {
      name: 'app-words-repartition',
      partitions: 2,
      configs: {
        'cleanup.policy': 'delete',
        'segment.bytes': '52428800',
        'retention.ms': '-1',
        'message.timestamp.type': 'CreateTime',
      },
    },
    {
      name: 'app-counts-changelog',
      partitions: 2,
      configs: {
        'message.timestamp.type': 'CreateTime',
        'cleanup.policy': 'compact',
        'segment.ms': '1000',
      },
    },
  ])
})

test('topics: what is read and not there is named', () => {
  assert.throws(() => planTopics(wordCount(), 'app', new Map()), {
    code: 'MR_STREAMS_MISSING_TOPIC',
    message: /"lines"/,
  })
})

interface Joined {
  readonly name: string
  readonly topics: readonly {
    readonly topic: string
    readonly isInternal: boolean
    readonly partitions?: number
  }[]
  /** By topic, or the text of the error. */
  readonly expected: Readonly<Record<string, number>> | RegExp
}

const external = { left: 4, right: 6, source: 3 }
const cases: readonly Joined[] = [
  {
    name: 'a repartition topic follows the external one it is joined with',
    topics: [
      { topic: 'left', isInternal: false },
      { topic: 'r', isInternal: true },
    ],
    expected: { 'app-r': 4 },
  },
  {
    name: 'external ones that differ are refused',
    topics: [
      { topic: 'left', isInternal: false },
      { topic: 'right', isInternal: false },
    ],
    expected: /"left" \(4\), "right" \(6\)/,
  },
  {
    name: 'a count that was given and differs is refused',
    topics: [
      { topic: 'left', isInternal: false },
      { topic: 'r', isInternal: true, partitions: 5 },
    ],
    expected: /"left" \(4\), "app-r" \(5\)/,
  },
  {
    name: 'a count that was given is followed',
    topics: [
      { topic: 'r', isInternal: true },
      { topic: 's', isInternal: true, partitions: 5 },
    ],
    expected: { 'app-r': 5, 'app-s': 5 },
  },
  {
    name: 'without either, all have as many as the largest source',
    topics: [
      { topic: 'r', isInternal: true },
      { topic: 's', isInternal: true },
    ],
    expected: { 'app-r': 3, 'app-s': 3 },
  },
]

for (const { name, topics, expected } of cases)
  test(`topics of one join (trap 34): ${name}`, () => {
    const topology = new Topology()
    const serdes = { key: stringSerde, value: stringSerde } as never as {
      key: never
      value: never
    }
    const source = (topic: string, isInternal: boolean): void => {
      topology.addSource({
        name: `source-${topic}`,
        topics: [topic],
        ...serdes,
        timestampExtractor: undefined,
        offsetReset: undefined,
        isInternal,
        isGlobal: false,
      })
    }
    source('source', false)
    for (const { topic, isInternal, partitions } of topics) {
      if (isInternal) {
        topology.addInternalTopic({ name: topic, partitions })
        topology.addSink({
          name: `sink-${topic}`,
          parents: ['source-source'],
          topic,
          ...serdes,
          partitioner: undefined,
          isInternal: true,
        })
      }
      source(topic, isInternal)
    }
    topology.addCopartitioned(topics.map(({ topic }) => `source-${topic}`))
    const plan = () => planTopics(topology, 'app', new Map(Object.entries(external)))
    if (expected instanceof RegExp)
      assert.throws(plan, { code: 'MR_STREAMS_PARTITION_MISMATCH', message: expected })
    else
      assert.deepEqual(
        Object.fromEntries(
          plan().internalTopics.map((each) => [each.name, each.partitions] as const),
        ),
        expected,
      )
  })
