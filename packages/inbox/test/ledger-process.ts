import { readFile } from 'node:fs/promises'
import { armFaultsFromText } from '@millrace/core/testing'
import type { EventEnvelope } from '@millrace/events'
import { dealtWith, openFixture } from './fixture.ts'

// A consumer in a process of its own, for tests that kill it: reads the events of a file from the first one each time it starts,
// as after the loss of all committed offsets, and ends once it has dealt with all of them.
const [url, file] = process.argv.slice(2)
if (url === undefined || file === undefined) throw new Error('usage: ledger-process <url> <file>')
if (process.env['MILLRACE_FAULTS']) armFaultsFromText(process.env['MILLRACE_FAULTS'])
const events = JSON.parse(await readFile(file, 'utf8')) as readonly EventEnvelope[]
await using fixture = await openFixture({ url })
for (const [index, event] of events.entries()) fixture.send(event, index % 2)
await dealtWith(fixture.consume({ maxBatchRecords: 10 }), events.length)
