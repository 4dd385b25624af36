import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  diffTopologies,
  joinWindows,
  keyValueStore,
  StreamsBuilder,
  stringSerde,
  timestampedKeyValueStore,
  tumblingWindows,
  type DiffOptions,
  type StoreBuilder,
  type Topology,
} from '@millrace/streams'

const text = { key: stringSerde, value: stringSerde }

interface WordCount {
  readonly store?: string
  readonly words?: string
  readonly partitions?: number
  readonly hasSourceBefore?: boolean
}

function wordCount({
  store = 'counts',
  words = 'words',
  partitions,
  hasSourceBefore,
}: WordCount): Topology {
  const builder = new StreamsBuilder()
  if (hasSourceBefore === true) builder.stream('aaa', { ...text, name: 'AAA' }).to('bbb')
  const repartition = partitions === undefined ? { name: words } : { name: words, partitions }
  builder
    .stream('lines', text)
    .selectKey((line) => line, { key: stringSerde })
    .repartition({ ...repartition, ...text })
    .groupByKey()
    .count({ store })
  return builder.build()
}

function windowed(retentionMs: number): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .groupByKey()
    .windowedBy(tumblingWindows({ sizeMs: 10, graceMs: 0 }))
    .count({ store: { name: 'windows', retentionMs } })
  return builder.build()
}

function held(store: StoreBuilder): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .process(() => ({ process: () => {} }), { name: 'hold', stores: [store] })
  return builder.build()
}

const cases: readonly {
  readonly name: string
  readonly before: Topology
  readonly after: Topology
  readonly options?: DiffOptions
  readonly found: readonly string[]
  readonly says?: RegExp
}[] = [
  {
    name: 'the same topology reuses everything',
    before: wordCount({}),
    after: wordCount({}),
    found: [
      'reused store counts',
      'reused changelog counts-changelog',
      'reused repartition words-repartition',
    ],
  },
  {
    name: 'a store under another name is left behind, and it is said how to keep it',
    before: wordCount({}),
    after: wordCount({ store: 'totals' }),
    found: [
      'orphaned store counts',
      'orphaned changelog counts-changelog',
      'added store totals',
      'added changelog totals-changelog',
      'reused repartition words-repartition',
    ],
    says: /^orphaned +store +counts: if "totals" is to go on with it, give that the old name$/m,
  },
  {
    name: 'a repartition topic under another name is left behind',
    before: wordCount({}),
    after: wordCount({ words: 'terms' }),
    found: [
      'orphaned repartition words-repartition',
      'added repartition terms-repartition',
      'reused store counts',
      'reused changelog counts-changelog',
    ],
  },
  {
    name: 'another partition count given to a repartition',
    before: wordCount({ partitions: 3 }),
    after: wordCount({ partitions: 4 }),
    found: [
      'incompatible repartition words-repartition',
      'reused store counts',
      'reused changelog counts-changelog',
    ],
    says: /it has 3 partitions and would need 4/,
  },
  {
    name: "another partition count, and with the sources' counts known its changelog's too",
    before: wordCount({}),
    after: wordCount({ partitions: 4 }),
    options: { partitions: { lines: 3 } },
    found: [
      'incompatible changelog counts-changelog',
      'incompatible repartition words-repartition',
      'reused store counts',
    ],
  },
  {
    name: 'a partition count that is the one it had anyway',
    before: wordCount({}),
    after: wordCount({ partitions: 3 }),
    options: { partitions: 3 },
    found: [
      'reused store counts',
      'reused changelog counts-changelog',
      'reused repartition words-repartition',
    ],
  },
  {
    name: 'a subtopology before it gives its tasks other ids',
    before: wordCount({}),
    after: wordCount({ hasSourceBefore: true }),
    found: [
      'reused store counts',
      'reused changelog counts-changelog',
      'reused repartition words-repartition',
    ],
    says: /counts: it moves from subtopology 1 to 2: its tasks have other ids, and restore it/,
  },
  {
    name: 'another retention of windows',
    before: windowed(1000),
    after: windowed(2000),
    found: ['incompatible changelog windows-changelog', 'reused store windows'],
    says: /retention changes from 1000 to 2000 ms.*alter that on the cluster/,
  },
  {
    name: 'another kind of store under the same name',
    before: held(keyValueStore({ name: 'held', ...text })),
    after: held(timestampedKeyValueStore({ name: 'held', ...text })),
    found: ['incompatible store held', 'incompatible changelog held-changelog'],
    says: /it was a store of kind keyValue and is to be one of kind timestampedKeyValue/,
  },
  {
    name: 'a store that has a changelog no more',
    before: held(keyValueStore({ name: 'held', ...text })),
    after: held(keyValueStore({ name: 'held', ...text, logging: false })),
    found: ['orphaned changelog held-changelog', 'reused store held'],
  },
]

for (const c of cases)
  test(`diff: ${c.name}`, () => {
    const diff = diffTopologies(c.before, c.after, c.options)
    assert.deepEqual(
      diff.differences.map(({ verdict, of, name }) => `${verdict} ${of} ${name}`),
      c.found,
    )
    assert.match(diff.text, c.says ?? /reused/)
    assert.equal(diff.isSafe, !c.found.some((each) => /^(orphaned|incompatible)/.test(each)))
  })

test('diff: global stores and the stores of joins are compared too', () => {
  const make = (): Topology => {
    const builder = new StreamsBuilder()
    builder.globalTable('names', text, 'names')
    const left = builder.stream('left', text)
    left.leftJoin(builder.stream('right', text), (one, two) => `${one} ${two}`, {
      windows: joinWindows({ withinMs: 10, graceMs: 0 }),
      name: 'pairs',
      store: 'pairs',
    })
    return builder.build()
  }
  const { differences, isSafe } = diffTopologies(make(), make())
  assert.ok(isSafe)
  assert.ok(differences.some(({ name }) => name === 'names'))
  assert.ok(differences.filter(({ of }) => of === 'store').length >= 4)
})
