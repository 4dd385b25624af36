import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { randomInt, seededRandom, systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createAdmin, createConsumer, createProducer, type KafkaOptions } from '@millrace/kafka'
import { endChild } from '@millrace/testkit'
import { rounds } from '../spine/rounds.ts'
import { BrokerUnderFire } from './broker-under-fire.ts'
import { brokerSessions } from './group-readers.ts'
import { textOf } from './produced-history.ts'

const partitions = 4
/** Once a second somebody joins, leaves or is killed. */
const changes = process.env['MILLRACE_TEST_LONG'] ? 200 : 20
const groupId = 'copiers'
const program = fileURLToPath(new URL('./copier-process.ts', import.meta.url))
const [seed = 0] = rounds()

/** The copiers that run now. */
class Copiers implements AsyncDisposable {
  readonly #address: string
  readonly #groupProtocol: string
  readonly #running = new Set<ChildProcess>()
  #count = 0

  constructor(address: string, groupProtocol: string) {
    this.#address = address
    this.#groupProtocol = groupProtocol
  }

  get size(): number {
    return this.#running.size
  }

  start(): void {
    const name = `copier-${this.#count++}`
    const args = [program, this.#address, groupId, 'from', 'to', name, this.#groupProtocol]
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    this.#running.add(child)
    child.once('exit', () => this.#running.delete(child))
  }

  end(index: number, signal: 'SIGTERM' | 'SIGKILL'): void {
    ;[...this.#running][index % this.#running.size]?.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((child) => endChild(child, 'SIGKILL')))
  }
}

for (const groupProtocol of ['classic', 'consumer'])
  test(`an exactly-once copy under a rebalance each second, ${changes} of them, and kills: group protocol ${groupProtocol} (seed ${seed})`, async (t) => {
    const random = seededRandom(seed)
    await using broker = await BrokerUnderFire.start([
      ...brokerSessions,
      ...['from', 'to'].flatMap((topic) => ['--create', `${topic}:${partitions}`]),
    ])
    const options: KafkaOptions = { brokers: [broker.address], clientId: 'storm' }
    await using copiers = new Copiers(broker.address, groupProtocol)
    await using producer = await createProducer(options)
    const sent = Array.from({ length: partitions }, (): string[] => [])
    const write = async (count: number): Promise<void> => {
      const records = Array.from({ length: count }, () => {
        const partition = randomInt(random, partitions)
        const value = `${partition}/${sent[partition]!.length}`
        sent[partition]!.push(value)
        return { topic: 'from', partition, key: null, value }
      })
      await producer.send(records)
    }
    copiers.start()
    copiers.start()
    for (let change = 0; change < changes; change++) {
      for (let part = 0; part < 10; part++) {
        await write(20)
        await systemClock.sleep(100)
      }
      const dice = randomInt(random, 6)
      if (copiers.size < 2 || (dice < 3 && copiers.size < 5)) copiers.start()
      else copiers.end(dice, dice === 5 ? 'SIGKILL' : 'SIGTERM')
    }
    while (copiers.size < 2) copiers.start()
    await using admin = await createAdmin(options)
    await eventually(
      'everything is copied',
      async () => {
        if (copiers.size === 0) copiers.start()
        const lag = await admin.groupLag(groupId, ['from'])
        return lag.every(({ lagRecords }) => lagRecords === 0)
      },
      { timeoutMs: 120_000, everyMs: 250 },
    )
    const copied = await readCopies(options, sent)
    for (const [partition, values] of sent.entries())
      assert.deepEqual(copied[partition], values, `partition ${partition}`)
    t.diagnostic(`${sent.flat().length} records copied`)
  })

/** What a read_committed reader finds, up to a mark behind everything. */
async function readCopies(
  options: KafkaOptions,
  sent: readonly (readonly string[])[],
): Promise<readonly (readonly string[])[]> {
  await using producer = await createProducer(options)
  await producer.send(
    sent.map((_, partition) => ({ topic: 'to', partition, key: null, value: 'end' })),
  )
  const copied = sent.map((): string[] => [])
  let left = sent.length
  const group = `checker-${uuidv7()}`
  await using consumer = await createConsumer({ ...options, groupId: group, topics: ['to'] })
  for await (const { partition, records } of consumer) {
    for (const value of records.map((record) => textOf(record)))
      if (value === 'end') left--
      else copied[partition]!.push(value)
    if (left === 0) break
  }
  return copied
}
