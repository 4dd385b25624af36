import type { Page, PageRequest } from './store-read.ts'

/** Gives pages of stores, from this instance or from wherever they are. */
export interface PageSource {
  /** @throws StreamsError */
  page(request: PageRequest): Promise<Page>
  /** The partitions that a walk over a whole store goes through; `undefined` for a global store. */
  partitions(store: string): readonly (number | undefined)[]
  /** Whether the same request may be answered if it is made again a moment later. */
  isPassing(code: string): boolean
}
