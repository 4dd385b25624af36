import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { clientSuite, confluentKafka, type ClientTest } from './client-suite.ts'
import { runTool } from './tool-process.ts'

/** confluent-kafka for Python with a current librdkafka. The scripts in `confluent/` judge for themselves and end with 0. */

async function runScript(on: ClientTest, name: string, ...args: string[]): Promise<string[]> {
  const script = fileURLToPath(new URL(`confluent/${name}.py`, import.meta.url))
  const output = await runTool(on.tool, [script, on.address, ...args], { limitMs: 150_000 })
  const lines = output.trimEnd().split('\n')
  for (const line of lines) on.context.diagnostic(line)
  return lines
}

await clientSuite(confluentKafka, (suite) => {
  suite.test('admin: topics, settings, offsets, records, groups', async (on) => {
    const parts = await runScript(on, 'admin')
    assert.deepEqual(parts, ['topics', 'settings', 'offsets', 'groups', 'cluster'])
  })

  suite.test(
    'cooperative-sticky: members come and go under load, one owner each, every record once; static members',
    async (on) => {
      await runScript(on, 'groups')
    },
    180_000,
  )

  suite.test(
    'transactions: read-process-write with aborts and kills is exactly once; fencing; time-out',
    async (on) => {
      const seed = process.env['MILLRACE_SEED'] ?? String(Date.now() % 1_000_000)
      await runScript(on, 'transactions', seed)
    },
    180_000,
  )
})
