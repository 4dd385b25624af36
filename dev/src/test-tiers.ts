import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Test files at once: one for each core; each may run several servers, so no more than four… */
const perCore = Math.max(2, Math.min(4, availableParallelism()))
/** …and one more where a file waits for the start of its servers for a good part of its time. */
const perCoreAndOne = perCore + 1

/**
 * The tiers, by the suffix of a test file (STYLE 8). Each has a time budget on 2 cores; `long` holds the full counts named in the issues
 * and runs once per issue, not on CI.
 */
const tiers = {
  /** Nothing installed; browser tests where a chromium is found. At most 10 minutes. */
  test: {
    takes: (file: string) => !/\.(fault|long|client|oracle)\.test\.ts$/.test(file),
    env: {},
    concurrency: perCoreAndOne,
  },
  /** The broker-facing suites again, on Apache Kafka alone (needs Java 17 and Maven): the tier `test` has them on the embedded broker. */
  kafka: {
    takes: (file: string) => file.endsWith('.kafka.test.ts'),
    env: { MILLRACE_TEST_KAFKA: 'apache-only' },
    concurrency: perCoreAndOne,
  },
  /** Clients nobody here wrote, on our broker and on Apache Kafka; one that is absent is skipped by name, on CI it fails. At most 12 minutes. */
  clients: {
    takes: (file: string) => file.endsWith('.client.test.ts'),
    env: { MILLRACE_TEST_KAFKA: 'apache' },
    concurrency: perCore,
  },
  /** What Kafka Streams itself answers, asked anew (needs Java 17 and Maven). At most 5 minutes. */
  oracle: {
    takes: (file: string) => file.endsWith('.oracle.test.ts'),
    env: {},
    concurrency: perCore,
  },
  /** Real processes, killed. At most 15 minutes. */
  faults: {
    takes: (file: string) => file.endsWith('.fault.test.ts'),
    env: {},
    concurrency: perCore,
  },
  long: {
    takes: (file: string) => /\.(fault|long)\.test\.ts$/.test(file),
    env: { MILLRACE_TEST_LONG: 'true' },
    concurrency: 1,
  },
} as const

type Tier = keyof typeof tiers

/**
 * A test or a suite that takes longer hangs: it fails under its name, so that the rest of the run still tells what it has to. What it left open would
 * keep its file's process for ever; see test-process.ts.
 */
const testTimeoutMs = 15 * 60_000

const testProcess = new URL('./test-process.ts', import.meta.url).href
const root = fileURLToPath(new URL('../../', import.meta.url))
const patterns = [
  '*.test.ts',
  '{packages,services}/*/{src,test}/**/*.test.ts',
  'apps/*/{features,lib,test,ui}/**/*.test.ts',
  '{contracts,dev,bench}/{src,test}/**/*.test.ts',
]

const [first, ...rest] = process.argv.slice(2)
const tier: Tier = first !== undefined && first in tiers ? (first as Tier) : 'test'
const words = first === undefined || first in tiers ? rest : [first, ...rest]
const files = globSync(patterns, { cwd: root, exclude: (name) => name === 'node_modules' })
  .filter(
    (file) =>
      tiers[tier].takes(file) && (words.length === 0 || words.some((word) => file.includes(word))),
  )
  .toSorted()
if (files.length === 0) {
  console.error(`No test file of the tier "${tier}" has ${words.join(' or ')} in its path.`)
  process.exit(1)
}
/** Compiled code of earlier processes: of a file that takes a second or two half a second is the compiling of what it imports. */
const compileCache = join(root, '.cache', 'test-compiled')
const child = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${tiers[tier].concurrency}`,
    ...(tier === 'long' ? [] : [`--test-timeout=${testTimeoutMs}`, '--import', testProcess]),
    ...files,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env, ...tiers[tier].env },
  },
)
// Whoever ends this process wants the end of the run, and what it has found until then.
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code) => process.exit(code ?? 1))
