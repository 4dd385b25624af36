import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { createAdmin, createConsumer, type KafkaOptions } from '@millrace/kafka'
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
import type { ProductionDecision } from '../error-handlers.ts'
import type { StreamsError } from '../errors.ts'
import type { RecordContext } from '../record.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

for (const backend of await kafkaBackends())
  describe(`records that the broker refuses, on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-production-test' }
    })
    after(() => kafka.stop())

    /** "large" becomes a record of 20 kB, which the output does not take. */
    const subject = async (stateDir: string) => {
      const [input, output, dead] = ['in', 'out', 'dead'].map(uniqueName) as [
        string,
        string,
        string,
      ]
      await createTopics(options, 1, input, dead)
      await using admin = await createAdmin(options)
      await admin.ensureTopics([
        { name: output, partitions: 1, configs: { 'max.message.bytes': '10000' } },
      ])
      const builder = new StreamsBuilder()
      builder
        .stream(input, text)
        .mapValues((value) => (value === 'large' ? 'x'.repeat(20_000) : value), {
          value: text.value,
        })
        .to(output, { name: 'to-output' })
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: builder.build(),
        commitIntervalMs: 50,
        stateDir,
      }
      return { input, output, dead, settings }
    }
    const valuesOf = async (topic: string) =>
      (await readCommitted(options, topic)).map(({ value }) => String(value))
    const headersOf = async (topic: string) => {
      await using consumer = await createConsumer(options)
      consumer.assign([{ topic, partition: 0, offset: 'earliest' }])
      for await (const batch of consumer)
        return new Map(
          batch.records[0]?.headers.map(([name, value]) => [name, value.toString()]) ?? [],
        )
      return new Map<string, string>()
    }

    for (const guarantee of ['exactly_once_v2', 'at_least_once'] as const) {
      test(`CONTINUE leaves them out, dead letters and others arrive, offsets go on, ${guarantee}`, async () => {
        await using directory = await stateDirectory()
        const { input, output, dead, settings } = await subject(directory.path)
        const asked: [StreamsError, RecordContext][] = []
        await write(options, input, ['a', 'large', 'b', 'large', 'c'])
        await using app = new StreamsApp({
          ...settings,
          guarantee,
          deadLetterTopic: dead,
          onProductionError(error, record) {
            asked.push([error, record])
            return 'CONTINUE'
          },
        })
        await app.start()
        await eventually('all that can be written is', async () => {
          assert.deepEqual(await valuesOf(output), ['a', 'b', 'c'])
          assert.deepEqual(await valuesOf(dead), ['large', 'large'])
          return true
        })
        await using admin = await createAdmin(options)
        await eventually('committed', async () => {
          const [lag] = await admin.groupLag(settings.applicationId, [input])
          return lag?.lagRecords === 0
        })
        assert.equal(app.droppedCount, 2)
        assert.deepEqual(
          asked.map(([{ code, details }, { offset, rawValue }]) => [
            code,
            details['node'],
            details['sinkTopic'],
            offset,
            String(rawValue),
          ]),
          [1, 3].map((offset) => ['MR_STREAMS_NOT_WRITTEN', 'to-output', output, offset, 'large']),
        )
        const headers = await headersOf(dead)
        assert.equal(headers.get('__streams.errors.topic'), input)
        assert.equal(headers.get('__streams.errors.offset'), '1')
        assert.match(headers.get('__streams.errors.message') ?? '', /MESSAGE_TOO_LARGE/)
      })

      // RETRY is for what may pass: Java takes it for FAIL here.
      for (const decision of [undefined, 'FAIL', 'RETRY'] as (ProductionDecision | undefined)[])
        test(`${decision ?? 'no handler'} ends the thread with what was refused, ${guarantee}`, async () => {
          await using directory = await stateDirectory()
          const { input, output, settings } = await subject(directory.path)
          await write(options, input, ['a', 'large', 'b'])
          await using app = new StreamsApp({
            ...settings,
            guarantee,
            ...(decision && { onProductionError: () => decision }),
          })
          await app.start()
          await eventually('ended', () => app.state === 'ERROR')
          const { code, details, cause } = app.failure as StreamsError
          if (decision) {
            assert.equal(code, 'MR_STREAMS_NOT_WRITTEN')
            assert.equal(details['offset'], 1)
            assert.match(String(cause), /MESSAGE_TOO_LARGE/)
          } else assert.match(String(app.failure), /MESSAGE_TOO_LARGE/)
          if (guarantee === 'exactly_once_v2') assert.deepEqual(await valuesOf(output), [])
          await using admin = await createAdmin(options)
          const [lag] = await admin.groupLag(settings.applicationId, [input])
          assert.equal(lag?.lagRecords, 3, 'nothing is committed beyond it')
        })
    }

    test('a handler that throws ends the thread', async () => {
      await using directory = await stateDirectory()
      const { input, settings } = await subject(directory.path)
      await write(options, input, ['large'])
      await using app = new StreamsApp({
        ...settings,
        onProductionError() {
          throw new Error('oops')
        },
      })
      await app.start()
      await eventually('ended', () => app.state === 'ERROR')
      assert.equal((app.failure as StreamsError).code, 'MR_STREAMS_HANDLER_FAILED')
    })
  })
