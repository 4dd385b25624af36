import { readFile } from 'node:fs/promises'
import { armFaultsFromText } from '@millrace/core/testing'
import type { EventEnvelope } from '@millrace/events'
import { book, dealtWith, openFixture } from './fixture.ts'

// A consumer in a process of its own, for tests that kill it: reads the events of a file from the first one each time it starts,
// as after the loss of all committed offsets, and ends once it has dealt with all of them. With LEDGER_POISON the amount of an event that kills.
const [url, file] = process.argv.slice(2)
if (url === undefined || file === undefined) throw new Error('usage: ledger-process <url> <file>')
if (process.env['MILLRACE_FAULTS']) armFaultsFromText(process.env['MILLRACE_FAULTS'])
const events = JSON.parse(await readFile(file, 'utf8')) as readonly EventEnvelope[]
await using fixture = await openFixture({ url })
for (const [index, event] of events.entries()) fixture.send(event, index % 2)
const poison = Number(process.env['LEDGER_POISON'] ?? Number.NaN)
const consumer = fixture.consume({
  maxBatchRecords: 10,
  handler: async (batch, context) => {
    if (batch.some(({ event }) => (event.data as { amount: number }).amount === poison))
      process.kill(process.pid, 'SIGKILL')
    await book(batch, context)
  },
})
await dealtWith(consumer, events.length)
