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
} from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import type { ErrorHandling } from '../error-handlers.ts'
import { StreamsError, type StreamsErrorCode } from '../errors.ts'
import { joinWindows } from '../join-windows.ts'
import type { Processor, ProcessorContext } from '../processor.ts'
import type { StreamRecord } from '../record.ts'
import { longSerde } from '../serde.ts'
import { keyValueStore } from '../stores.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

interface BadInput {
  readonly name: string
  /** From `in` to `out`, with a step named `step`. */
  readonly build: (builder: StreamsBuilder, input: string, output: string) => void
  readonly good: { readonly key: string; readonly value: string | Buffer }
  readonly bad: {
    readonly key: string | Buffer
    readonly value: string | Buffer
  }
  readonly code: StreamsErrorCode
  readonly advice: RegExp
  /** What lets the application go on; undefined where nothing but another topology does. */
  readonly goesOnBy?: ErrorHandling
}

const long = Buffer.from('0000000000000007', 'hex')
const unknownStore = keyValueStore({ name: 'nowhere', ...text })
const throwing = (value: string): string => {
  if (value === 'bad') throw new RangeError('a bad one')
  return value
}

/** Asks for a store that it is not connected to. */
class Asking implements Processor<string, string, string, string> {
  #context: ProcessorContext<string, string> | undefined

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
  }

  process(record: StreamRecord<string, string>): void {
    if (record.value === 'bad') this.#context?.store(unknownStore)
    this.#context?.forward(record)
  }
}

const inputs: readonly BadInput[] = [
  {
    name: 'a value that its serde does not understand',
    build: (builder, input, output) =>
      builder.stream(input, { key: text.key, value: longSerde, name: 'step' }).to(output),
    good: { key: 'k', value: long },
    bad: { key: 'k', value: Buffer.from('1234567') },
    code: 'MR_STREAMS_UNDECODABLE',
    advice: /Correct its serde, or leave such records out with onDeserializationError/,
    goesOnBy: { onDeserializationError: () => 'CONTINUE' },
  },
  {
    name: 'a key that its serde does not understand',
    build: (builder, input, output) =>
      builder.stream(input, { key: longSerde, value: text.value, name: 'step' }).to(output),
    good: { key: long.toString('latin1'), value: 'fine' },
    bad: { key: 'short', value: 'fine' },
    code: 'MR_STREAMS_UNDECODABLE',
    advice: /The key of .* onDeserializationError/,
    goesOnBy: { onDeserializationError: () => 'CONTINUE' },
  },
  {
    name: 'a function that throws',
    build: (builder, input, output) =>
      builder
        .stream(input, text)
        .mapValues(throwing, { name: 'step', value: text.value })
        .to(output),
    good: { key: 'k', value: 'fine' },
    bad: { key: 'k', value: 'bad' },
    code: 'MR_STREAMS_PROCESSING_FAILED',
    advice: /leave such records out with onProcessingError/,
    goesOnBy: { onProcessingError: () => 'CONTINUE' },
  },
  {
    name: 'an aggregator that throws',
    build: (builder, input, output) =>
      builder
        .stream(input, text)
        .groupByKey()
        .aggregate(
          () => '',
          (_, value) => throwing(value),
          { name: 'step', store: { name: 'last', ...text } },
        )
        .toStream()
        .to(output),
    good: { key: 'k', value: 'fine' },
    bad: { key: 'k', value: 'bad' },
    code: 'MR_STREAMS_PROCESSING_FAILED',
    advice: /onProcessingError/,
    goesOnBy: { onProcessingError: () => 'CONTINUE' },
  },
  {
    name: 'a value that cannot be turned into bytes',
    build: (builder, input, output) =>
      builder
        .stream(input, text)
        .mapValues((value) => (value === 'bad' ? 1.5 : 1), { value: longSerde })
        .to(output, { name: 'step' }),
    good: { key: 'k', value: 'fine' },
    bad: { key: 'k', value: 'bad' },
    code: 'MR_STREAMS_UNENCODABLE',
    advice: /onProductionError/,
    goesOnBy: { onProductionError: () => 'CONTINUE' },
  },
  {
    name: 'a store that is not connected',
    build: (builder, input, output) =>
      builder
        .stream(input, text)
        .process(() => new Asking(), { name: 'step', ...text })
        .to(output),
    good: { key: 'k', value: 'fine' },
    bad: { key: 'k', value: 'bad' },
    code: 'MR_STREAMS_UNKNOWN_STORE',
    advice: /nowhere/,
  },
  {
    name: 'a time that is none',
    build: (builder, input, output) =>
      builder
        .stream(input, {
          ...text,
          name: 'step',
          timestampExtractor: ({ timestamp, valueObject }) =>
            valueObject === 'bad' ? timestamp / 0 : timestamp,
        })
        .to(output),
    good: { key: 'k', value: 'fine' },
    bad: { key: 'k', value: 'bad' },
    code: 'MR_STREAMS_BAD_TIMESTAMP',
    advice: /a timestampExtractor that says what to use/,
  },
]

for (const backend of await kafkaBackends())
  describe(`bad input on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
    })
    after(() => kafka.stop())

    const put = async (topic: string, rows: readonly BadInput['bad'][]): Promise<void> => {
      await using producer = await createProducer(options)
      await producer.send(rows.map(({ key, value }) => ({ topic, partition: 0, key, value })))
    }
    const subject = async ({ build }: Pick<BadInput, 'build'>, stateDir: string) => {
      const [input, output, dlq] = ['in', 'out', 'dlq'].map(uniqueName) as [string, string, string]
      await createTopics(options, 2, input, output, dlq)
      const builder = new StreamsBuilder()
      build(builder, input, output)
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: builder.build(),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        cacheMaxBytes: 0,
        stateDir,
      }
      return { input, output, dlq, settings }
    }
    const failureOf = async (settings: StreamsAppOptions): Promise<StreamsError> => {
      const app = new StreamsApp(settings)
      await app.start()
      await eventually('ended', () => app.state === 'ERROR')
      await app.close()
      assert.ok(app.failure instanceof StreamsError, String(app.failure))
      return app.failure
    }

    for (const each of inputs)
      test(`${each.name} ends the app with an error that names node, topic, partition, offset and what to do${each.goesOnBy ? ', or is left out, as configured' : ''}`, async () => {
        await using directory = await stateDirectory()
        const { input, output, dlq, settings } = await subject(each, directory.path)
        await put(input, [each.good, each.bad, each.good])
        const failure = await failureOf(settings)
        assert.equal(failure.code, each.code, failure.message)
        const { topic, partition, offset, node } = failure.details
        assert.deepEqual(
          { topic, partition, offset, node },
          { topic: input, partition: 0, offset: 1, node: 'step' },
        )
        assert.match(failure.message, each.advice)
        assert.ok(failure.message.includes(input), failure.message)
        if (!each.goesOnBy) return
        await using tolerant = new StreamsApp({
          ...settings,
          ...each.goesOnBy,
          deadLetterTopic: dlq,
        })
        await tolerant.start()
        await eventually(
          'both good ones, and all tasks run',
          async () =>
            (await readCommitted(options, output)).length === 2 && tolerant.state === 'RUNNING',
        )
        assert.equal(tolerant.droppedCount, 1)
        const [letter] = await readCommitted(options, dlq)
        assert.deepEqual(letter?.value, Buffer.from(each.bad.value))
        assert.equal(tolerant.failure, undefined)
      })

    test('a time below zero leaves the record out, and counts it', async () => {
      await using directory = await stateDirectory()
      const build: BadInput['build'] = (builder, from, to) =>
        builder
          .stream(from, {
            ...text,
            timestampExtractor: ({ timestamp, valueObject }) =>
              valueObject === 'bad' ? -timestamp : timestamp,
          })
          .to(to)
      const { input, output, settings } = await subject({ build }, directory.path)
      await put(
        input,
        ['good', 'bad', 'good'].map((value) => ({ key: 'k', value })),
      )
      await using app = new StreamsApp(settings)
      await app.start()
      await eventually(
        'both good ones',
        async () => (await readCommitted(options, output)).length === 2,
      )
      assert.equal(app.droppedCount, 1)
    })

    test('a handler that throws ends the app, and is named with the record it was asked about', async () => {
      const each = inputs[2] as BadInput
      await using directory = await stateDirectory()
      const { input, settings } = await subject(each, directory.path)
      await put(input, [each.good, each.bad])
      const failure = await failureOf({
        ...settings,
        onProcessingError() {
          throw new Error('the handler is broken')
        },
      })
      assert.equal(failure.code, 'MR_STREAMS_HANDLER_FAILED')
      assert.match(failure.message, new RegExp(`the handler is broken.*${input}/0 at offset 1`))
    })

    test('null keys and null values are left out and counted, or taken, operator by operator, and the app goes on', async () => {
      await using directory = await stateDirectory()
      const [input, other, output] = ['in', 'other', 'out'].map(uniqueName) as [
        string,
        string,
        string,
      ]
      await createTopics(options, 1, input, other, output)
      const builder = new StreamsBuilder()
      const stream = builder.stream(input, text)
      stream.groupByKey(text).count({ store: 'counts' })
      stream.toTable({ store: { name: 'table', ...text } })
      stream
        .join(builder.stream(other, text), (left, right) => `${left}+${right}`, {
          windows: joinWindows({ withinMs: 60_000, graceMs: 60_000 }),
          name: 'join',
          store: 'join',
          ...text,
          leftValue: text.value,
          rightValue: text.value,
        })
        .to(output, text)
      await using app = new StreamsApp({
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: builder.build(),
        commitIntervalMs: 50,
        cacheMaxBytes: 0,
        stateDir: directory.path,
      })
      await app.start()
      await using producer = await createProducer(options)
      const at = { timestampMs: Date.now() }
      await producer.send([
        { topic: input, key: null, value: 'no key', ...at },
        { topic: input, key: 'k', value: null, ...at },
        { topic: input, key: null, value: null, ...at },
        { topic: input, key: 'k', value: 'left', ...at },
        { topic: other, key: 'k', value: 'right', ...at },
      ])
      const joined = await eventually('joined', async () => {
        const records = await readCommitted(options, output)
        return records.length > 0 && records
      })
      assert.deepEqual(
        joined.map(({ value }) => String(value)),
        ['left+right'],
      )
      // count: two null keys and a null value; toTable: two null keys; join: the same as count (traps 9, 20, 25).
      assert.equal(app.droppedCount, 8)
      assert.equal(app.state, 'RUNNING')
    })

    test('a join of topics with different partition counts does not start, and names them', async () => {
      await using directory = await stateDirectory()
      const [left, right, output] = ['left', 'right', 'out'].map(uniqueName) as [
        string,
        string,
        string,
      ]
      await createTopics(options, 2, left, output)
      await createTopics(options, 3, right)
      const builder = new StreamsBuilder()
      builder
        .stream(left, text)
        .joinTable(builder.table(right, text, 'table'), (value) => value, text)
        .to(output, text)
      const app = new StreamsApp({
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: builder.build(),
        stateDir: directory.path,
      })
      await assert.rejects(app.start(), (error: StreamsError) => {
        assert.equal(error.code, 'MR_STREAMS_PARTITION_MISMATCH')
        assert.ok(error.message.includes(left) && error.message.includes(right), error.message)
        return true
      })
      assert.equal(app.state, 'ERROR')
    })
  })
