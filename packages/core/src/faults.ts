/**
 * Named points in the code where a test may act (kill the process, throw, wait). With nothing armed, `at` costs one property read.
 * Production code only calls `at`; `./testing` arms points, and processes under test arm them from `MILLRACE_FAULTS`.
 */
type FaultAction = (point: string) => void | Promise<void>

let action: FaultAction | undefined

export const faults = {
  /** Passes the point `name`. Await it: an armed point may wait or throw. */
  at(name: string): void | Promise<void> {
    return action?.(name)
  },
}

/** @internal Entered by `./testing` alone. */
export function setFaultAction(next: FaultAction | undefined): void {
  action = next
}
