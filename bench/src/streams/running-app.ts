/** One system under a job, in a process of its own: started, watched, ended or killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { systemClock } from '@millrace/core'
import { exitOf, isRunning } from '@millrace/testkit'
import { processUsage, type ProcessUsage, type Program } from '../kafka/measured-process.ts'
import type { StreamsJob } from './job.ts'

export interface System {
  readonly name: string
  readonly program: Program
  readonly environment?: Readonly<Record<string, string>>
}

/** A run that takes longer has failed. */
const timeoutMs = 300_000
const pollMs = 20

export class RunningApp {
  readonly startedMs = performance.now()
  readonly #child: ChildProcess
  #maxAnonymousMb = 0

  constructor({ program, environment }: System, job: StreamsJob) {
    this.#child = spawn(program.command, [...program.args, JSON.stringify(job)], {
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { ...process.env, ...environment },
    })
  }

  /** What it has used until now; undefined where there is no /proc. */
  usage(): ProcessUsage | undefined {
    return processUsage(this.#child.pid ?? 0)
  }

  /** Highest of the looks taken by `until`: memory that is no page of a file. */
  get maxAnonymousMb(): number {
    return this.#maxAnonymousMb
  }

  /** Looks again and again until there is something. @throws Error when the process has ended, or after 300 s */
  async until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const giveUpMs = performance.now() + timeoutMs
    while (performance.now() < giveUpMs) {
      const { exitCode } = this.#child
      if (exitCode !== null) throw new Error(`the application ended with ${exitCode}`)
      this.#maxAnonymousMb = Math.max(this.#maxAnonymousMb, anonymousMb(this.#child.pid ?? 0))
      const found = await look()
      if (found !== undefined) return found
      await systemClock.sleep(pollMs)
    }
    throw new Error(`${what} not in ${timeoutMs} ms`)
  }

  /** In order, or after 15 s by force. */
  async end(): Promise<void> {
    if (!isRunning(this.#child)) return
    this.#child.stdin?.end()
    await exitOf(this.#child, 15_000).catch(() => {}) // What it measured is told already.
  }

  /** SIGKILL; resolves once the process is gone. */
  async kill(): Promise<void> {
    const exited = exitOf(this.#child, 15_000)
    this.#child.kill('SIGKILL')
    await exited
  }
}

function anonymousMb(pid: number): number {
  try {
    const found = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Number(found?.[1] ?? 0) / 1024
  } catch {
    return 0 // Not Linux, or gone.
  }
}
