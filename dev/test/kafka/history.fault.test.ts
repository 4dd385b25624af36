import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom, systemClock, uuidv7, type Random } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createConsumer, createProducer, type KafkaOptions } from '@millrace/kafka'
import { rounds } from '../spine/rounds.ts'
import { BrokerUnderFire } from './broker-under-fire.ts'
import { brokerSessions, GroupReaders } from './group-readers.ts'
import { ProducedHistory, textOf } from './produced-history.ts'
import { TransactionalWriter } from './transactional-writers.ts'
import { recordsOf, writeIdempotently, type WriterContext } from './writers.ts'

const partitions = 3
const topic = 'history'
/** 20 on CI; 200 in `npm run test:long`. */
const kills = process.env['MILLRACE_TEST_LONG'] ? 200 : 20
const [seed = 0] = rounds()

for (const fsync of ['os', 'group'] as const)
  test(`${kills} kills at random under load, fsync ${fsync} (seed ${seed})`, async (t) => {
    const random = seededRandom(seed)
    await using broker = await BrokerUnderFire.start([
      '--fsync',
      fsync,
      ...brokerSessions,
      '--create',
      `${topic}:${partitions}`,
    ])
    const options: KafkaOptions = { brokers: [broker.address], clientId: 'history' }
    const history = new ProducedHistory()
    const stop = new AbortController()
    // Whatever fails, nothing of ours goes on, or the test would not end and never say what it was.
    await using cleanup = new AsyncDisposableStack()
    cleanup.defer(() => stop.abort())
    const context = (): WriterContext => ({
      options,
      topic,
      partitions,
      history,
      random: seededRandom(randomInt(random, 2 ** 31)),
      signal: stop.signal,
    })
    const transactional = ['x', 'y'].map((name) => new TransactionalWriter(name, context()))
    const writers = [
      writeIdempotently('a', context()),
      writeIdempotently('b', context()),
      ...transactional.map((writer) => writer.run()),
    ]
    const groups = (['classic', 'consumer'] as const).map(
      (protocol) => new GroupReaders(options, topic, `of-${protocol}`, protocol),
    )
    for (const group of groups) {
      cleanup.defer(() => group.close())
      for (let member = 0; member < 2; member++) await group.join()
    }
    await Promise.race([killAtRandom(broker, groups, history, random), ...writers])
    stop.abort()
    await Promise.all(writers)
    history.check(await readCommitted(options, history))
    for (const writer of transactional) await writer.checkOffset()
    for (const group of groups) {
      await eventually('the group is at the end', async () => (await group.lag()) === 0, {
        timeoutMs: 120_000,
        everyMs: 100,
      })
      await group.checkOffsets()
      await group.close()
      checkSeen(group, history)
    }
    t.diagnostic(
      `${history.count('acknowledged')} sends acknowledged, ${history.count('unknown')} unknown, ${history.count('aborted')} aborted, ${groups.map(({ commits }) => commits).join(' + ')} commits`,
    )
  })

async function killAtRandom(
  broker: BrokerUnderFire,
  groups: readonly GroupReaders[],
  history: ProducedHistory,
  random: Random,
): Promise<void> {
  while (broker.kills < kills) {
    // Always under load: something went through since the last kill, and more is on its way.
    const before = history.count('acknowledged')
    await eventually('the load goes on', () => history.count('acknowledged') >= before + 5, {
      timeoutMs: 120_000,
    })
    await systemClock.sleep(randomInt(random, 400))
    await broker.killAndRestart()
    if (broker.kills % 5 === 0) for (const group of groups) await group.checkOffsets()
    if (broker.kills % 7 === 0) {
      const group = groups[broker.kills % groups.length]!
      await group.join()
      await group.leave()
    }
  }
}

/** Every committed record of each partition, up to the record of ours that is written behind all others. */
async function readCommitted(
  options: KafkaOptions,
  history: ProducedHistory,
): Promise<readonly (readonly string[])[]> {
  const ends = Array.from({ length: partitions }, (_, partition) => `end/${partition}`)
  const group = history.begin('end', false, new Map(ends.map((end, index) => [index, [end]])))
  await using producer = await createProducer(options)
  await producer.send(recordsOf(group, topic))
  group.outcome = 'acknowledged'
  const values = ends.map((): string[] => [])
  const left = new Set(ends)
  const groupId = `checker-${uuidv7()}`
  await using consumer = await createConsumer({ ...options, groupId, topics: [topic] })
  for await (const { partition, records } of consumer) {
    for (const record of records) {
      values[partition]!.push(textOf(record))
      left.delete(textOf(record))
    }
    if (left.size === 0) break
  }
  return values
}

/** Each group got every record that was acknowledged, and none that was aborted. */
function checkSeen({ groupId, seen }: GroupReaders, history: ProducedHistory): void {
  for (const group of history.groups)
    for (const value of [...group.values.values()].flat()) {
      if (group.outcome === 'acknowledged')
        assert.ok(seen.has(value), `group ${groupId} never got ${value}`)
      if (group.outcome === 'aborted')
        assert.ok(!seen.has(value), `group ${groupId} got the aborted ${value}`)
    }
}
