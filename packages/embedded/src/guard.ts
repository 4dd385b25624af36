import { spawn } from 'node:child_process'

/** Sees to it that a child ends when this process ends, in whatever way. */
export interface Guard {
  /** The child has ended; the guard leaves. */
  dismiss(): void
}

/**
 * The shell waits for a line. A line means "dismissed"; the end of input means that we are gone, which the kernel sees to even
 * after SIGKILL. $1 signal, $2 pid, $3 directory to remove afterwards or empty. A zombie counts as ended: in a container, process
 * 1 may never reap it.
 */
const script = `trap '' INT TERM HUP
if read -r _; then exit 0; fi
runs() {
  kill -0 "$1" 2>/dev/null || return 1
  case "$(cat "/proc/$1/stat" 2>/dev/null)" in *') Z '*) return 1 ;; esac
}
kill -"$1" "$2" 2>/dev/null
if [ -n "$3" ]; then
  n=0
  while runs "$2" && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.1; done
  rm -rf "$3"
fi`

/**
 * Watches over the process `pid`. It does not keep this process alive.
 * @param signal what the child gets, without SIG
 * @param removeDir removed once the child has ended
 */
export function guardProcess(pid: number, signal: 'INT' | 'TERM' | 'QUIT', removeDir = ''): Guard {
  if (process.platform === 'win32') return { dismiss: () => {} }
  const shell = spawn('/bin/sh', ['-c', script, 'sh', signal, String(pid), removeDir], {
    // A session of its own: Ctrl C in the terminal is for us, not for the guard.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  })
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  // A pipe is a socket here, and would keep the event loop alive.
  ;(shell.stdin as typeof shell.stdin & { unref(): void }).unref()
  return { dismiss: () => void shell.stdin.end('\n') }
}
