import { armFaultsFromText } from '@millrace/core/testing'
import { StreamsApp } from '../src/index.ts'
import { wordCount } from './streams-fixture.ts'

// An instance of the word count in a process of its own, for tests that kill it.
const [broker, applicationId, input, output, stateDir, type] = process.argv.slice(2)
if (!broker || !applicationId || !input || !output || !stateDir)
  throw new Error('usage: word-count-process <broker> <app> <input> <output> <state> [persistent]')

armFaultsFromText(process.env['MILLRACE_FAULTS'] ?? '')
const app = new StreamsApp({
  applicationId,
  brokers: [broker],
  topology: wordCount(input, output, type === 'persistent' ? 'persistent' : 'memory'),
  // The weaker one is there to see that the test would notice.
  guarantee: process.env['MILLRACE_WEAK'] === 'yes' ? 'at_least_once' : 'exactly_once_v2',
  commitIntervalMs: 50,
  sessionTimeoutMs: 6_000,
  heartbeatIntervalMs: 300,
  // Each update is to be seen.
  cacheMaxBytes: 0,
  threads: 2,
  stateDir,
  onUncaughtError(error) {
    process.stderr.write(`${String(error.stack)}\n`)
    return 'SHUTDOWN_CLIENT'
  },
})
process.on('SIGTERM', () => void app.close())
await app.start()
