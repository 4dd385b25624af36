import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { createProducer, type KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  createTopics,
  readCommitted,
  stateDirectory,
  text,
  uniqueName,
} from '../../../test/streams-fixture.ts'
import { StreamsApp, StreamsBuilder } from '../../index.ts'

const partitions = 6
/** Of each partition of each topic: several batches. */
const count = 2_500

for (const backend of await kafkaBackends())
  describe(`the order of inputs on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
    })
    after(() => kafka.stop())

    test('trap 3: what is on the topics when a task starts is taken in the order of time, whichever partition is fetched first', async () => {
      const [even, odd, output] = [uniqueName('even'), uniqueName('odd'), uniqueName('out')]
      await createTopics(options, partitions, even, odd, output)
      await using directory = await stateDirectory()
      await using producer = await createProducer(options)
      for (const [topic, first] of [
        [even, 0],
        [odd, 1],
      ] as const) {
        const rows = Array.from({ length: partitions * count }, (_, index) => index)
        const times = rows.map((index) => first + 2 * Math.floor(index / partitions))
        await producer.sendColumns({
          topic,
          values: times.map(String),
          keys: rows.map((index) => `k${index % partitions}`),
          timestampsMs: times,
          partitions: rows.map((index) => index % partitions),
        })
      }
      const builder = new StreamsBuilder()
      const merged = builder.stream(even, text).merge(builder.stream(odd, text))
      merged.to(output, text)
      merged.groupByKey(text).count({ store: 'counts' })
      await using app = new StreamsApp({
        applicationId: uniqueName('app'),
        brokers: options.brokers,
        topology: builder.build(),
        guarantee: 'exactly_once_v2',
        stateDir: directory.path,
        threads: 2,
      })
      await app.start()
      const seen = await eventually(
        'all is read',
        async () => {
          const records = await readCommitted(options, output)
          return records.length >= 2 * partitions * count && records
        },
        { timeoutMs: 180_000, everyMs: 200 },
      )
      const byTask = Map.groupBy(seen, ({ key }) => key)
      for (const records of byTask.values())
        assert.deepEqual(
          records.map(({ value }) => Number(value)),
          Array.from({ length: 2 * count }, (_, index) => index),
        )
    })
  })
