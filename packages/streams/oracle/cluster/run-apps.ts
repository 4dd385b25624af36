import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StreamsApp } from '@millrace/streams'
import { endChild, exitOf } from '@millrace/testkit'
import { javaClassPath } from '../run-java.ts'
import { buildTopology } from '../run-scenario.ts'
import type { ClusterJob } from './job.ts'

/** Applications that run. */
export interface RunningApps {
  /** @throws Error if one of them has failed */
  check(): void
  /** Lets them commit and leave their groups. @throws Error if one of them has failed */
  close(): Promise<void>
  /** By force, if they still run. */
  kill(): Promise<void>
}

const closeTimeoutMs = 90_000

/** All in one JVM. */
export async function startJava(
  jobs: readonly ClusterJob[],
  directory: string,
): Promise<RunningApps> {
  const file = join(directory, `jobs-${jobs[0]?.applicationId}.json`)
  await writeFile(file, JSON.stringify(jobs))
  const options = ['-Xmx768m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const child = spawn('java', [...options, '-cp', await javaClassPath(), 'ClusterApps', file], {
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-4_000)
  })
  const failed = (): Error =>
    new Error(`The applications in Java ended with ${child.exitCode ?? child.signalCode}: ${said}`)
  return {
    check() {
      if (child.exitCode !== null || child.signalCode !== null) throw failed()
    },
    async close() {
      child.stdin.end()
      await exitOf(child, closeTimeoutMs)
      if (child.exitCode !== 0) throw failed()
    },
    async kill() {
      await endChild(child, 'SIGKILL')
    },
  }
}

/** All in this process. */
export async function startOurs(jobs: readonly ClusterJob[]): Promise<RunningApps> {
  const apps = jobs.map(
    (job) =>
      new StreamsApp({
        applicationId: job.applicationId,
        brokers: [job.broker],
        topology: buildTopology(job),
        guarantee: 'exactly_once_v2',
        stateDir: job.stateDir,
        threads: job.threads,
        commitIntervalMs: job.commitIntervalMs,
        maxTaskIdleMs: job.maxTaskIdleMs,
        cacheMaxBytes: job.cacheMaxBytes,
        transactionTimeoutMs: 60_000,
      }),
  )
  const check = (): void => {
    for (const { failure } of apps) if (failure) throw failure
  }
  const close = async (): Promise<void> => {
    await Promise.all(apps.map((app) => app.close()))
  }
  await Promise.all(apps.map((app) => app.start()))
  return {
    check,
    async close() {
      await close()
      check()
    },
    kill: close,
  }
}
