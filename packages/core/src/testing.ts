import { setFaultAction } from './faults.ts'
import { systemClock } from './clock.ts'

export { SimulatedClock } from './simulated-clock.ts'

/**
 * Waits until `condition` gives a value that is neither false, null nor undefined, and returns it. An error of the condition
 * counts as "not yet" and is named when time runs out. A minute by default: what takes a second alone takes long where everything else runs too, and
 * only what never comes waits so long.
 */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, false | null | undefined>> {
  const timeoutMs = options.timeoutMs ?? 60_000
  const deadline = systemClock.monotonicMs() + timeoutMs
  let lastError: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value !== false && value !== null && value !== undefined)
        return value as Exclude<T, false | null | undefined>
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    if (systemClock.monotonicMs() > deadline)
      throw new Error(`Not within ${timeoutMs} ms: ${what}`, { cause: lastError })
    await systemClock.sleep(options.everyMs ?? 20)
  }
}

/** Arms fault points inside this process; returns a function that disarms them. */
export function armFaults(action: (point: string) => void | Promise<void>): () => void {
  setFaultAction(action)
  return () => setFaultAction(undefined)
}

/**
 * Arms this process from a text such as `kill@outbox.relay.afterPublish#3`: SIGKILL itself at the third pass of that point.
 * Several rules are parted by commas. Used by processes that a fault test starts with `MILLRACE_FAULTS`.
 */
export function armFaultsFromText(text: string): void {
  const rules = text.split(',').filter(Boolean).map(parseRule)
  setFaultAction((point) => {
    for (const rule of rules) {
      if (rule.point === point && ++rule.passes === rule.atPass)
        process.kill(process.pid, 'SIGKILL')
    }
  })
}

function parseRule(text: string): {
  readonly point: string
  readonly atPass: number
  passes: number
} {
  const match = /^kill@([a-zA-Z0-9.-]+)(?:#(\d+))?$/.exec(text.trim())
  if (!match?.[1])
    throw new Error(`MILLRACE_FAULTS: "${text}" is not of the form kill@<point>#<pass>`)
  return { point: match[1], atPass: Number(match[2] ?? 1), passes: 0 }
}
