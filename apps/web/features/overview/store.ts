import type { StreamState } from '../../lib/live-stream.ts'
import { createStore } from '../../lib/store.ts'
import type { ApiProblem } from '../../lib/problem.ts'
import type { Overview } from './model.ts'

export interface OverviewFeed {
  readonly history: readonly Overview[]
  readonly stream: StreamState
  /** When the last sample came, on this browser's clock; null before the first. */
  readonly receivedAtMs: number | null
  /** Set while samples come that this page cannot read. */
  readonly problem: ApiProblem | null
  readonly retryNow: () => void
}

/** Written by `OverviewFeeder` alone, which the shell mounts once. */
export const overviewStore = createStore<OverviewFeed>({
  history: [],
  stream: { kind: 'connecting' },
  receivedAtMs: null,
  problem: null,
  retryNow: () => {},
})
