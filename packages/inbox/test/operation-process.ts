import { armFaultsFromText } from '@millrace/core/testing'
import { createOperations } from '../src/operations/operations.ts'
import { eventually } from '@millrace/core/testing'
import { openFixture } from './fixture.ts'

// A consumer in a process of its own that carries out an operation and ends with it, for tests that kill it.
const [url, id] = process.argv.slice(2)
if (url === undefined || id === undefined) throw new Error('usage: operation-process <url> <id>')
if (process.env['MILLRACE_FAULTS']) armFaultsFromText(process.env['MILLRACE_FAULTS'])
await using fixture = await openFixture({ url })
const effects = process.env['OPERATION_EFFECTS'] === 'external' ? 'external' : 'none'
fixture.consume({ maxAttempts: 3, duePollMs: 20, topics: ['accounts'], effects })
const operations = createOperations({ database: fixture.database, schema: 'public' })
await eventually('the operation ends', async () => (await operations.get(id))?.state === 'DONE', {
  timeoutMs: 120_000,
})
