/** Ours for the streams suite: runs one topology until its standard input ends. */
import { StreamsApp } from '@millrace/streams'
import type { StreamsJob } from './job.ts'

const job = JSON.parse(process.argv[2] ?? '') as StreamsJob
// Workers have the environment of their process.
process.env['STREAMS_JOB'] = process.argv[2]
const app = new StreamsApp({
  applicationId: job.applicationId,
  topology: new URL('./topology-module.ts', import.meta.url),
  brokers: [job.brokers],
  guarantee: job.guarantee,
  commitIntervalMs: job.commitIntervalMs,
  threads: job.threads,
  cacheMaxBytes: job.cacheBytes,
  stateDir: job.stateDir,
  sessionTimeoutMs: job.sessionTimeoutMs,
  onUncaughtError: (error) => {
    console.error(error)
    process.exit(1)
  },
})
await app.start()
process.stdout.write('{"result":{}}\n')
process.stdin.resume()
process.stdin.once('end', () => {
  setTimeout(() => process.exit(0), 10_000).unref()
  void app.close().then(() => process.exit(0))
})
