import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whyNoApacheKafka } from '@millrace/testkit'
import { generatedDataset, realDatasets } from '../oracle/cluster/datasets.ts'
import { whyNoJava } from '../oracle/run-java.ts'
import { assertAsJava } from './cluster-comparison.ts'

// Kafka Streams and ours side by side on Apache Kafka: oracle/cluster/README.md. All of the data: cluster.long.test.ts.
const missing = (await whyNoJava()) ?? (await whyNoApacheKafka())
const isOnCi = process.env['CI'] === 'true'
const skip = missing !== undefined && !isOnCi ? missing : false
const timeout = 590_000
const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)

test(
  'cluster: windows and joins of generated records, as out of order as real ones, end as in Java',
  { skip, timeout },
  async (t) => {
    assert.equal(missing, undefined)
    t.diagnostic(`MILLRACE_SEED=${seed}`)
    await assertAsJava(
      t,
      [generatedDataset(1_500, seed)],
      [{ name: 'ours', systems: ['millrace'] }],
      1,
    )
  },
)

test(
  'cluster: state that Java left is gone on from, and Java goes on from ours',
  { skip, timeout },
  async (t) => {
    assert.equal(missing, undefined)
    const [dataset = generatedDataset(1_000, seed)] = realDatasets(1_000) ?? []
    await assertAsJava(
      t,
      [dataset],
      [
        { name: 'Java, then ours', systems: ['java', 'millrace'] },
        { name: 'ours, then Java', systems: ['millrace', 'java'] },
      ],
      2,
    )
  },
)
