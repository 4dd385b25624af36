import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomInt, seededRandom, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { batchLastOffset, fetchApi, nextBatch, produceApi, RecordColumns } from '@millrace/protocol'
import { recordBatch } from '../test/batches.ts'
import { WireClient } from '../test/wire-client.ts'
import { startBroker, type Broker } from './index.ts'

const KEYS = 12

/** Writes growing numbers under its own keys; what was not acknowledged is sent again. Its memory is the account of what the broker owes. */
class KeyedProducer {
  readonly acknowledged = new Map<string, number>()
  readonly #broker: Broker
  readonly #name: string
  #next = 0

  constructor(broker: Broker, name: string) {
    this.#broker = broker
    this.#name = name
  }

  async run(signal: AbortSignal): Promise<void> {
    let client: WireClient | undefined
    while (!signal.aborted) {
      const number = this.#next
      const key = `${this.#name}-${number % KEYS}`
      const values = [`${number}`.padEnd(80)]
      const timestampsMs = [systemClock.now()]
      const records = recordBatch({ values, keys: [key], timestampsMs, codec: number % 5 })
      try {
        client ??= await WireClient.connect(this.#broker.port)
        const { responses } = await client.call(produceApi, 9, {
          acks: -1,
          timeoutMs: 5_000,
          topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
        })
        if (responses[0]!.partitionResponses[0]!.errorCode !== 0) continue
        this.acknowledged.set(key, number)
        this.#next++
      } catch {
        await client?.[Symbol.asyncDispose]()
        client = undefined
        await systemClock.sleep(5)
      }
    }
    await client?.[Symbol.asyncDispose]()
  }
}

/** Every record from the first to the high watermark. */
async function readAll(port: number): Promise<(readonly [number, string, number])[]> {
  await using client = await WireClient.connect(port)
  const found: (readonly [number, string, number])[] = []
  const columns = new RecordColumns()
  let waits = 0
  for (let offset = 0; ;) {
    const partitions = [{ partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: 100_000 }]
    const topics = [{ topic: 't', partitions }]
    const { responses } = await client.call(fetchApi, 11, { maxWaitMs: 0, minBytes: 0, topics })
    const { errorCode, records, highWatermark } = responses[0]!.partitions[0]!
    assert.equal(errorCode, 0)
    const bytes = records as Buffer
    let end = offset
    for (let at = 0, next; (next = nextBatch(bytes, at)) !== -1; at = next) {
      columns.read(bytes, at)
      for (let index = 0; index < columns.count; index++)
        found.push([
          columns.offset(index),
          String(columns.key(index)),
          Number(String(columns.value(index))),
        ])
      end = batchLastOffset(bytes, at) + 1
    }
    if (end >= Number(highWatermark)) return found
    // A power cut may leave offsets at the end without records, which nobody was told of; the next record gets a reader past them.
    if (end === offset) {
      assert.ok(++waits < 2_000, `a reader is stuck at ${offset} of ${highWatermark}`)
      await systemClock.sleep(5)
    }
    offset = end
  }
}

const kills = 15

test(`compaction: ${kills} times killed or cut off at a random disk write of it, under load, nothing acknowledged is lost`, async (t) => {
  const seed = systemClock.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  const dir = await mkdtemp(join(tmpdir(), 'millrace-compaction-kill-'))
  const configs = {
    'cleanup.policy': 'compact',
    'segment.bytes': '8192',
    'delete.retention.ms': '0',
  }
  const topics = [{ name: 't', partitions: 1, configs }]
  const broker = await startBroker({ dir, worker: false, fsync: 'group', topics })
  const producers = ['p', 'q'].map((name) => new KeyedProducer(broker, name))
  const stop = new AbortController()
  const running = Promise.all(producers.map((producer) => producer.run(stop.signal)))
  /** What was read at an offset once stands there, or is gone. */
  const history = new Map<number, string>()
  let compactions = 0
  try {
    for (let kill = 0; kill < kills; kill++) {
      const atWrite = 1 + randomInt(random, 60)
      const tornBytes = randomInt(random, 200)
      const loseUnsynced = randomInt(random, 2) === 1
      await broker.faults.add({
        action: { type: 'kill', atWrite, tornBytes, loseUnsynced },
        count: 1,
      })
      const isDown = (): Promise<boolean> =>
        broker.partitions('t').then(
          () => false,
          () => true,
        )
      // What the killed broker was doing may never end, as nothing in a dead process does.
      while (!(await isDown())) {
        const compaction = broker.compactNow().then(
          () => true,
          () => true,
        )
        let isOver = false
        void compaction.then(() => (isOver = true))
        await eventually(
          'it ends, or the broker is killed',
          async () => isOver || (await isDown()),
          {
            timeoutMs: 60_000,
            everyMs: 5,
          },
        )
        compactions++
      }
      const owed = producers.flatMap(({ acknowledged }) => [...acknowledged])
      await broker.restart()
      const what = `kill ${kill} at write ${atWrite}, ${loseUnsynced ? 'power cut' : 'kill -9'}`
      const table = new Map<string, number>()
      let last = -1
      for (const [offset, key, number] of await readAll(broker.port)) {
        assert.ok(offset > last, `${what}: offset ${offset} after ${last}`)
        last = offset
        assert.ok(number >= (table.get(key) ?? 0), `${what}: ${key} goes back at ${offset}`)
        table.set(key, number)
        const text = `${key}=${number}`
        assert.equal(history.get(offset) ?? text, text, `${what}: offset ${offset} changed`)
        history.set(offset, text)
      }
      for (const [key, number] of owed)
        assert.ok((table.get(key) ?? -1) >= number, `${what}: ${key}=${number} is lost`)
    }
    stop.abort()
    await running
    await broker.compactNow()
    const records = await readAll(broker.port)
    assert.equal(new Set(records.map(([, key]) => key)).size, records.length)
    assert.equal(records.length, 2 * KEYS)
  } finally {
    stop.abort()
    await broker.close()
  }
  const files = await readdir(dir, { recursive: true })
  assert.deepEqual(
    files.filter((name) => /\.(cleaned|swap)$/.test(name)),
    [],
  )
  await rm(dir, { recursive: true, force: true })
  t.diagnostic(
    `${compactions} compactions ended between ${kills} kills; ${history.size} records read`,
  )
})
