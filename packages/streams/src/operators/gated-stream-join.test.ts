import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seededRandom } from '@millrace/core'
import { joinWindows, StreamsBuilder, stringSerde, type Topology } from '@millrace/streams'
import { PartitionedTestDriver, TopologyTestDriver } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }
const windows = joinWindows({ beforeMs: 10, afterMs: 20, graceMs: 5 })
type Kind = 'join' | 'leftJoin' | 'outerJoin'

/** All side outputs, each to a topic of its name. */
function topologyOf(kind: Kind): Topology {
  const builder = new StreamsBuilder()
  const left = builder.stream('left', text)
  const right = builder.stream('right', text)
  left[kind](right, (one: string | null, other: string | null) => `${one}+${other}`, {
    windows,
    name: 'pair',
    store: 'pair',
    value: stringSerde,
    unmatched: {
      left: (records) => records.to('unmatched-left'),
      right: (records) => records.to('unmatched-right'),
    },
    late: {
      left: (records) => records.to('late-left'),
      right: (records) => records.to('late-right'),
    },
  }).to('joined')
  return builder.build()
}

interface Input {
  readonly side: 'left' | 'right'
  readonly key: string
  readonly value: string
  readonly timestamp: number
}

const topics = ['joined', 'unmatched-left', 'unmatched-right', 'late-left', 'late-right'] as const
type Outputs = Record<(typeof topics)[number], string[]>

function outputsOf(driver: TopologyTestDriver | PartitionedTestDriver): Outputs {
  const lines = topics.map((topic) => [
    topic,
    driver
      .output(topic, text)
      .read()
      .map(({ key, value, timestamp }) => `${key} ${value} ${timestamp}`),
  ])
  return Object.fromEntries(lines) as Outputs
}

function run(kind: Kind, inputs: readonly Input[]): Outputs {
  const driver = new TopologyTestDriver(topologyOf(kind))
  for (const { side, key, value, timestamp } of inputs)
    driver.input(side, text).pipe(key, value, { timestamp })
  return outputsOf(driver)
}

const of = (side: Input['side'], value: string, timestamp: number, key = 'k'): Input => ({
  side,
  key,
  value,
  timestamp,
})
const none: Outputs = {
  joined: [],
  'unmatched-left': [],
  'unmatched-right': [],
  'late-left': [],
  'late-right': [],
}

for (const { name, kind = 'join', inputs, outputs } of [
  {
    name: 'an inner join gives up a left record once its window and the grace are over, not before',
    inputs: [of('left', 'a', 100), of('left', 'x', 125, 'other')],
    outputs: {},
  },
  {
    name: 'an inner join gives up a left record one ms later',
    inputs: [of('left', 'a', 100), of('left', 'x', 126, 'other')],
    outputs: { 'unmatched-left': ['k a 100'] },
  },
  {
    name: 'a right record looks back less far, and is given up earlier',
    inputs: [of('right', 'b', 100), of('left', 'x', 116, 'other')],
    outputs: { 'unmatched-right': ['k b 100'] },
  },
  {
    name: 'what was joined is not given up',
    inputs: [of('left', 'a', 100), of('right', 'b', 115), of('left', 'x', 500, 'other')],
    outputs: { joined: ['k a+b 115'] },
  },
  {
    name: 'a partner that was given up is joined with none, though the record itself is in time',
    inputs: [of('right', 'b', 100), of('left', 'x', 125, 'other'), of('left', 'a', 100)],
    outputs: { joined: [], 'unmatched-right': ['k b 100'] },
  },
  {
    name: 'within the grace of both a record is joined though its window is over',
    inputs: [of('right', 'b', 112), of('left', 'x', 125, 'other'), of('left', 'a', 100)],
    outputs: { joined: ['k a+b 112'] },
  },
  {
    name: 'a late record is joined with none, though partners are kept',
    inputs: [of('right', 'b', 90), of('left', 'x', 111, 'other'), of('right', 'c', 95)],
    outputs: { 'unmatched-right': ['k b 90'], 'late-right': ['k c 95'] },
  },
  {
    name: 'a left join gives up with null and to the side output',
    kind: 'leftJoin',
    inputs: [of('left', 'a', 100), of('right', 'b', 200), of('left', 'x', 300, 'other')],
    outputs: {
      joined: ['k a+null 100'],
      'unmatched-left': ['k a 100'],
      'unmatched-right': ['k b 200'],
    },
  },
  {
    name: 'an outer join gives no result at once for a record whose window is over: it may be joined yet',
    kind: 'outerJoin',
    inputs: [of('left', 'x', 122, 'other'), of('left', 'a', 100), of('right', 'b', 113)],
    outputs: { joined: ['k a+b 113'] },
  },
] as const satisfies readonly {
  name: string
  kind?: Kind
  inputs: readonly Input[]
  outputs: Partial<Record<keyof Outputs, readonly string[]>>
}[])
  test(name, () => assert.deepEqual(run(kind, inputs), { ...none, ...outputs }))

test('equal records are given up one by one', () => {
  const inputs = [of('left', 'a', 100), of('left', 'a', 100), of('right', 'x', 500, 'other')]
  assert.deepEqual(run('join', inputs)['unmatched-left'], ['k a 100', 'k a 100'])
})

test('side outputs add their nodes and, to an inner join, a store', () => {
  const lines = topologyOf('join').describe()
  for (const node of ['pair-unmatched-left', 'pair-unmatched-right', 'pair-late-left'])
    assert.match(lines, new RegExp(`Processor: ${node} `))
  assert.match(lines, /pair-this-join \(stores: \[pair-unmatched-store, pair-other-join-store\]\)/)
})

/** By the definition, with all records in sight: independent of the operator. */
function expectedOf(kind: Kind, inputs: readonly Input[]): Outputs {
  const aheadMs = { left: windows.afterMs, right: windows.beforeMs }
  const outputs: Outputs = structuredClone(none)
  const taken: (Input & { isJoined: boolean })[] = []
  let streamTime = -1
  const isOpen = ({ side, timestamp }: Input): boolean =>
    timestamp + aheadMs[side] + windows.graceMs >= streamTime
  for (const input of inputs) {
    streamTime = Math.max(streamTime, input.timestamp)
    const { side, key, value, timestamp } = input
    if (!isOpen(input)) {
      outputs[`late-${side}`].push(`${key} ${value} ${timestamp}`)
      continue
    }
    const own = { ...input, isJoined: false }
    for (const other of taken) {
      const [left, right] = side === 'left' ? [own, other] : [other, own]
      if (other.side === side || other.key !== key || !isOpen(other)) continue
      const distanceMs = right.timestamp - left.timestamp
      if (distanceMs < -windows.beforeMs || distanceMs > windows.afterMs) continue
      own.isJoined = other.isJoined = true
      const at = Math.max(timestamp, other.timestamp)
      outputs.joined.push(`${key} ${left.value}+${right.value} ${at}`)
    }
    taken.push(own)
  }
  for (const row of taken.filter((each) => !each.isJoined && !isOpen(each))) {
    const { side, key, value, timestamp } = row
    outputs[`unmatched-${side}`].push(`${key} ${value} ${timestamp}`)
    if (kind === 'outerJoin' || (kind === 'leftJoin' && side === 'left'))
      outputs.joined.push(
        `${key} ${side === 'left' ? `${value}+null` : `null+${value}`} ${timestamp}`,
      )
  }
  return outputs
}

function sorted(outputs: Outputs): Outputs {
  const lines = topics.map((topic) => [topic, outputs[topic].toSorted()])
  return Object.fromEntries(lines) as Outputs
}

function randomInputs(seed: number): readonly Input[] {
  const random = seededRandom(seed)
  const below = (limit: number): number => Math.floor(random.float() * limit)
  let nowMs = 100
  const inputs = Array.from({ length: 120 }, (_, at): Input => {
    nowMs += below(8)
    // Some far behind, so that grace and windows are over for them.
    const timestamp = Math.max(0, nowMs - (below(4) === 0 ? below(60) : below(6)))
    return of(below(2) === 0 ? 'left' : 'right', `v${at}`, timestamp, `k${below(4)}`)
  })
  return [...inputs, of('left', 'last', nowMs + 1_000, 'last')]
}

describe('random records', () => {
  for (const kind of ['join', 'leftJoin', 'outerJoin'] as const) {
    test(`${kind}: each of 100 runs is what the definition says, and each record is one of joined, unmatched and late`, () => {
      for (let seed = 1; seed <= 100; seed++) {
        const inputs = randomInputs(seed)
        const outputs = run(kind, inputs)
        assert.deepEqual(sorted(outputs), sorted(expectedOf(kind, inputs)), `seed ${seed}`)
        const joined = new Set(
          outputs.joined
            .filter((line) => !line.includes('null'))
            .flatMap((line) => line.split(' ')[1]?.split('+') ?? []),
        )
        const apart = topics.slice(1).flatMap((topic) => outputs[topic])
        for (const line of apart) assert.ok(!joined.has(line.split(' ')[1] ?? ''), line)
        // All but the last, which is open yet.
        assert.equal(joined.size + apart.length, inputs.length - 1)
      }
    })

    for (const point of ['afterProcess', 'beforeCommit', 'afterCommit'] as const)
      test(`${kind}: crashed ${point} at each record, the same`, () => {
        for (let seed = 1; seed <= 5; seed++) {
          const inputs = randomInputs(seed)
          const driver = new PartitionedTestDriver(topologyOf(kind), { partitions: 1 })
          for (const { side, key, value, timestamp } of inputs) {
            driver.crashAt(point, '0_0')
            driver.input(side, text).pipe(key, value, { timestamp })
            driver.restore()
          }
          assert.deepEqual(outputsOf(driver), run(kind, inputs), `seed ${seed}`)
        }
      })
  }
})
