import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { armFaults, eventually } from '@millrace/core/testing'
import { createProducer, type KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  countsOf,
  createTopics,
  readCommitted,
  stateDirectory,
  text,
  uniqueName,
} from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { StreamsError } from '../errors.ts'
import type { Processor, ProcessorContext } from '../processor.ts'
import type { StreamRecord } from '../record.ts'
import { longSerde, stringSerde } from '../serde.ts'
import { timerStore } from '../stores.ts'
import type { Topology } from '../topology/topology.ts'
import { StreamsApp } from './streams-app.ts'
import type { Timers } from '../operators/timers.ts'

const keys = Array.from({ length: 20 }, (_, at) => `k${at}`)
const recordsPerKey = 15

/** A commit that is undone: the thread begins anew from the one before. */
function failing(point: string, passes: readonly number[]): () => void {
  let pass = 0
  return armFaults((at) => {
    if (at === point && passes.includes(++pass))
      throw new StreamsError('MR_STREAMS_STATE_NOT_WRITTEN', `made to fail at pass ${pass}.`)
  })
}

for (const backend of await kafkaBackends())
  describe(`asynchronous calls and timers on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
    })
    after(() => kafka.stop())

    const put = async (topic: string, pairs: readonly (readonly [string, string])[]) => {
      await using producer = await createProducer(options)
      await producer.sendColumns({
        topic,
        keys: pairs.map(([key]) => key),
        values: pairs.map(([, value]) => value),
      })
    }

    const appOf = (topology: Topology, applicationId: string, stateDir: string): StreamsApp =>
      new StreamsApp({
        applicationId,
        brokers: kafka.brokers,
        topology,
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 30,
        // Each count is to be seen.
        cacheMaxBytes: 0,
        heartbeatIntervalMs: 500,
        stateDir,
      })

    test('calls of all speeds, over commits that fail and members that come and go: each record counts once above and behind them', async () => {
      await using first = await stateDirectory()
      await using second = await stateDirectory()
      const [input, taken, done] = [uniqueName('in'), uniqueName('taken'), uniqueName('done')]
      await createTopics(options, 3, input, taken, done)
      let calls = 0
      const topology = (): Topology => {
        const builder = new StreamsBuilder()
        const stream = builder.stream(input, text)
        stream.groupByKey().count({ store: 'taken' }).toStream().to(taken, { value: longSerde })
        stream
          .mapValuesAsync(
            async (value, _key, { signal }) => {
              const call = ++calls
              await sleep(call % 7 === 0 ? 120 : call % 3, undefined, { signal })
              return value
            },
            { name: 'enrich', value: stringSerde, concurrency: 4 },
          )
          .groupByKey()
          .count({ store: 'done' })
          .toStream()
          .to(done, { value: longSerde })
        return builder.build()
      }
      const applicationId = uniqueName('app')
      const disarm = failing('streams.commit.afterOffsets', [5, 12, 20])
      try {
        await using app = appOf(topology(), applicationId, first.path)
        await app.start()
        for (let round = 0; round < recordsPerKey; round++)
          await put(
            input,
            keys.map((key) => [key, `${round}`]),
          )
        const other = appOf(topology(), applicationId, second.path)
        await other.start()
        await eventually(
          'some are done',
          async () => (await readCommitted(options, done)).length > 30,
        )
        await other.close()
        await eventually(
          'all are done',
          async () => (await readCommitted(options, done)).length >= keys.length * recordsPerKey,
          // Apache Kafka looks every 10 s for transactions that took too long.
          { timeoutMs: 180_000 },
        )
      } finally {
        disarm()
      }
      const counted = Array.from({ length: recordsPerKey }, (_, at) => at + 1)
      for (const topic of [taken, done]) {
        const counts = countsOf(await readCommitted(options, topic))
        assert.deepEqual(
          new Map([...counts].toSorted(([left], [right]) => (left < right ? -1 : 1))),
          new Map(keys.toSorted().map((key) => [key, counted])),
          topic,
        )
      }
      assert.ok(calls >= keys.length * recordsPerKey)
    })

    test('timers go off once each, over a commit that fails and a new instance of the application', async () => {
      await using directory = await stateDirectory()
      const [input, output] = [uniqueName('in'), uniqueName('out')]
      await createTopics(options, 3, input, output)
      const topology = (): Topology => {
        const store = timerStore({
          name: 'reminders',
          key: stringSerde,
          payload: stringSerde,
          clock: 'WALL_CLOCK_TIME',
        })
        class Reminders implements Processor<string, string, string, string> {
          #timers!: Timers<string, string>
          #context!: ProcessorContext<string, string>

          init(context: ProcessorContext<string, string>): void {
            this.#context = context
            this.#timers = context.timers(store, ({ key, atMs, payload }) =>
              context.forward({ key, value: payload ?? '', timestamp: atMs, headers: [] }),
            )
          }

          process({ key, value }: StreamRecord<string, string>): void {
            this.#timers.set(key, this.#context.wallClockTime + Number(value), value)
          }
        }
        const builder = new StreamsBuilder()
        builder
          .stream(input, text)
          .process(() => new Reminders(), { name: 'remind', stores: [store], ...text })
          .to(output)
        return builder.build()
      }
      const applicationId = uniqueName('app')
      const off = () => readCommitted(options, output)
      const disarm = failing('streams.commit.beforeOffsets', [3, 5])
      try {
        const app = appOf(topology(), applicationId, directory.path)
        await app.start()
        // Some at once, some later, some when another instance has them.
        await put(
          input,
          keys.map((key, at) => [key, String([0, 300, 1_500][at % 3])]),
        )
        await eventually('the first went off', async () => (await off()).length >= 7)
        await app.close()
        await using next = appOf(topology(), applicationId, directory.path)
        await next.start()
        await eventually('all went off', async () => (await off()).length >= keys.length)
      } finally {
        disarm()
      }
      const records = await off()
      assert.deepEqual(records.map(({ key }) => key).toSorted(), keys.toSorted())
    })
  })
