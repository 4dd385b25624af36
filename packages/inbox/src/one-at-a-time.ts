import { unlessAborted } from './wait-at-most.ts'

/**
 * Lets one piece of work run at a time. What may kill the process is handled alone: were two such events under way when it dies, both would
 * be charged with the death, and an innocent one would be given up together with the guilty.
 */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `work` once what came before has ended. @throws what `work` throws; the signal's reason when it is aborted while it waits */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#last
    const done = Promise.withResolvers<void>()
    this.#last = before.then(() => done.promise)
    try {
      await unlessAborted(signal, before)
      return await work()
    } finally {
      done.resolve()
    }
  }
}
