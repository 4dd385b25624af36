import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { SimulatedClock, eventually } from '@millrace/core/testing'
import type { InstrumentOptions, Labels, Meter } from '@millrace/core'
import type { KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  countsOf,
  createTopics,
  readCommitted,
  stateDirectory,
  uniqueName,
  wordCount,
  write,
} from '../../test/streams-fixture.ts'
import { stateNumber } from './app-metrics.ts'
import { StreamsApp } from './streams-app.ts'
import { applyChanges, WorkerMeter, type MetricChange } from './workers/worker-meter.ts'

/** Sums of counters and last values of gauges, by name. */
class Ledger implements Meter {
  readonly values = new Map<string, number>()
  readonly labels = new Map<string, Labels[]>()

  counter({ name }: InstrumentOptions) {
    return {
      add: (count: number, labels: Labels = {}) => {
        this.values.set(name, (this.values.get(name) ?? 0) + count)
        this.labels.set(name, [...(this.labels.get(name) ?? []), labels])
      },
    }
  }

  gauge({ name }: InstrumentOptions) {
    return { set: (value: number) => void this.values.set(name, value) }
  }

  histogram() {
    return { observe: () => {} }
  }
}

test('meter of a worker: what counters gained and where gauges stand is told once a second, by series', async () => {
  const clock = new SimulatedClock()
  const told: (readonly MetricChange[])[] = []
  const meter = new WorkerMeter(clock, (changes) => told.push(changes))
  const counter = meter.counter({ name: 'c', help: 'C', labelNames: ['topic'] })
  const gauge = meter.gauge({ name: 'g', help: 'G' })
  counter.add(1, { topic: 'a' })
  counter.add(2, { topic: 'a' })
  counter.add(5, { topic: 'b' })
  gauge.set(7)
  gauge.set(8)
  await clock.advance(999)
  assert.equal(told.length, 0)
  await clock.advance(1)
  counter.add(4, { topic: 'a' })
  meter.flush()
  await clock.advance(10_000)
  assert.deepEqual(
    told.map((changes) => changes.map(({ name, labels, value }) => [name, labels['topic'], value])),
    [
      [
        ['c', 'a', 3],
        ['c', 'b', 5],
        ['g', undefined, 8],
      ],
      [['c', 'a', 4]],
    ],
  )
  const ledger = new Ledger()
  for (const changes of told) applyChanges(ledger, changes)
  assert.deepEqual(
    [...ledger.values],
    [
      ['c', 12],
      ['g', 8],
    ],
  )
})

for (const backend of await kafkaBackends())
  describe(`metrics of an app on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-metrics-test' }
    })
    after(() => kafka.stop())

    for (const inWorkers of [false, true])
      test(`an app counts what it does${inWorkers ? ', in workers too' : ''}`, async () => {
        await using directory = await stateDirectory()
        const [input, output] = [uniqueName('lines'), uniqueName('counts')]
        await createTopics(options, 2, input, output)
        const url = new URL('../../test/word-count-topology.ts', import.meta.url)
        url.search = `input=${input}&output=${output}`
        const meter = new Ledger()
        await using app = new StreamsApp({
          applicationId: uniqueName('app'),
          brokers: kafka.brokers,
          topology: inWorkers ? url : wordCount(input, output),
          guarantee: 'exactly_once_v2',
          // A machine may stand still for long, and what is done twice then would be counted twice.
          transactionTimeoutMs: 60_000,
          sessionTimeoutMs: 120_000,
          commitIntervalMs: 50,
          cacheMaxBytes: 0,
          threads: 2,
          stateDir: directory.path,
          meter,
        })
        await app.start()
        // Workers load the topology first.
        await eventually('running', () => app.state === 'RUNNING', { timeoutMs: 120_000 })
        assert.deepEqual(
          [meter.values.get('mr_streams_state'), meter.values.get('mr_streams_alive_threads')],
          [2, 2],
        )
        await write(options, input, ['a b c', 'a b c'])
        await eventually('counted', async () => {
          const counts = countsOf(await readCommitted(options, output))
          return ['a', 'b', 'c'].every((word) => counts.get(word)?.length === 2)
        })
        // Tasks may be moving between the threads at this moment.
        const asked = app.metrics()
        const state = stateNumber(app.state)
        const metrics = await asked
        const of = (group: string, name: string) =>
          metrics.filter((each) => each.group === group && each.name === name)
        assert.deepEqual(
          ['alive-stream-threads', 'failed-stream-threads', 'client-state'].map(
            (name) => of('stream-metrics', name)[0]?.value,
          ),
          [2, 0, state],
        )
        const processed = of('stream-thread-metrics', 'process-total')
        assert.deepEqual(
          new Set(processed.map(({ tags }) => tags['thread-id'])),
          new Set(app.threads.map(({ name }) => name)),
        )
        // By threads, which keep what tasks did here that went to another since.
        assert.equal(
          processed.reduce((sum, { value }) => sum + value, 0),
          8,
        )
        assert.ok(of('stream-thread-metrics', 'poll-total').some(({ value }) => value > 0))
        await app.close()
        const sumOf = (name: string): number => meter.values.get(`mr_streams_${name}`) ?? 0
        assert.equal(sumOf('task_processed_records_total'), 8)
        assert.ok(sumOf('task_process_seconds_total') > 0)
        // Lines are read, split, named anew, filtered and sent, and words read, counted, told and sent: 4 nodes have 2 + 2 of the lines, 7 the words.
        assert.equal(sumOf('node_processed_records_total'), 46)
        assert.equal(sumOf('store_operations_total'), 12)
        assert.deepEqual([sumOf('restore_remaining_records'), sumOf('standby_lag_records')], [0, 0])
        // Two lines, and six words that came back from the repartition topic.
        assert.equal(meter.values.get('mr_streams_processed_records_total'), 8)
        assert.ok((meter.values.get('mr_streams_process_seconds_total') ?? 0) > 0)
        assert.ok((meter.values.get('mr_streams_commits_total') ?? 0) >= 2)
        assert.ok((meter.values.get('mr_streams_commit_seconds_total') ?? 0) > 0)
        assert.equal(meter.values.get('mr_streams_failed_threads_total') ?? 0, 0)
        assert.equal(meter.values.get('mr_streams_state'), 4)
        assert.equal(meter.values.get('mr_streams_alive_threads'), 0)
        // Of the Kafka clients of the threads: words, counts and changes of state.
        assert.equal(meter.values.get('mr_kafka_records_sent_total'), 18)
      })
  })
