import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/**
 * What the system tells about processes that are not our children. Linux tells all of it in /proc; elsewhere `ps` gives the command
 * line, and the working directory stays unknown.
 */
export const knowsDirectories = process.platform === 'linux'

/** True when the process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return statOf(pid)?.[0] !== 'Z'
}

/** Clock ticks after boot at which the process started: with the pid, it names a process for ever. Empty where it cannot be known. */
export function startTimeOf(pid: number): string {
  return statOf(pid)?.[19] ?? ''
}

/** The arguments, parted by blanks; empty when there is no such process. */
export function commandOf(pid: number): string {
  try {
    return knowsDirectories
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      : execFileSync('ps', ['-o', 'command=', '-p', String(pid)], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        })
  } catch {
    return ''
  }
}

/** Undefined where it cannot be known. */
export function workingDirectoryOf(pid: number): string | undefined {
  try {
    return knowsDirectories ? readlinkSync(`/proc/${pid}/cwd`) : undefined
  } catch {
    return undefined
  }
}

/** The pids of all processes of that program name; none where directories are not known. */
export function pidsOf(programName: string): readonly number[] {
  if (!knowsDirectories) return []
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && programNameOf(pid) === programName)
}

function programNameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** The fields of /proc/<pid>/stat from the state on; the name before them may hold anything. */
function statOf(pid: number): readonly string[] | undefined {
  if (!knowsDirectories) return undefined
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
