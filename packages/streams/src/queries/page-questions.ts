import { systemClock, type Timer } from '@millrace/core'
import { StreamsError } from '../errors.ts'
import { unpackPage, type PackedPage } from './packed-page.ts'
import type { Page, PageRequest } from './store-read.ts'

interface Asker {
  readonly timer: Timer
  resolve(page: Page): void
  reject(error: unknown): void
}

/** Beyond the time that a page may wait for its position or commit, ms: a thread that computes for longer is not there. */
const answerMs = 2_000

/** Pages that a worker was asked for and has not given yet. */
export class PageQuestions {
  readonly #askers = new Map<number, Asker>()
  #asked = 0

  /** @param tell sends the question with its number */
  ask(request: PageRequest, tell: (id: number) => void): Promise<Page> {
    const id = this.#asked++
    return new Promise((resolve, reject) => {
      const timer = systemClock.setTimer(request.timeoutMs + answerMs, () =>
        this.failed(id, silent(request, `its stream thread did not answer within ${answerMs} ms`)),
      )
      this.#askers.set(id, { timer, resolve, reject })
      tell(id)
    })
  }

  answered(id: number, page: PackedPage): void {
    this.#settled(id)?.resolve(unpackPage(page))
  }

  failed(id: number, error: unknown): void {
    this.#settled(id)?.reject(error)
  }

  /** The worker is gone. */
  forget(): void {
    for (const id of this.#askers.keys())
      this.failed(id, silent(undefined, 'its stream thread has ended'))
  }

  /** Undefined where the question was given up. */
  #settled(id: number): Asker | undefined {
    const asker = this.#askers.get(id)
    this.#askers.delete(id)
    asker?.timer.cancel()
    return asker
  }
}

/** The answer of a thread that has no tasks now, or cannot be asked. */
export function silent(request: PageRequest | undefined, why: string): StreamsError {
  return new StreamsError(
    'MR_STREAMS_STORE_NOT_READY',
    `${request ? `The store "${request.store}"` : 'A store'} cannot be read now: ${why}. Ask again.`,
    request && { store: request.store, partition: request.partition },
  )
}
