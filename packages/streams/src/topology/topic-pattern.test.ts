import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longSerde, StreamsBuilder, StreamsError, stringSerde } from '@millrace/streams'
import { PartitionedTestDriver, TopologyTestDriver } from '@millrace/streams/testing'
import { planTopics } from '../runtime/topic-plan.ts'
import { CurrentPlan } from '../runtime/current-plan.ts'
import { TopicPattern } from './topic-pattern.ts'

const text = { key: stringSerde, value: stringSerde }
const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
  } catch (error) {
    return error instanceof StreamsError ? error.code : String(error)
  }
  return undefined
}

function counting(pattern: RegExp) {
  const builder = new StreamsBuilder()
  builder
    .stream(pattern, text)
    .groupBy((value) => value, { name: 'by-value', ...text })
    .count({ store: 'counts' })
    .toStream()
    .to('out', { value: longSerde })
  return builder.build()
}

for (const [pattern, topic, isMatch] of [
  [/in-\d/, 'in-1', true],
  [/in-\d/, 'in-12', false],
  [/in|out/, 'out', true],
  [/in|out/, 'inside', false],
  [/^in$/, 'in', true],
  [/IN/i, 'in', true],
] as const)
  test(`pattern ${pattern}: the whole of "${topic}" ${isMatch ? 'matches' : 'does not match'}`, () =>
    assert.equal(new TopicPattern(pattern).matches(topic), isMatch))

for (const flags of ['g', 'y', 'u', 'is'])
  test(`pattern: the flags "${flags}" are refused`, () => {
    const build = () => new StreamsBuilder().stream(new RegExp('in', flags), text)
    assert.equal(
      codeOf(() => build().parts.graph.build()),
      'MR_STREAMS_BAD_TOPOLOGY',
    )
  })

test('pattern: what the application stores and sends to itself is no input, though it matches', () => {
  const driver = new TopologyTestDriver(counting(/(?!out$).*/), { maxWritten: 10 })
  driver.pipe('any', { key: null, value: Buffer.from('v'), timestamp: 1 })
  assert.deepEqual(
    driver.take().map(({ topic }) => topic),
    ['test-by-value-repartition', 'test-counts-changelog', 'out'],
  )
})

test('pattern: with tasks for each partition of the largest topic that matches; what it does not match is refused', () => {
  const driver = new PartitionedTestDriver(counting(/in-.*/), {
    partitions: { default: 1, 'in-a': 2, 'in-b': 3, other: 5 },
  })
  assert.deepEqual(driver.taskIds, ['0_0', '0_1', '0_2', '1_0', '1_1', '1_2'])
  for (const topic of ['in-a', 'in-b']) driver.input(topic, text).pipe('k', 'v', { timestamp: 1 })
  assert.deepEqual(
    driver.take('out').map(({ value }) => value && longSerde.deserialize(value)),
    [1, 2],
  )
  assert.equal(
    codeOf(() => driver.pipe('other', { key: null, value: null })),
    'MR_STREAMS_UNKNOWN_TOPIC',
  )
})

const planOf = (topology: ReturnType<typeof counting>, counts: Readonly<Record<string, number>>) =>
  planTopics(topology, 'app', new Map(Object.entries(counts)))
const shapeOf = (plan: ReturnType<typeof planOf>) => ({
  tasks: plan.subtopologies.map(({ sourceTopics, taskCount }) => [sourceTopics, taskCount]),
  made: plan.internalTopics.map(({ name, partitions }) => [name, partitions]),
})
const nothing = {
  tasks: [
    [[], 0],
    [['app-by-value-repartition'], 0],
  ],
  made: [],
}
const ofTwo = {
  tasks: [
    [['in-a', 'in-b'], 2],
    [['app-by-value-repartition'], 2],
  ],
  made: [
    ['app-by-value-repartition', 2],
    ['app-counts-changelog', 2],
  ],
}

test('pattern: tasks and internal topics follow from the topics that match; without any there are none', () => {
  assert.deepEqual(shapeOf(planOf(counting(/in-.*/), { other: 7 })), nothing)
  assert.deepEqual(shapeOf(planOf(counting(/in-.*/), { 'in-a': 1, 'in-b': 2, other: 7 })), ofTwo)
})

test('pattern: a plan follows the topics that come and go, and tells once what has to be made', () => {
  const topology = counting(/in-.*/)
  const plan = new CurrentPlan(topology, 'app', planOf(topology, {}))
  const follow = (counts: Readonly<Record<string, number>>) =>
    plan.follow(new Map(Object.entries(counts)))
  const unmade = () => {
    const topics = plan.unmade
    plan.noteMade(topics)
    return topics.map(({ name }) => name)
  }
  follow({ other: 9, 'app-counts-changelog': 4 })
  assert.deepEqual([shapeOf(plan), unmade()], [nothing, []])
  follow({ 'in-a': 1, 'in-b': 2, other: 9 })
  assert.deepEqual(shapeOf(plan), ofTwo)
  assert.deepEqual(unmade(), ['app-by-value-repartition', 'app-counts-changelog'])
  assert.equal(plan.partitionCounts.get('in-b'), 2)
  follow({ 'in-b': 2 })
  assert.deepEqual(plan.subtopologies[0]?.sourceTopics, ['in-b'])
  assert.deepEqual([unmade(), plan.partitionCounts.get('in-a')], [[], undefined])
})

test('pattern: what has not been made when the plan goes on is still to be made', () => {
  const topology = counting(/in-.*/)
  const plan = new CurrentPlan(topology, 'app', planOf(topology, {}))
  plan.follow(new Map([['in-a', 2]]))
  plan.follow(
    new Map([
      ['in-a', 2],
      ['in-b', 1],
    ]),
  )
  assert.equal(plan.unmade.length, 2)
})

test('pattern: a topic that two patterns match is read by neither; joined topics must be partitioned alike', () => {
  const builder = new StreamsBuilder()
  builder.stream(/a.*/, text).to('out')
  builder.stream(/.*b/, text).to('out')
  const both = builder.build()
  assert.deepEqual(planOf(both, { a1: 1, b: 2 }).subtopologies.length, 2)
  assert.equal(
    codeOf(() => planOf(both, { ab: 1 })),
    'MR_STREAMS_BAD_TOPOLOGY',
  )

  const joining = new StreamsBuilder()
  const table = joining.table('table', text, 'table')
  joining
    .stream(/in-.*/, text)
    .joinTable(table, (value) => value)
    .to('out', text)
  const joined = joining.build()
  assert.equal(planOf(joined, { table: 2, 'in-a': 2 }).subtopologies[0]?.taskCount, 2)
  assert.equal(
    codeOf(() => planOf(joined, { table: 2, 'in-a': 3 })),
    'MR_STREAMS_PARTITION_MISMATCH',
  )
})
