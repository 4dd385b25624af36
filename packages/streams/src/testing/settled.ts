import { setImmediate } from 'node:timers/promises'

/** A promise chain of a test's function is a few turns of the event loop long at most. */
const idleTurns = 10

/** Lets promises settle, and does what follows from that, until nothing has followed for a while. @param run returns whether it did something */
export async function settled(run: () => boolean): Promise<void> {
  for (let idle = 0; idle < idleTurns; idle++) {
    await setImmediate()
    if (run()) idle = 0
  }
}
