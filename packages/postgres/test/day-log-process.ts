// Archives or restores in a process of its own, for tests that kill it. Arguments: database URL, directory, and a day to restore.
import { armFaultsFromText } from '@millrace/core/testing'
import { openDatabase } from '@millrace/postgres'
import { openDayLog } from './day-log-fixture.ts'

const [url, directory, day] = process.argv.slice(2)
if (!url || !directory)
  throw new Error('usage: day-log-process.ts <database url> <directory> [<day>]')
armFaultsFromText(process.env['MILLRACE_FAULTS'] ?? '')
await using database = openDatabase({ url, applicationName: 'day-log-process' })
const log = openDayLog(database, 'log')
if (day) await log.restore(day)
else await log.archive({ directory, hotDays: 3 })
