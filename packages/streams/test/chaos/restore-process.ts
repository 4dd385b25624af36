import { armFaults } from '@millrace/core/testing'
import { longSerde, StreamsApp, StreamsBuilder } from '../../src/index.ts'
import { text } from '../streams-fixture.ts'

// Counts keys, on disk. Tells what it restores, as `{ "restored": 12, "from": 34 }` for each store; kills itself at the first commit after a
// message has come: Kafka has it then, the disk has not.
const [broker, applicationId, input, output, stateDir] = process.argv.slice(2)
if (!broker || !applicationId || !input || !output || !stateDir)
  throw new Error('usage: restore-process <broker> <app> <input> <output> <state>')

const builder = new StreamsBuilder()
builder
  .stream(input, text)
  .groupByKey(text)
  .count({ store: 'counts' })
  .toStream()
  .to(output, { value: longSerde })
const begins = new Map<string, number>()
const app = new StreamsApp({
  applicationId,
  brokers: [broker],
  topology: builder.build(),
  guarantee: 'exactly_once_v2',
  commitIntervalMs: 200,
  sessionTimeoutMs: 6_000,
  heartbeatIntervalMs: 300,
  cacheMaxBytes: 0,
  stateDir,
  onRestore({ taskId, phase, offset, restoredCount }) {
    if (phase === 'start') begins.set(taskId, offset)
    if (phase === 'end') process.send?.({ restored: restoredCount, from: begins.get(taskId) })
  },
  onState(state) {
    if (state === 'RUNNING') process.send?.({ isRunning: true })
  },
})
process.on('SIGTERM', () => void app.close())
process.once('message', () => {
  armFaults((point) => {
    if (point === 'streams.commit.afterCommit') process.kill(process.pid, 'SIGKILL')
  })
  process.send?.({ isArmed: true })
})
process.channel?.unref()
await app.start()
