import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { asProblem } from '../../lib/problem.ts'
import type { ServerSentEvent } from '../../lib/server-sent-events.ts'
import { useStore } from '../../lib/store.ts'
import { useLiveStream } from '../../lib/use-live-stream.ts'
import { withSample } from './history.ts'
import { toOverview } from './mappers.ts'
import { overviewStore } from './store.ts'

/** The gateway sends one sample a second; silence for so long means the connection is gone. */
const silenceLimitMs = 6000

/** Keeps the overview stream open on every page, so that the top bar always tells how the house is. */
export function OverviewFeeder() {
  const client = useQueryClient()
  const { state, retryNow } = useLiveStream('/api/overview/stream', {
    onEvent: take,
    silenceLimitMs,
    // What failed while the gateway was away is asked again once it is back.
    onResume: () =>
      void client.refetchQueries({ predicate: (query) => query.state.status === 'error' }),
  })
  useEffect(() => {
    overviewStore.set({ ...overviewStore.get(), stream: state, retryNow })
  }, [state])
  useRetryWhenReady()
  return null
}

function take(event: ServerSentEvent): void {
  if (event.type !== 'overview') return
  const feed = overviewStore.get()
  try {
    const history = withSample(feed.history, toOverview(JSON.parse(event.data)))
    overviewStore.set({ ...feed, history, receivedAtMs: Date.now(), problem: null })
  } catch (error) {
    overviewStore.set({ ...feed, problem: asProblem(error) })
  }
}

/** A part that became ready may answer what failed before. */
function useRetryWhenReady(): void {
  const client = useQueryClient()
  const ready = useStore(overviewStore)
    .history.at(-1)
    ?.parts.filter((part) => part.state === 'ready').length
  useEffect(() => {
    if (ready === undefined || ready === 0) return
    void client.refetchQueries({ predicate: (query) => query.state.status === 'error' })
  }, [client, ready])
}
