/**
 * `<stateDir>/<applicationId>`: one directory for each task with persistent stores, the id of the process, and a lock, since two processes
 * that write the same state would ruin it.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { StreamsError } from '../../errors.ts'
import { releaseTaskLocks } from './task-directory.ts'

const processIdFile = 'process-id'
const lockFile = 'lock'
const removedPrefix = 'removed-'
const taskDirectory = /^\d+_\d+$/
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Held by one process until it is closed or ends. */
export interface StateDirectory {
  readonly path: string
  /** Stays the same over restarts: it names the producers, so that a restarted process ends what it left open. */
  readonly processId: string
  close(): void
}

/** @throws StreamsError `MR_STREAMS_STATE_DIRECTORY` where it cannot be written, or another process has it */
export function openStateDirectory(stateDir: string, applicationId: string): StateDirectory {
  const path = join(stateDir, applicationId)
  try {
    mkdirSync(path, { recursive: true })
    lock(path, applicationId)
    releaseTaskLocks(path)
    removeRemains(path)
    return {
      path,
      processId: processIdOf(path),
      close() {
        locked.delete(join(path, lockFile))
        rmSync(join(path, lockFile), { force: true })
      },
    }
  } catch (error) {
    if (error instanceof StreamsError) throw error
    throw new StreamsError(
      'MR_STREAMS_STATE_DIRECTORY',
      `The state directory of "${applicationId}" cannot be used: ${String(error)}. Choose another with stateDir, or make it writable.`,
      { applicationId },
      { cause: error },
    )
  }
}

/** Tasks that have a directory: they may have state on disk. */
export function storedTasks(path: string): readonly string[] {
  if (!existsSync(path)) return []
  return readdirSync(path).filter((name) => taskDirectory.test(name))
}

/**
 * Removes a task's state. Taken away in one step, so that a thread that is given the task meanwhile begins with nothing instead of half.
 */
export function removeTask(path: string, taskId: string): void {
  const aside = join(path, `${removedPrefix}${taskId}-${randomUUID()}`)
  renameSync(join(path, taskId), aside)
  rmSync(aside, { recursive: true, force: true })
}

/**
 * Removes the state of all tasks; the id of the process stays.
 * @throws StreamsError `MR_STREAMS_STATE_DIRECTORY` while a process uses it
 */
export function removeState(stateDir: string, applicationId: string): void {
  if (!existsSync(join(stateDir, applicationId))) return
  const directory = openStateDirectory(stateDir, applicationId)
  try {
    for (const taskId of storedTasks(directory.path)) removeTask(directory.path, taskId)
  } finally {
    directory.close()
  }
}

/** What a process left that ended while it removed a task. */
function removeRemains(path: string): void {
  for (const name of readdirSync(path))
    if (name.startsWith(removedPrefix)) rmSync(join(path, name), { recursive: true, force: true })
}

function lock(path: string, applicationId: string): void {
  const file = join(path, lockFile)
  for (let attempt = 1; ; attempt++) {
    try {
      const handle = openSync(file, 'wx')
      writeSync(handle, String(process.pid))
      closeSync(handle)
      locked.add(file)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 2) throw error
      const owner = Number(readFileSync(file, 'utf8'))
      // A lock of this very process id is of a former process that had the same number, or of an app that runs here.
      if (locked.has(file) || (owner !== process.pid && isRunning(owner)))
        throw new StreamsError(
          'MR_STREAMS_STATE_DIRECTORY',
          `The state directory of "${applicationId}" is in use by the process ${owner}. Give every instance on a machine a stateDir of its own.`,
          { applicationId, ownerPid: owner },
        )
      rmSync(file, { force: true })
    }
  }
}

/** Locks that this process holds. */
const locked = new Set<string>()

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function processIdOf(path: string): string {
  const file = join(path, processIdFile)
  const present = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  if (uuid.test(present)) return present
  const processId = randomUUID()
  writeFileSync(file, processId)
  return processId
}
