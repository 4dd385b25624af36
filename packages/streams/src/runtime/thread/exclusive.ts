/** Lets one piece of work run at a time, in the order of the calls. */
export class Exclusive {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `work` once what came before has ended. @throws what `work` throws */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    const running = this.#last.then(work)
    this.#last = running.catch(() => {}) // Told to its own caller.
    return running
  }
}
