import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { type KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  countsOf,
  createTopics,
  readCommitted,
  stateDirectory,
  text,
  uniqueName,
  write,
} from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { longSerde, stringSerde } from '../serde.ts'
import type { Topology } from '../topology/topology.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

const patience = { timeoutMs: 180_000, everyMs: 50 }

function counting(pattern: RegExp, output: string): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream(pattern, text)
    .groupBy((word) => word, { name: 'words', ...text })
    .count({ store: 'counts' })
    .toStream()
    .to(output, { value: longSerde })
  return builder.build()
}

for (const backend of await kafkaBackends())
  describe(`topics by pattern on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
    })
    after(() => kafka.stop())

    const subject = async () => {
      const [input, output] = [uniqueName('in'), uniqueName('counts')]
      await createTopics(options, 2, output)
      const torn: unknown[] = []
      const settings = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: counting(new RegExp(`${input}-[a-z]`), output),
        guarantee: 'exactly_once_v2',
        // A machine may stand still for long, and a session that begins anew would have read all topics anyway.
        transactionTimeoutMs: 60_000,
        sessionTimeoutMs: 120_000,
        heartbeatIntervalMs: 100,
        metadataMaxAgeMs: 100,
        commitIntervalMs: 50,
        logger: {
          ...silentLogger,
          warn: (_: string, fields?: Readonly<Record<string, unknown>>) => {
            if (String(fields?.['error']).includes('came or went')) torn.push(fields)
          },
        },
      } as const satisfies StreamsAppOptions
      const totalsAre = (wanted: Readonly<Record<string, number>>) =>
        eventually(
          'counted',
          async () => {
            const counts = countsOf(await readCommitted(options, output))
            const totals = [...counts].map(([word, all]) => [word, all.at(-1)] as const)
            assert.deepEqual(Object.fromEntries(totals), wanted)
            return true
          },
          patience,
        )
      return { input, settings, torn, totalsAre }
    }

    test('a topic that comes to match while two instances run is read beside the others, by the tasks that are there', async () => {
      const { input, settings, torn, totalsAre } = await subject()
      await using first = await stateDirectory()
      await using second = await stateDirectory()
      await createTopics(options, 2, `${input}-a`, `${input}-longer`)
      await using one = new StreamsApp({ ...settings, stateDir: first.path })
      await using other = new StreamsApp({ ...settings, stateDir: second.path })
      await Promise.all([one.start(), other.start()])
      await write(options, `${input}-a`, ['x', 'y', 'x'])
      await write(options, `${input}-longer`, ['x'])
      await totalsAre({ x: 2, y: 1 })
      await createTopics(options, 2, `${input}-b`)
      await write(options, `${input}-b`, ['y', 'z', 'z'])
      await totalsAre({ x: 2, y: 2, z: 2 })
      await write(options, `${input}-a`, ['x', 'y', 'z'])
      await write(options, `${input}-b`, ['x', 'y', 'z'])
      await totalsAre({ x: 4, y: 4, z: 4 })
      assert.deepEqual([one.failure, other.failure, torn], [undefined, undefined, []])
    })

    test('an application whose pattern nothing matches waits, and makes its topics with the first that does', async () => {
      const { input, settings, torn, totalsAre } = await subject()
      await using directory = await stateDirectory()
      const app = new StreamsApp({ ...settings, stateDir: directory.path })
      await app.start()
      await eventually('runs', () => app.state === 'RUNNING', patience)
      await createTopics(options, 3, `${input}-a`)
      await write(options, `${input}-a`, ['x', 'y', 'x', 'z'])
      await totalsAre({ x: 2, y: 1, z: 1 })
      const store = app.store('counts', { type: 'keyValue', key: stringSerde, value: longSerde })
      assert.equal(await store.get('x'), 2)
      await app.close()
      assert.equal(app.failure, undefined)

      // What came to be while it was away is read when it is back under its name.
      await createTopics(options, 1, `${input}-b`)
      await write(options, `${input}-b`, ['x'])
      await using again = new StreamsApp({ ...settings, stateDir: directory.path })
      await again.start()
      await totalsAre({ x: 3, y: 1, z: 1 })
      await again.close()
      assert.deepEqual([again.failure, torn], [undefined, []])
    })
  })
