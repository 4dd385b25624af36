import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { randomInt, seededRandom, systemClock, type Random } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createAdmin, createProducer, type KafkaOptions } from '@millrace/kafka'
import { endChild, exitOf, kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  countsOf,
  createTopics,
  readCommitted,
  stateDirectory,
  uniqueName,
} from '../../test/streams-fixture.ts'

const program = fileURLToPath(new URL('../../test/word-count-process.ts', import.meta.url))
const kills = Number(process.env['MILLRACE_KILLS'] ?? 5)
const words = Array.from({ length: 40 }, (_, index) => `word${index}`)
const linesPerSecond = 200

/** Instances of the app, each with a state directory that outlives it. */
class Instances {
  readonly #args: readonly string[]
  readonly #stateDir: string
  readonly #type: string
  readonly #running = new Map<number, ChildProcess>()

  constructor(
    args: readonly string[],
    options: {
      readonly stateDir: string
      readonly type: string
    },
  ) {
    this.#args = args
    this.#stateDir = options.stateDir
    this.#type = options.type
  }

  start(index: number, faults = ''): ChildProcess {
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        program,
        ...this.#args,
        `${this.#stateDir}/${index}`,
        this.#type,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, MILLRACE_FAULTS: faults } },
    )
    this.#running.set(index, child)
    return child
  }

  async end(index: number, signal: NodeJS.Signals): Promise<void> {
    const child = this.#running.get(index)
    this.#running.delete(index)
    if (child) await endChild(child, signal)
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    await Promise.all([...this.#running.keys()].map((index) => this.end(index, signal)))
  }
}

for (const backend of await kafkaBackends())
  describe(`word count killed on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-fault-test' }
    })
    after(() => kafka.stop())

    for (const type of ['memory', 'persistent'])
      test(`exactly once, state in ${type}: 3 instances of 2 threads, killed ${kills} times in a commit or anywhere, count every word once and in order`, async (t) => {
        const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
        t.diagnostic(`MILLRACE_SEED=${seed}`)
        const random = seededRandom(seed)
        await using directory = await stateDirectory()
        const [input, output] = [uniqueName('lines'), uniqueName('counts')]
        await createTopics(options, 4, input, output)
        const args = [kafka.brokers[0] as string, uniqueName('app'), input, output]
        const instances = new Instances(args, {
          stateDir: directory.path,
          type,
        })
        const writer = startWriter(options, input, random)
        await using admin = await createAdmin(options)
        let seen = 0n
        /** All instances together have counted more since the last call: nobody is dead, or joining. */
        const goesOn = async (): Promise<void> => {
          await eventually(
            'counting goes on',
            async () => {
              const rows = await admin.endOffsets(output)
              const end = rows.reduce((sum, { offset }) => sum + offset, 0n)
              if (end < seen + 300n) return false
              seen = end
              return true
            },
            { timeoutMs: 60_000, everyMs: 100 },
          )
        }
        try {
          for (let index = 0; index < 3; index++) instances.start(index)
          for (let kill = 0; kill < kills; kill++) {
            await goesOn()
            const index = randomInt(random, 3)
            if (kill % 2 === 0) {
              await systemClock.sleep(randomInt(random, 300))
              await instances.end(index, 'SIGKILL')
            } else {
              await instances.end(index, 'SIGTERM')
              const { signal } = await exitOf(instances.start(index, nextFault(random)))
              assert.equal(signal, 'SIGKILL')
            }
            instances.start(index)
          }
          await goesOn()
          const written = await writer.stop()
          await allIsCounted(options, output, written, 90_000)
          await instances.stop('SIGTERM')
          assertExact(await readCommitted(options, output), written)
        } finally {
          await writer.stop()
          await instances.stop('SIGKILL')
        }
      })
  })

for (const backend of await kafkaBackends())
  describe(`word count stopped on ${backend.name}`, () => {
    test('exactly once: an instance that stands still past its session, and wakes up, counts nothing twice', async (t) => {
      const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
      t.diagnostic(`MILLRACE_SEED=${seed}`)
      const random = seededRandom(seed)
      await using kafka = await backend.start()
      const options = { brokers: kafka.brokers, clientId: 'streams-fault-test' }
      await using directory = await stateDirectory()
      const [input, output] = [uniqueName('lines'), uniqueName('counts')]
      await createTopics(options, 4, input, output)
      const args = [kafka.brokers[0] as string, uniqueName('app'), input, output]
      const instances = new Instances(args, { stateDir: directory.path, type: 'persistent' })
      const writer = startWriter(options, input, random)
      const total = async (): Promise<number> => (await readCommitted(options, output)).length
      try {
        const zombie = instances.start(0)
        await eventually('counting', async () => (await total()) > 200, { timeoutMs: 30_000 })
        await systemClock.sleep(randomInt(random, 200))
        zombie.kill('SIGSTOP')
        instances.start(1)
        const before = await total()
        await eventually('the other took over', async () => (await total()) > before + 1_000, {
          timeoutMs: 60_000,
          everyMs: 200,
        })
        zombie.kill('SIGCONT')
        await systemClock.sleep(3_000)
        const written = await writer.stop()
        await allIsCounted(options, output, written, 60_000)
        await instances.stop('SIGTERM')
        assertExact(await readCommitted(options, output), written)
      } finally {
        await writer.stop()
        await instances.stop('SIGKILL')
      }
    })
  })

type Written = ReadonlyMap<string, number>

async function allIsCounted(
  options: KafkaOptions,
  output: string,
  written: Written,
  timeoutMs: number,
): Promise<void> {
  await eventually(
    'everything is counted',
    async () => {
      const counts = countsOf(await readCommitted(options, output))
      for (const [word, count] of written) assert.equal(counts.get(word)?.at(-1), count)
      return true
    },
    { timeoutMs, everyMs: 500 },
  )
}

function assertExact(records: Awaited<ReturnType<typeof readCommitted>>, written: Written): void {
  for (const [word, counts] of countsOf(records))
    assert.deepEqual(
      counts,
      Array.from({ length: written.get(word) ?? 0 }, (_, index) => index + 1),
      `each count of ${word} is there once and in order`,
    )
}

function nextFault(random: Random): string {
  const points = ['beforeOffsets', 'afterOffsets', 'afterCommit']
  return `kill@streams.commit.${points[randomInt(random, points.length)]}#${1 + randomInt(random, 10)}`
}

/** Writes lines all the time; `stop` tells how often each word was written. */
function startWriter(options: KafkaOptions, topic: string, random: Random) {
  const written = new Map<string, number>()
  const stopping = new AbortController()
  const writing = (async () => {
    await using producer = await createProducer(options)
    while (!stopping.signal.aborted) {
      const lines = Array.from({ length: linesPerSecond / 10 }, () =>
        Array.from({ length: 3 }, () => words[randomInt(random, words.length)] as string),
      )
      await producer.sendColumns({ topic, values: lines.map((line) => line.join(' ')) })
      for (const word of lines.flat()) written.set(word, (written.get(word) ?? 0) + 1)
      await systemClock.sleep(100)
    }
  })()
  return {
    async stop(): Promise<Written> {
      stopping.abort()
      await writing
      return written
    },
  }
}
