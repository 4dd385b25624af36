/**
 * A process that holds one client and nothing else, whose broker is away: it must neither end, silently and with code 0, nor hang past its
 * time-outs. What keeps it is a timer of the client's, for there is no connection.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { systemClock } from '@millrace/core'
import { endChild, exitOf, freePorts, startEmbeddedBroker } from '@millrace/testkit'
import { createTopic, uniqueName } from '../test/fixtures.ts'
import { startRawServer } from '../test/scripted-broker.ts'
import { createProducer } from './index.ts'

const program = fileURLToPath(new URL('../test/lone-client.ts', import.meta.url))
/** Longer than any pause between two attempts, and than a time-out of the processes. */
const outageMs = 3_000
const limitMs = 120_000

class LoneProcess implements AsyncDisposable {
  readonly #child
  #said = ''

  constructor(what: string, address: string, topic = uniqueName('topic')) {
    this.#child = spawn(process.execPath, [program, what, address, topic], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child.stdout.on('data', (text: Buffer) => (this.#said += text.toString()))
  }

  get lines(): readonly string[] {
    return this.#said.split('\n').slice(0, -1)
  }

  signal(): void {
    this.#child.kill('SIGUSR2')
  }

  /** Resolves when it has said the line. @throws when it ends before, or takes too long */
  async says(line: string): Promise<void> {
    await eventually(
      `the process says "${line}"`,
      () => {
        if (this.lines.includes(line)) return true
        assert.deepEqual([this.#child.exitCode, this.#child.signalCode], [null, null], 'it ended')
        return false
      },
      { timeoutMs: limitMs },
    )
  }

  /** How it ended by itself, and what it had said until then. */
  async ended(): Promise<{ code: number | null; lines: readonly string[] }> {
    const { code } = await exitOf(this.#child, limitMs)
    return { code, lines: this.lines }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endChild(this.#child, 'SIGKILL')
  }
}

const failing = [
  { what: 'send', line: 'MR_KAFKA_DELIVERY_FAILED' },
  { what: 'transact', line: 'MR_KAFKA_UNREACHABLE' },
  { what: 'list', line: 'MR_KAFKA_UNREACHABLE' },
]

describe('a lone process whose broker is not there', () => {
  for (const { what, line } of failing)
    test(`${what}: fails within its time-out, and the process ends`, async () => {
      const [port] = await freePorts(1)
      await using lone = new LoneProcess(what, `127.0.0.1:${port}`)
      assert.deepEqual(await lone.ended(), { code: 0, lines: [line, 'end'] })
    })

  for (const what of ['read in a group, close', 'read what is assigned, close'])
    test(`${what}: goes on until it is closed, and the process ends`, async () => {
      const [port] = await freePorts(1)
      await using lone = new LoneProcess(what, `127.0.0.1:${port}`)
      assert.deepEqual(await lone.ended(), { code: 0, lines: ['reads', 'end'] })
    })
})

describe('a lone process whose broker takes connections and never answers', () => {
  for (const { what } of failing)
    test(`${what}: fails within its time-out, and the process ends`, async () => {
      await using silent = await startRawServer(() => {})
      await using lone = new LoneProcess(what, `127.0.0.1:${silent.port}`)
      const { code, lines } = await lone.ended()
      assert.equal(code, 0)
      assert.match(lines[0] ?? '', /^MR_KAFKA_/)
      assert.equal(lines[1], 'end')
    })

  for (const what of ['read in a group, close', 'read what is assigned, close'])
    test(`${what}: ends when it is closed`, async () => {
      await using silent = await startRawServer(() => {})
      await using lone = new LoneProcess(what, `127.0.0.1:${silent.port}`)
      assert.deepEqual(await lone.ended(), { code: 0, lines: ['reads', 'end'] })
    })
})

describe('a lone process whose broker comes back', () => {
  for (const what of [
    'read in a group',
    'read in a consumer group',
    'read what is assigned',
    'read what is paused',
  ])
    test(`${what}: outlives two outages, and reads on`, async () => {
      await using broker = await startEmbeddedBroker()
      const options = { brokers: broker.brokers, clientId: 'test' }
      const topic = await createTopic(options, 1)
      const write = async (value: string): Promise<void> => {
        await using producer = await createProducer(options)
        await producer.send([{ topic, key: null, value }])
      }
      await broker.kill()
      await using lone = new LoneProcess(what, `127.0.0.1:${broker.port}`, topic)
      await lone.says('reads')
      await systemClock.sleep(outageMs)
      await broker.restart()
      await write('one')
      if (what === 'read what is paused') await systemClock.sleep(1_000)
      else await lone.says('one')
      await broker.kill()
      await systemClock.sleep(outageMs)
      await broker.restart()
      await write('stop')
      if (what === 'read what is paused') lone.signal()
      const { code, lines } = await lone.ended()
      assert.deepEqual([code, [...new Set(lines)]], [0, ['reads', 'one', 'stop', 'end']])
    })

  for (const what of ['send through an outage', 'linger through an outage'])
    test(`${what}: what waits is sent when the broker is there again`, async () => {
      await using broker = await startEmbeddedBroker()
      const topic = await createTopic({ brokers: broker.brokers, clientId: 'test' }, 1)
      const isLingering = what.startsWith('linger')
      if (!isLingering) await broker.kill()
      await using lone = new LoneProcess(what, `127.0.0.1:${broker.port}`, topic)
      if (isLingering) {
        await systemClock.sleep(2_000)
        await broker.kill()
      }
      await systemClock.sleep(outageMs)
      await broker.restart()
      assert.deepEqual(await lone.ended(), { code: 0, lines: ['done', 'end'] })
    })
})
