import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@millrace/core'
import type { Instance } from './part.ts'
import { repositoryRoot } from './start-options.ts'

export interface ChildOptions {
  /** TypeScript file to run with this process's Node. */
  readonly file: URL
  readonly env: Readonly<Record<string, string>>
  /** Output and errors are appended here. */
  readonly logFile: string
  /** Open a channel for messages. */
  readonly hasChannel?: boolean
}

/** A child that ends when asked, when killed, or when this process dies (its stdin closes then). */
export interface ChildInstance extends Instance {
  readonly process: ChildProcess
}

/** Compiled code of earlier starts: half a second and some memory less per process. Node drops what no longer fits its sources. */
const compileCache = join(repositoryRoot, '.cache', 'compile')
/** How long a child may take to drain before it is killed. */
const stopTimeoutMs = 8_000

/**
 * Starts a child in a process group of its own, so that Ctrl C in the terminal reaches only the supervisor, which stops its
 * children in order.
 */
export function startChild(options: ChildOptions): ChildInstance {
  const log = openSync(options.logFile, 'a')
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', fileURLToPath(options.file)],
    {
      env: {
        NODE_COMPILE_CACHE: compileCache,
        ...inheritedEnvironment(),
        ...options.env,
        MILLRACE_PARENT_PIPE: '1',
      },
      stdio: options.hasChannel ? ['pipe', log, log, 'ipc'] : ['pipe', log, log],
      detached: true,
    },
  )
  closeSync(log)
  // A child that dies while we write to it must not take us down.
  child.stdin?.on('error', () => {})
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: -1, signal: null }))
  })
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    const timer = systemClock.setTimer(stopTimeoutMs, () => child.kill('SIGKILL'))
    await exited
    timer.cancel()
  }
  return { pid: child.pid, exited, stop, process: child }
}

/** Children get the settings of this shell, without those of npm's own run. */
function inheritedEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [key, value] of Object.entries(process.env)) {
    if (value === undefined || key.startsWith('npm_') || key === 'NODE_OPTIONS') continue
    if (key === 'DATABASE_URL' || key === 'KAFKA_BROKERS' || key === 'PORT' || key === 'HOST')
      continue
    if (key.startsWith('MILLRACE_')) continue
    kept[key] = value
  }
  return kept
}

/** The last lines of a log, for people. */
export function lastLogLines(file: string, count: number): readonly string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count)
  } catch {
    return []
  }
}
