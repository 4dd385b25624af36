import { test } from 'node:test'
import { whyNoApacheKafka } from '@millrace/testkit'
import { realDatasets } from '../oracle/cluster/datasets.ts'
import { whyNoJava } from '../oracle/run-java.ts'
import { assertAsJava } from './cluster-comparison.ts'

// All of the real data, which is not kept with the sources; a part of it, or generated records, in cluster.oracle.test.ts.
const datasets = realDatasets()
const missing =
  (await whyNoJava()) ??
  (await whyNoApacheKafka()) ??
  (datasets ? undefined : 'the real data are absent.')

for (const dataset of datasets ?? [])
  test(
    `cluster: windows and joins of ${dataset.name}, all of them, end as in Java`,
    { skip: missing ?? false },
    async (t) => {
      await assertAsJava(t, [dataset], [{ name: 'ours', systems: ['millrace'] }], 1)
    },
  )

for (const dataset of datasets ?? [])
  test(
    `cluster: ${dataset.name}: Java goes on from our state in the middle, and ours from Java's`,
    { skip: missing ?? false },
    async (t) => {
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

if (!datasets) test('cluster: all of the real data', { skip: missing ?? false }, () => {})
