import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { StreamState } from '../../lib/live-stream.ts'
import { asProblem } from '../../lib/problem.ts'
import { useLiveStream } from '../../lib/use-live-stream.ts'
import { aggregateStreamPath, getAggregate } from './api.ts'
import { toPushedAggregate } from './mappers.ts'
import type { Aggregate } from './model.ts'

/** The services send a sign of life every 15 s; three missing ones mean the connection is gone. */
const silenceLimitMs = 46_000

export interface LiveAggregate {
  /** Null: analytics has not heard of the thread. Undefined: not known yet. */
  readonly aggregate: Aggregate | null | undefined
  readonly stream: StreamState
  readonly error: Error | null
  readonly refetch: () => void
  readonly retryNow: () => void
}

/** The aggregate of a thread, pushed. `onChange` hears of each pushed state, `onDeleted` when the thread is gone. */
export function useLiveAggregate(
  threadId: string,
  handlers: {
    readonly onChange: (next: Aggregate, before: Aggregate | null) => void
    readonly onDeleted: () => void
  },
): LiveAggregate {
  const { onChange, onDeleted } = handlers
  const client = useQueryClient()
  const key = ['aggregate', threadId]
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => getAggregate(threadId, signal),
  })
  const { state, retryNow } = useLiveStream(aggregateStreamPath({ threadId }), {
    onEvent: ({ type, data }) => {
      if (type === 'deleted') {
        client.setQueryData(key, null)
        onDeleted()
      }
      if (type !== 'aggregate') return
      const next = toPushedAggregate(data)
      if (next === null || next.threadId !== threadId) return
      const before = client.getQueryData<Aggregate | null>(key) ?? null
      if (isOlder(next, before)) return
      client.setQueryData(key, next)
      onChange(next, before)
    },
    onResume: () => void query.refetch(),
    silenceLimitMs,
  })
  return {
    aggregate: query.data,
    stream: state,
    error: query.error === null ? null : asProblem(query.error),
    refetch: () => void query.refetch(),
    retryNow,
  }
}

/** Push and answer may cross on the way. */
function isOlder(next: Aggregate, before: Aggregate | null): boolean {
  return (
    next.updatedAtMs !== null &&
    before?.updatedAtMs != null &&
    next.updatedAtMs < before.updatedAtMs
  )
}
