import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { armFaults, eventually } from '@millrace/core/testing'
import type { KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  createTopics,
  readCommitted,
  stateDirectory,
  text,
  uniqueName,
  write,
} from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { joinWindows } from '../join-windows.ts'
import { stringSerde } from '../serde.ts'
import type { Topology } from '../topology/topology.ts'
import { sessionWindows, tumblingWindows } from '../windows.ts'
import { StreamsApp } from './streams-app.ts'

const hourMs = 3_600_000
/** One window holds any time at which this may run. */
const eraMs = 1e12

/** Counts by window and by session, and pairs of both topics that wait for each other. */
function topologyOf(left: string, right: string, output: string): Topology {
  const builder = new StreamsBuilder()
  const records = builder.stream(left, text)
  const grouped = records.groupByKey()
  const key = stringSerde
  grouped
    .windowedBy(tumblingWindows({ sizeMs: eraMs, graceMs: 0 }))
    .count({ store: 'by-window' })
    .toStream({ selectKey: (_, windowed) => `window ${windowed.key}`, key })
    .mapValues(String)
    .to(output, text)
  grouped
    .windowedBy(sessionWindows({ gapMs: hourMs, graceMs: hourMs }))
    .count({ store: 'by-session' })
    .toStream({ selectKey: (_, windowed) => `session ${windowed.key}`, key })
    .filter((count) => count !== null)
    .mapValues(String)
    .to(output, text)
  records
    .leftJoin(builder.stream(right, text), (mine, other) => `${mine}+${other}`, {
      windows: joinWindows({ withinMs: hourMs, graceMs: hourMs }),
      store: 'pairs',
    })
    .selectKey((_, of) => `pair ${of}`)
    .to(output, text)
  return builder.build()
}

for (const backend of await kafkaBackends())
  describe(`windows, sessions and joins on disk on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
    })
    after(() => kafka.stop())

    const shown = async (topic: string): Promise<string> => {
      const last = new Map<string, string>()
      for (const { key, value } of await readCommitted(options, topic)) last.set(key, String(value))
      return [...last]
        .map(([key, value]) => `${key}: ${value}`)
        .toSorted((one, other) => (one < other ? -1 : 1))
        .join(', ')
    }

    const cases: readonly {
      readonly name: string
      readonly failing: readonly number[]
      readonly restores: readonly [least: number, most: number]
      readonly cacheMaxBytes?: number
    }[] = [
      { name: 'nothing is restored after a stop in order', failing: [], restores: [0, 0] },
      {
        name: 'caches change nothing of that',
        failing: [],
        restores: [0, 0],
        cacheMaxBytes: 1_000_000,
      },
      {
        // The changelogs are ahead then, and what is on disk is not wiped: only its tail is read, by the next session.
        name: 'the state catches up after writes that failed',
        failing: [2, 3, 5],
        restores: [1, 40],
      },
    ]
    for (const { name, failing, restores, cacheMaxBytes } of cases)
      test(`a restart goes on from the journals (trap 40): ${name}`, async () => {
        await using directory = await stateDirectory()
        const [left, right, output] = [uniqueName('left'), uniqueName('right'), uniqueName('out')]
        await createTopics(options, 2, left, right, output)
        let [passes, restored] = [0, 0]
        const settings = {
          applicationId: uniqueName('app'),
          brokers: kafka.brokers,
          topology: topologyOf(left, right, output),
          guarantee: 'exactly_once_v2',
          commitIntervalMs: 50,
          cacheMaxBytes: cacheMaxBytes ?? 0,
          stateDir: directory.path,
          logger: silentLogger,
          onRestore({ phase, restoredCount }: { phase: string; restoredCount: number }) {
            if (phase === 'end') restored += restoredCount
          },
        } as const
        const reaches = (what: string) =>
          eventually(what, async () => {
            assert.equal(await shown(output), what)
            return true
          })
        const goesOn = async (): Promise<void> => {
          await write(options, left, ['d', 'e'])
          await reaches('session k0: 3, session k1: 2, window k0: 3, window k1: 2')
          await write(options, right, ['x'])
          await reaches('pair k0: d+x, session k0: 3, session k1: 2, window k0: 3, window k1: 2')
          const records = await readCommitted(options, output)
          assert.deepEqual(
            records.filter(({ key }) => key === 'pair k0').map(({ value }) => String(value)),
            ['a+x', 'c+x', 'd+x'],
          )
        }
        const disarm = armFaults((point) => {
          if (point === 'streams.state.write' && failing.includes(++passes))
            throw new Error('no space left on device')
        })
        try {
          await using first = new StreamsApp(settings)
          await first.start()
          await write(options, left, ['a', 'b'])
          await reaches('session k0: 1, session k1: 1, window k0: 1, window k1: 1')
          await write(options, left, ['c'])
          await reaches('session k0: 2, session k1: 1, window k0: 2, window k1: 1')
          // A session that begins anew is a restart of its own.
          if (failing.length === 0) await first.close()
          await using second = failing.length === 0 ? new StreamsApp(settings) : undefined
          await second?.start()
          await goesOn()
        } finally {
          disarm()
        }
        const [least, most] = restores
        assert.ok(restored >= least && restored <= most, `${restored} records were restored`)
      })
  })
