import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { compare, differing, type Difference } from '../oracle/random/differing.ts'
import { randomScenario } from '../oracle/random/random-scenario.ts'
import { shrunken } from '../oracle/random/shrink.ts'
import { whyNoJava } from '../oracle/run-java.ts'
import { goldenText } from '../oracle/scenario-files.ts'

// Random topologies and records, run on Kafka Streams and on ours. A failure is made small and kept under oracle/regressions/, from where
// oracle.test.ts replays it for ever. MILLRACE_SEED is the first seed, ORACLE_COUNT how many.
const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const count = Number(process.env['ORACLE_COUNT'] ?? 10_000)
/** Scenarios that are held at once. */
const batchSize = 2500
/** Of many failures most have one cause. */
const maxKept = 3

const missing = await whyNoJava()
const isOnCi = process.env['CI'] === 'true'

test(
  `oracle: ${count} random scenarios write what Kafka Streams writes (first seed ${seed})`,
  { skip: missing !== undefined && !isOnCi ? missing : false },
  async (t) => {
    assert.equal(missing, undefined, 'On CI the oracle has to run.')
    const failures: Difference[] = []
    const endless: string[] = []
    for (let first = 0; first < count; first += batchSize) {
      const size = Math.min(batchSize, count - first)
      const scenarios = Array.from({ length: size }, (_, at) => randomScenario(seed + first + at))
      const batch = await compare(scenarios)
      failures.push(...batch.differences)
      endless.push(...batch.endless)
    }
    // A few feed themselves; if many did, it would be ours that does not end.
    t.diagnostic(`${endless.length} left out, which never end: ${endless.slice(0, 10).join(', ')}`)
    assert.ok(endless.length <= count / 50, `${endless.length} do not end`)
    const kept: string[] = []
    for (const failure of failures.slice(0, maxKept)) kept.push(await keep(failure))
    assert.deepEqual(
      failures.map(({ scenario }) => scenario.name),
      [],
      `These differ from Kafka Streams; made small: ${kept.join(', ')}. Correct what is wrong; the files are replayed from now on.`,
    )
  },
)

/** Makes a failure small and writes it and what Java says of it to `oracle/regressions/`. Returns the file's path. */
async function keep(failure: Difference): Promise<string> {
  const least = await shrunken(failure.scenario, async (candidates) => {
    const still = await differing(candidates)
    return still.filter((each) => isSameFault(failure, each)).map(({ index }) => index)
  })
  const [difference = failure] = await differing([least])
  const folder = join(import.meta.dirname, '../oracle/regressions')
  const path = join(folder, failure.scenario.name.replace(' ', '-'))
  await mkdir(folder, { recursive: true })
  await writeFile(`${path}.json`, `${JSON.stringify([difference.scenario], undefined, 2)}\n`)
  await writeFile(`${path}.golden.json`, goldenText([difference.java]))
  return `${path}.json`
}

/** A topology that Java does not build any more, or that throws otherwise than before, is no smaller form of the same fault. */
function isSameFault(first: Difference, other: Difference): boolean {
  if ((first.java.error?.at === 'build') !== (other.java.error?.at === 'build')) return false
  return first.ours instanceof Error === other.ours instanceof Error
}
