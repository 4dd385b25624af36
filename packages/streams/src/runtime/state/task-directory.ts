/**
 * What stands beside a task's state on disk: which thread of the process has it, and how far it goes, to be read without opening it. The other
 * processes are kept out by the lock of the application's directory.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

const lockSuffix = '.lock'
const taskLock = /^\d+_\d+\.lock$/
const positionFile = 'position'

/** Held by one thread, from when it opens a task's state until it has closed it. */
export class TaskDirectory {
  readonly path: string
  readonly #lock: string
  #position: number | undefined

  private constructor(path: string, lock: string) {
    this.path = path
    this.#lock = lock
  }

  /** Undefined while another thread of this process has the task. */
  static open(
    stateDirectory: string,
    taskId: string,
    threadIndex: number,
  ): TaskDirectory | undefined {
    const path = join(stateDirectory, taskId)
    const lock = path + lockSuffix
    mkdirSync(stateDirectory, { recursive: true })
    try {
      writeFileSync(lock, String(threadIndex), { flag: 'wx' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      // One of this thread's own is of a session that ended without closing it.
      if (readText(lock) !== String(threadIndex)) return undefined
    }
    return new TaskDirectory(path, lock)
  }

  /**
   * Notes how far the state on disk goes: for others to choose by, so that it need not be exact, nor survive a loss of power.
   * @param position offsets behind which the changelogs go on, summed over the stores on disk
   */
  writePosition(position: number): void {
    if (this.#position === undefined) {
      // Without a store on disk there is no directory.
      if (!existsSync(this.path)) return
      this.#position = openSync(join(this.path, positionFile), 'w')
    }
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(position)
    writeSync(this.#position, bytes, 0, bytes.length, 0)
  }

  close(): void {
    if (this.#position !== undefined) closeSync(this.#position)
    this.#position = undefined
    rmSync(this.#lock, { force: true })
  }
}

/** As `writePosition` noted it; undefined where nothing was. */
export function readTaskPosition(stateDirectory: string, taskId: string): number | undefined {
  try {
    const bytes = readFileSync(join(stateDirectory, taskId, positionFile))
    const position = bytes.length === 8 ? bytes.readDoubleBE() : -1
    return Number.isSafeInteger(position) && position >= 0 ? position : undefined
  } catch {
    // Not there, or just removed: then there is no state either.
    return undefined
  }
}

/** Tasks that some thread of this process has open. */
export function lockedTasks(stateDirectory: string): readonly string[] {
  return lockFiles(stateDirectory).map((name) => name.slice(0, -lockSuffix.length))
}

/** @param threadIndex of a thread that has ended; undefined for a process that has just begun, whose locks are all of one that has ended */
export function releaseTaskLocks(stateDirectory: string, threadIndex?: number): void {
  for (const name of lockFiles(stateDirectory)) {
    const file = join(stateDirectory, name)
    if (threadIndex === undefined || readText(file) === String(threadIndex))
      rmSync(file, { force: true })
  }
}

function lockFiles(stateDirectory: string): readonly string[] {
  if (!existsSync(stateDirectory)) return []
  return readdirSync(stateDirectory).filter((name) => taskLock.test(name))
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
