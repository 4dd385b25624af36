import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { StreamState } from '../../lib/live-stream.ts'
import { asProblem } from '../../lib/problem.ts'
import { useLiveStream } from '../../lib/use-live-stream.ts'
import { aggregateStreamPath, getAggregate } from './api.ts'
import { toAggregate } from './mappers.ts'
import type { Aggregate } from './model.ts'

export interface LiveAggregate {
  /** Null: analytics has not heard of the thread. Undefined: not known yet. */
  readonly aggregate: Aggregate | null | undefined
  readonly stream: StreamState
  readonly error: Error | null
  readonly refetch: () => void
  readonly retryNow: () => void
}

/** The aggregate of a thread, pushed. `onChange` hears of each change, once per pushed state. */
export function useLiveAggregate(
  threadId: string,
  onChange: (next: Aggregate, before: Aggregate | null) => void,
): LiveAggregate {
  const client = useQueryClient()
  const key = ['aggregate', threadId]
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => getAggregate(threadId, signal),
  })
  const { state, retryNow } = useLiveStream(aggregateStreamPath({ threadId }), {
    onEvent: ({ type, data }) => {
      if (type !== 'aggregate') return
      const next = parse(data)
      if (next === null || next.threadId !== threadId) return
      const before = client.getQueryData<Aggregate | null>(key) ?? null
      if (isOlder(next, before)) return
      client.setQueryData(key, next)
      onChange(next, before)
    },
    onResume: () => void query.refetch(),
  })
  return {
    aggregate: query.data,
    stream: state,
    error: query.error === null ? null : asProblem(query.error),
    refetch: () => void query.refetch(),
    retryNow,
  }
}

/** A frame this page cannot read is left out: the state shown ages visibly, and a reload reads it afresh. */
function parse(data: string): Aggregate | null {
  try {
    return toAggregate(JSON.parse(data))
  } catch {
    return null
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
