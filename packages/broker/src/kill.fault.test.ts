import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomInt, seededRandom, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { fetchApi, initProducerIdApi, metadataApi, produceApi } from '@millrace/protocol'
import { recordBatch, recordsOf } from '../test/batches.ts'
import { BrokerProcess } from '../test/broker-process.ts'
import { WireClient } from '../test/wire-client.ts'

const PARTITIONS = 3

async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'millrace-broker-kill-'))
}

/** Connects as soon as the broker listens again. */
async function connect(port: number): Promise<WireClient> {
  const deadlineMs = systemClock.monotonicMs() + 120_000
  for (;;) {
    try {
      return await WireClient.connect(port)
    } catch (error) {
      if (systemClock.monotonicMs() > deadlineMs) throw error
      await systemClock.sleep(5)
    }
  }
}

/**
 * An idempotent producer that never gives up a batch: what was not acknowledged is sent again, same sequence, until it is. It remembers what was
 * acknowledged, which is the test's own account of what the broker owes.
 */
class StubbornProducer {
  readonly acknowledged: string[][] = Array.from({ length: PARTITIONS }, () => [])
  readonly #port: number
  readonly #name: string
  readonly #sequences = Array.from({ length: PARTITIONS }, () => 0)
  readonly #size: () => number
  #producerId = -1
  #count = 0
  #acknowledgedCount = 0
  retries = 0

  constructor(port: number, name: string, size: () => number) {
    this.#port = port
    this.#name = name
    this.#size = size
  }

  /** Batches that were acknowledged. */
  get count(): number {
    return this.#acknowledgedCount
  }

  async run(signal: AbortSignal): Promise<void> {
    let client = await connect(this.#port)
    const answer = await client.call(initProducerIdApi, 4, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    })
    this.#producerId = Number(answer.producerId)
    while (!signal.aborted) {
      const partition = this.#count % PARTITIONS
      const values = Array.from(
        { length: 1 + (this.#count % 3) },
        (_, n) => `${this.#name}/${this.#count}/${n}/${'x'.repeat(this.#size())}`,
      )
      this.#count++
      const records = recordBatch({
        values,
        timestampsMs: values.map(() => systemClock.now()),
        producerId: this.#producerId,
        producerEpoch: 0,
        baseSequence: this.#sequences[partition]!,
      })
      for (;;) {
        try {
          await this.#send(client, partition, records)
          break
        } catch {
          this.retries++
          await client[Symbol.asyncDispose]()
          client = await connect(this.#port)
        }
      }
      this.#sequences[partition] = this.#sequences[partition]! + values.length
      this.acknowledged[partition]!.push(...values)
      this.#acknowledgedCount++
    }
    await client[Symbol.asyncDispose]()
  }

  async #send(client: WireClient, index: number, records: Buffer): Promise<void> {
    const { responses } = await client.call(produceApi, 9, {
      acks: -1,
      timeoutMs: 5_000,
      topicData: [{ name: 't', partitionData: [{ index, records: Buffer.from(records) }] }],
    })
    const { errorCode } = responses[0]!.partitionResponses[0]!
    assert.equal(errorCode, 0, 'an idempotent retry is never refused')
  }
}

async function readAll(port: number, partition: number): Promise<string[]> {
  await using client = await connect(port)
  const values: string[] = []
  for (let offset = 0; ;) {
    const { responses } = await client.call(fetchApi, 11, {
      maxWaitMs: 0,
      minBytes: 0,
      topics: [
        {
          topic: 't',
          partitions: [{ partition, fetchOffset: BigInt(offset), partitionMaxBytes: 1_000_000 }],
        },
      ],
    })
    const { errorCode, records, highWatermark } = responses[0]!.partitions[0]!
    assert.equal(errorCode, 0)
    const part = recordsOf(Buffer.from(records!)).filter(([at]) => at >= offset)
    for (const [at, value] of part) {
      assert.equal(at, values.length, 'offsets have no holes')
      values.push(value)
    }
    offset = values.length
    if (BigInt(offset) === highWatermark) return values
  }
}

for (const fsync of ['os', 'group'] as const) {
  test(`kill -9 under load (fsync ${fsync}): nothing acknowledged is lost, nothing doubled, order kept`, async (t) => {
    const seed = randomInt({ float: Math.random, fill: (target) => target }, 1_000_000)
    t.diagnostic(`seed ${seed}`)
    const random = seededRandom(seed)
    const dir = await temporaryDirectory()
    let broker = await BrokerProcess.start(dir, 0, '--create', `t:${PARTITIONS}`, '--fsync', fsync)
    const { port } = broker
    try {
      const stop = new AbortController()
      const producers = ['a', 'b', 'c'].map(
        (name) => new StubbornProducer(port, name, () => randomInt(random, 3_000)),
      )
      const running = producers.map((producer) => producer.run(stop.signal))
      const backAfterMs: number[] = []
      const openedMs: number[] = []
      for (let kill = 0; kill < 6; kill++) {
        // Every producer has got on since the last kill, so that each kill meets all of them.
        const reached = producers.map((producer) => producer.count)
        await eventually(
          'every producer gets on',
          () => producers.every((producer, index) => producer.count >= (reached[index] ?? 0) + 10),
          { timeoutMs: 120_000 },
        )
        await systemClock.sleep(randomInt(random, 300))
        await broker.kill()
        const startedMs = systemClock.monotonicMs()
        broker = await BrokerProcess.start(dir, port, '--fsync', fsync)
        const client = await connect(port)
        await client.call(metadataApi, 9, { topics: [{ name: 't' }] })
        await eventually('it logged how long recovery took', () => broker.openedMs >= 0)
        openedMs.push(broker.openedMs)
        backAfterMs.push(Math.round(systemClock.monotonicMs() - startedMs))
        await client[Symbol.asyncDispose]()
      }
      stop.abort()
      await Promise.all(running)
      // Told, not asserted: how long it takes is the machine's affair as well.
      t.diagnostic(`back after kill -9, ms: ${backAfterMs.join(', ')}`)
      t.diagnostic(`of which opening the logs, ms: ${openedMs.join(', ')}`)
      assert.ok(producers.some(({ retries }) => retries > 0))
      let total = 0
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const stored = await readAll(port, partition)
        total += stored.length
        for (const [index, { acknowledged }] of producers.entries()) {
          const own = stored.filter((value) => value.startsWith(`${'abc'[index]}/`))
          assert.deepEqual(own, acknowledged[partition], `partition ${partition}`)
        }
      }
      t.diagnostic(`${total} records, ${producers.map(({ retries }) => retries).join('+')} retries`)
      assert.ok(total > 50)
    } finally {
      await broker.kill()
      await rm(dir, { recursive: true, force: true })
    }
  })
}

test('command: SIGTERM leaves the clean mark and exits with 0; a second broker on the directory is refused', async () => {
  const dir = await temporaryDirectory()
  try {
    const broker = await BrokerProcess.start(dir, 0)
    await assert.rejects(BrokerProcess.start(dir, 0), /MR_BROKER_DIRECTORY_LOCKED/)
    assert.equal(await broker.stop(), 0)
    const files = await readdir(dir)
    assert.ok(files.includes('clean-shutdown'))
    assert.ok(!files.includes('broker.lock'))
    const again = await BrokerProcess.start(dir, 0)
    await again.kill()
    const taken = await BrokerProcess.start(dir, 0)
    assert.equal(await taken.stop(), 0)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test('command: a taken port, a bad option and a bad topic end it with a code and a reason', async () => {
  const dir = await temporaryDirectory()
  const other = await temporaryDirectory()
  const broker = await BrokerProcess.start(dir, 0)
  try {
    await assert.rejects(BrokerProcess.start(other, broker.port), /MR_BROKER_LISTEN_FAILED/)
    await assert.rejects(BrokerProcess.start(other, 0, '--fsync', 'never'), /MR_BROKER_BAD_OPTION/)
    await assert.rejects(BrokerProcess.start(other, 0, '--create', 'x'), /MR_BROKER_BAD_OPTION/)
    await assert.rejects(BrokerProcess.start('', 0), /MR_BROKER_BAD_OPTION/)
  } finally {
    await broker.stop()
    await rm(dir, { recursive: true, force: true })
    await rm(other, { recursive: true, force: true })
  }
})
