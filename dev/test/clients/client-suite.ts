import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, before, describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { uuidv7 } from '@millrace/core'
import { createAdmin, type TopicSpecification } from '@millrace/kafka'
import {
  fetchJars,
  kafkaBackends,
  whyNoJars,
  type JarSet,
  type KafkaBackend,
  type RunningKafka,
} from '@millrace/testkit'

const run = promisify(execFile)
const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url))

/** A client that must be on the machine. */
export interface ClientTool {
  readonly name: string
  /** Gives what starts it, or throws a `ToolMissing` that says what is not there. */
  find(): Promise<string>
}

class ToolMissing extends Error {}

/** What a test of a client gets. */
export interface ClientTest {
  readonly context: TestContext
  readonly kafka: RunningKafka
  /** `127.0.0.1:port`. */
  readonly address: string
  /** What the tool's `find` gave: a command, or a class path. */
  readonly tool: string
  readonly isApacheKafka: boolean
  /** A name that no other test uses. */
  unique(prefix: string): string
  /** Makes a topic of its own and gives its name. */
  topic(partitions?: number, configs?: TopicSpecification['configs']): Promise<string>
}

const apacheKafka = 'Apache Kafka'

export interface ClientSuite {
  /** A test on each broker; it fails when it takes longer than `limitMs`, default 180,000. */
  test(name: string, body: (on: ClientTest) => Promise<void>, limitMs?: number): void
}

/**
 * Runs the same tests of one client on our broker and, as the reference, on Apache Kafka. A client that is not on this machine is
 * skipped by name; where CI=true, which must have it, that is a failure. Call it last in a file: the tests start while the module
 * still waits for the next client to be found.
 * @param reference `long`: the reference, which then has nothing of ours in it, is run with `MILLRACE_TEST_LONG` alone
 */
export async function clientSuite(
  tool: ClientTool,
  define: (suite: ClientSuite) => void,
  { reference }: { readonly reference?: 'long' } = {},
): Promise<void> {
  let found: string
  try {
    found = await tool.find()
  } catch (error) {
    if (!(error instanceof ToolMissing) || process.env['CI'] === 'true') throw error
    void test(tool.name, { skip: error.message }, () => {})
    return
  }
  const isReferenceLeftOut = reference === 'long' && !process.env['MILLRACE_TEST_LONG']
  for (const backend of await kafkaBackends())
    if (!isReferenceLeftOut || backend.name !== apacheKafka)
      defineOn(backend, tool.name, found, define)
}

function defineOn(
  backend: KafkaBackend,
  name: string,
  tool: string,
  define: (suite: ClientSuite) => void,
): void {
  void describe(`${name} on ${backend.name}`, () => {
    let kafka: RunningKafka
    before(async () => {
      kafka = await backend.start()
    })
    after(() => kafka?.stop())
    define({
      test: (title, body, limitMs = 180_000) => {
        void test(title, { timeout: limitMs }, (context) =>
          body(clientTest(context, kafka, tool, backend)),
        )
      },
    })
  })
}

function clientTest(
  context: TestContext,
  kafka: RunningKafka,
  tool: string,
  backend: KafkaBackend,
): ClientTest {
  const address = `127.0.0.1:${kafka.port}`
  const unique = (prefix: string): string => `${prefix}-${uuidv7().slice(-12)}`
  return {
    context,
    kafka,
    address,
    tool,
    isApacheKafka: backend.name === apacheKafka,
    unique,
    topic: async (partitions = 1, configs = {}) => {
      const name = unique('t')
      await using admin = await createAdmin({ brokers: [address], clientId: 'client-suite' })
      await admin.ensureTopics([{ name, partitions, configs }])
      return name
    },
  }
}

/** kcat (librdkafka 2.0 in Debian 12). */
export const kcat: ClientTool = {
  name: 'kcat',
  find: async () => {
    await run('kcat', ['-V']).catch(() => missing('no kcat command (Debian: apt install kcat)'))
    return 'kcat'
  },
}

/** Python with confluent-kafka; the virtual environment in `.cache/python` goes before the machine's own. */
export const confluentKafka: ClientTool = {
  name: 'confluent-kafka (Python)',
  find: async () => {
    const own = `${repositoryRoot}.cache/python/bin/python3`
    const python = existsSync(own) ? own : 'python3'
    await run(python, ['-c', 'import confluent_kafka']).catch(() =>
      missing('no python3 that has confluent_kafka (pip install confluent-kafka)'),
    )
    return python
  },
}

/** A client among the packages of this repository. */
export function installedPackage(name: string): ClientTool {
  return { name, find: async () => name }
}

/** Java programs; `tool` is their class path. */
export function javaClient(name: string, jars: JarSet): ClientTool {
  return {
    name,
    find: async () => {
      const reason = await whyNoJars(jars)
      if (reason !== undefined) missing(reason)
      return `${await fetchJars(jars)}/*`
    },
  }
}

function missing(what: string): never {
  throw new ToolMissing(what)
}
