import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { createProducer, type KafkaOptions, type ProducerRecord } from '@millrace/kafka'
import { exitOf, isRunning, kafkaBackends } from '@millrace/testkit'
import { longSerde } from '@millrace/streams'
import { createTopics, readCommitted, type ReadRecord } from '../test/streams-fixture.ts'

const folder = fileURLToPath(new URL('../', import.meta.url))
const readme = await readFile(join(folder, 'README.md'), 'utf8')

/** A project with nothing in it but what `npm install <this folder>` makes, and the example as the README has it. */
async function cleanProject(example: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-readme-'))
  await writeFile(join(path, 'package.json'), '{ "type": "module" }\n')
  await mkdir(join(path, 'node_modules/@millrace'), { recursive: true })
  await symlink(folder, join(path, 'node_modules/@millrace/streams'))
  await writeFile(join(path, 'main.ts'), example)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

const json = (value: object): string => JSON.stringify(value)
const atMs = 1_700_000_000_000

interface Example {
  /** Its folder in `examples/`. */
  readonly name: string
  readonly topics: readonly string[]
  readonly output: string
  readonly input: readonly ProducerRecord[]
  /** Records that let time pass, sent one after the other until all has come that is expected. */
  readonly later?: (count: number) => ProducerRecord
  readonly shown: (record: ReadRecord) => string
  readonly expected: readonly string[]
}

const examples: readonly Example[] = [
  {
    name: 'word-count',
    topics: ['lines'],
    output: 'word-counts',
    input: [
      { topic: 'lines', key: null, value: 'To be or not' },
      { topic: 'lines', key: null, value: 'to be' },
    ],
    // Of a word counted twice between two commits the last count alone is sent.
    shown: ({ key, value }) => `${key} ${value && longSerde.deserialize(value)}`,
    expected: ['be 2', 'not 1', 'or 1', 'to 2'],
  },
  {
    name: 'order-join',
    topics: ['orders', 'payments'],
    output: 'order-states',
    input: [order('o1', 20, atMs), payment('o1', 20, atMs + 9_000), order('o2', 30, atMs + 9_000)],
    // Java's throttle: rows without a partner are looked for once in a second.
    later: (count) => order(`later${count}`, 1, atMs + 60_000 * count),
    shown: ({ value }) => String(value),
    expected: [
      '{"orderId":"o1","total":20,"isPaid":true}',
      '{"orderId":"o2","total":30,"isPaid":false}',
    ],
  },
]

function order(orderId: string, total: number, timestampMs: number): ProducerRecord {
  return { topic: 'orders', key: orderId, value: json({ orderId, total }), timestampMs }
}

function payment(orderId: string, amount: number, timestampMs: number): ProducerRecord {
  return { topic: 'payments', key: null, value: json({ orderId, amount }), timestampMs }
}

for (const backend of await kafkaBackends())
  for (const { name, topics, output, input, later, shown, expected } of examples)
    test(`the README's ${name} runs in a clean project on ${backend.name}`, async () => {
      await using kafka = await backend.start()
      const options: KafkaOptions = { brokers: kafka.brokers, clientId: 'readme-test' }
      await createTopics(options, 1, ...topics, output)
      const example = await readFile(join(folder, 'examples', name, 'main.ts'), 'utf8')
      assert.ok(readme.includes(`\`\`\`ts\n${example}\`\`\``), `the README has ${name}`)
      await using project = await cleanProject(example)
      await using producer = await createProducer(options)
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'main.ts'], {
        cwd: project.path,
        env: { ...process.env, KAFKA_BROKER: kafka.brokers[0] },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      try {
        await producer.send(input)
        let laterCount = 0
        await eventually(
          `${name} has written`,
          async () => {
            // The last of each, since commits decide which counts in between are sent.
            const rows = (await readCommitted(options, output)).map(
              (record) => [record.key, shown(record)] as const,
            )
            if (later && rows.length > 0) await producer.send([later(++laterCount)])
            const last = new Map(rows.filter(([key]) => !key.startsWith('later')))
            assert.deepEqual([...last.values()].toSorted(), expected)
            return true
          },
          { timeoutMs: 120_000, everyMs: 100 },
        )
        child.kill('SIGTERM')
        assert.equal((await exitOf(child, 60_000)).code, 0)
      } finally {
        if (isRunning(child)) child.kill('SIGKILL')
      }
    })
