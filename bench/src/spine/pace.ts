import { tellParent } from '../child.ts'

export interface LatencyRequest {
  readonly perSecond: number
  readonly seconds: number
}

export interface LatencySample {
  readonly threadId: string
  /** Wall clock when the commit's answer was there, ms; one machine, one clock. */
  readonly committedAtMs: number
}

/** Starts `act` at an even pace and tells the parent of each commit at once; whether or not the one before has ended (open loop: a slow system does not slow its own load). */
export async function paced(
  request: LatencyRequest,
  act: () => Promise<LatencySample>,
): Promise<void> {
  const count = request.perSecond * request.seconds
  const everyMs = 1000 / request.perSecond
  const startedAtMs = performance.now()
  const running: Promise<void>[] = []
  for (let index = 0; index < count; index++) {
    const waitMs = startedAtMs + index * everyMs - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    running.push(act().then(tellParent))
  }
  await Promise.all(running)
}
